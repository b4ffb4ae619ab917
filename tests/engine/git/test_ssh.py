"""The same over SSH, from OpenSSH's own daemon."""

from __future__ import annotations

from dataclasses import replace

import pytest
from paramiko.hostkeys import HostKeys

from dashboard.engine.git import GitFetchFailed, Remote
from dashboard.engine.git import errors as git_errors
from dashboard.engine.git.hostkeys import known_keys, signatures
from tests.engine.git.here import fetch, peek
from tests.fix_git import GitHttpServer, GitRepository, GitSshServer, MakeRepository
from tests.ports import free_port

FILES = {"db/001_a.sql": "SELECT 1;\n", "app/main.py": "pass\n"}


@pytest.fixture
def remote(git_repository: GitRepository, git_ssh: GitSshServer) -> Remote:
    git_repository.commit(FILES)
    return Remote(url=git_ssh.url_of(git_repository), path="db", key=git_ssh.key, known_hosts=git_ssh.known_hosts)


def test_it_fetches_with_a_deploy_key(git_repository: GitRepository, remote: Remote):
    tip = git_repository.commit({"db/002_b.sql": "SELECT 2;\n"})
    fetched = fetch(remote)
    assert peek(remote) == fetched.commit.id == tip
    assert {file.path for file in fetched.files} == {"001_a.sql", "002_b.sql"}


@pytest.mark.parametrize("ref", [None, "v2", "main"])
def test_it_fetches_from_a_daemon_that_knows_the_old_protocol_only(
    git_repository: GitRepository, git_ssh: GitSshServer, remote: Remote, ref: str | None
):
    git_repository.git("tag", "--annotate", "--message=two", "v2")
    git_repository.push("--tags")
    fetched = fetch(replace(remote, ref=ref, url=git_ssh.url_of(git_repository, git_ssh.old_port)))
    assert fetched.commit.id == git_repository.git("rev-parse", "HEAD")
    assert [file.path for file in fetched.files] == ["001_a.sql"]


def test_objects_outside_the_path_stay_there(make_git_repository: MakeRepository, git_ssh: GitSshServer):
    repository = make_git_repository("large")
    repository.commit(FILES | {"app/big.bin": bytes(2_000_000)})
    repository.set("core.compression", "0")
    remote = Remote(url=git_ssh.url_of(repository), path="db", key=git_ssh.key, known_hosts=git_ssh.known_hosts)
    assert fetch(remote).received < 20_000


@pytest.mark.parametrize(("kind", "form"), [("rsa", "PEM"), ("rsa", "RFC4716"), ("ecdsa", "PEM"), ("ed25519", "")])
def test_keys_of_every_common_kind(git_ssh: GitSshServer, remote: Remote, kind: str, form: str):
    name = f"{kind}_{form}"
    key = git_ssh.make_key(name, kind, form=form)
    git_ssh.admit(name)
    assert peek(replace(remote, key=key))


def test_a_key_may_stand_in_one_line(remote: Remote):
    assert peek(replace(remote, key=remote.key.replace("\n", "\\n"))) == peek(remote)


def test_a_key_that_is_not_admitted(git_ssh: GitSshServer, remote: Remote):
    other = git_ssh.make_key("other")
    with pytest.raises(git_errors.GitKeyRefused) as caught:
        peek(replace(remote, key=other))
    assert caught.value.facts["fingerprint"].startswith("SHA256:")
    assert caught.value.facts["user"] == git_ssh.user


@pytest.mark.parametrize("key", ["", "  \n", "ssh-ed25519 AAAA", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA"])
def test_what_is_no_key(remote: Remote, key: str):
    with pytest.raises(git_errors.GitKeyUnusable) as caught:
        peek(replace(remote, key=key))
    assert "AAAA" not in f"{caught.value} {caught.value.facts}"


def test_a_key_with_a_passphrase(git_ssh: GitSshServer, remote: Remote):
    locked = git_ssh.make_key("locked", passphrase="open sesame")
    with pytest.raises(git_errors.GitKeyUnusable):
        peek(replace(remote, key=locked))


def test_a_host_nobody_knows_is_refused_with_the_line_to_write(git_ssh: GitSshServer, remote: Remote):
    with pytest.raises(git_errors.HostKeyUnknown) as caught:
        fetch(replace(remote, known_hosts="# none yet\ngithub.com ssh-ed25519 AAAA\n"))
    assert caught.value.facts["fingerprint"].startswith("SHA256:")
    assert caught.value.facts["fingerprint"] in str(caught.value)
    line = caught.value.facts["line"]
    assert line in caught.value.remedy
    assert line in git_ssh.known_hosts
    assert peek(replace(remote, known_hosts=line))


def test_another_host_key_than_the_known_one_is_refused(git_ssh: GitSshServer, remote: Remote):
    git_ssh.make_key("intruder")
    kind, key = (git_ssh.home / "intruder.pub").read_text().split()[:2]
    with pytest.raises(git_errors.HostKeyChanged):
        fetch(replace(remote, known_hosts=f"[127.0.0.1]:{git_ssh.port} {kind} {key}"))


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ssh-rsa"])
def test_one_known_key_of_several_is_enough(remote: Remote, kind: str):
    lines = [line for line in remote.known_hosts.splitlines() if f" {kind} " in line]
    assert peek(replace(remote, known_hosts="\n".join(lines)))


def test_a_revoked_host_key_is_refused(remote: Remote):
    revoked = "".join(f"@revoked {line}\n" for line in remote.known_hosts.splitlines() if "ed25519" in line)
    with pytest.raises(git_errors.HostKeyChanged):
        peek(replace(remote, known_hosts=revoked))


def test_no_secret_is_sent_to_a_host_that_is_not_proven(git_ssh: GitSshServer, remote: Remote):
    log = git_ssh.home / "log"
    before = log.read_text().count("Accepted")
    with pytest.raises(GitFetchFailed):
        peek(replace(remote, known_hosts=""))
    assert log.read_text().count("Accepted") == before


def test_a_repository_that_is_not_there_is_told_in_the_words_of_the_server(git_ssh: GitSshServer, remote: Remote):
    with pytest.raises(git_errors.GitRepositoryMissing) as caught:
        fetch(replace(remote, url=f"ssh://{git_ssh.user}@127.0.0.1:{git_ssh.port}/none.git"))
    assert "does not appear to be a git repository" in caught.value.facts["quoted"]


def test_nobody_listens(git_ssh: GitSshServer, remote: Remote):
    with pytest.raises(git_errors.GitUnreachable):
        peek(replace(remote, url=f"ssh://git@127.0.0.1:{free_port()}/a.git"))


@pytest.mark.parametrize(
    ("command", "error"),
    [
        pytest.param("yes", git_errors.GitServerUnusable, id="garbage"),
        pytest.param("echo Welcome to this host", git_errors.GitServerUnusable, id="a greeting"),
        pytest.param("sleep 30", git_errors.GitUnreachable, id="silence"),
        pytest.param("yes >&2", git_errors.GitUnreachable, id="words without end, and nothing of git"),
        pytest.param("printf 0008abcd", git_errors.GitServerUnusable, id="a line of something"),
        pytest.param("true", git_errors.GitRepositoryMissing, id="nothing"),
        pytest.param("echo No access >&2; false", git_errors.GitRepositoryMissing, id="a refusal"),
    ],
)
def test_a_program_that_is_not_git(git_ssh: GitSshServer, remote: Remote, command: str, error: type[GitFetchFailed]):
    name = f"forced_{abs(hash(command))}"
    key = git_ssh.make_key(name)
    git_ssh.admit(name, command=command)
    with pytest.raises(error) as caught:
        peek(replace(remote, key=key), silence=1.5)
    assert ("No access" in str(caught.value)) is ("No access" in command)


def test_what_speaks_no_ssh(git_http: GitHttpServer, remote: Remote):
    url = git_http.url.replace("http:", "ssh:")
    with pytest.raises(git_errors.GitServerUnusable):
        peek(replace(remote, url=f"{url}/a.git"), silence=1.5)


HOST, PORT = "git.example.org", 22
SALT = "AAECAwQFBgcICQoLDA0ODxAREhM="
OTHERS = "gitlab.com ssh-rsa AAAB\n# git.example.org ssh-rsa AAAC\ngit.example.org\n"


@pytest.mark.parametrize(
    ("line", "host", "port"),
    [
        ("git.example.org ssh-rsa AAAA", HOST, PORT),
        ("a.org,git.example.org,10.0.0.1 ssh-rsa AAAA a comment", HOST, PORT),
        ("git.example.org ssh-rsa AAAA", "Git.Example.ORG", PORT),
        ("*.example.org ssh-rsa AAAA", HOST, PORT),
        ("[git.example.org]:2222 ssh-rsa AAAA", HOST, 2222),
        (f"{HostKeys.hash_host(HOST, SALT)} ssh-rsa AAAA", HOST, PORT),
        (f"{HostKeys.hash_host('[git.example.org]:2222', SALT)} ssh-rsa AAAA", HOST, 2222),
    ],
)
def test_a_line_that_names_the_host(line: str, host: str, port: int):
    (key,) = known_keys(f"{OTHERS}{line}\n", host, port)
    assert (key.kind, key.base64, key.is_revoked) == ("ssh-rsa", "AAAA", False)
    assert signatures((key,)) == ["rsa-sha2-512", "rsa-sha2-256"]


@pytest.mark.parametrize(
    "line",
    [
        "git.example.org.evil ssh-rsa AAAA",
        "[git.example.org]:2222 ssh-rsa AAAA",
        "*.example.org,!git.example.org ssh-rsa AAAA",
        "git[.]example.org ssh-rsa AAAA",
        "@cert-authority git.example.org ssh-rsa AAAA",
        "|1|x|y ssh-rsa AAAA",
        "|1| ssh-rsa AAAA",
    ],
)
def test_a_line_that_names_another(line: str):
    assert known_keys(line, HOST, PORT) == ()
