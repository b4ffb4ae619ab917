"""`git` of a source in config/environments.toml, and what goes with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import environments
from config.errors import Misconfigured
from config.git_sources import GitDeclaration
from config.sources import Source

TARGET = '[environments.staging]\nurl = "A"\nsource = "billing"\n'
HTTPS = 'git = "https://github.com/acme/app.git"\n'
SSH = 'git = "git@github.com:acme/app.git"\nkey = "KEY"\n'


def declared(folder: Path, text: str, **variables: str) -> Source:
    path = folder / "environments.toml"
    path.write_text(f"[sources.billing]\n{text}\n{TARGET}", encoding="utf-8")
    (source,) = environments.read(path, variables).sources
    return source


def git_of(folder: Path, text: str, **variables: str) -> GitDeclaration:
    git = declared(folder, text, **variables).git
    assert git
    return git


def test_a_repository_is_declared_with_its_branch_and_the_names_of_its_secrets(tmp_path: Path) -> None:
    text = (
        HTTPS + 'branch = "main"\npath = "db/migrations/"\ntoken = "TOKEN"\nwebhook_secret = "HOOK"\nformat = "dbmate"'
    )
    source = declared(tmp_path, text, TOKEN="t0ken", HOOK="h00k-h00k-h00k-h00k")
    git = source.git
    assert git
    assert (git.ref, git.path, git.token, git.webhook_secret) == (
        "refs/heads/main",
        "db/migrations",
        "t0ken",
        "h00k-h00k-h00k-h00k",
    )
    assert (git.unset, git.every, source.reading.format) == ((), 5, "dbmate")
    assert "t0ken" not in repr(source)
    assert "h00k" not in repr(source)
    assert git.origin == "https://github.com/acme/app.git refs/heads/main:db/migrations"


def test_a_source_may_raise_what_a_fetch_may_take(tmp_path: Path) -> None:
    git = git_of(tmp_path, HTTPS + "limits = { received_mb = 2048, entries = 50000 }")
    assert git.limits == {"received_mb": 2048, "entries": 50000}
    assert git_of(tmp_path, HTTPS).limits == {}


@pytest.mark.parametrize(
    ("limits", "fault"),
    [
        ("limits = 5", "must be a table with some of these: received_mb"),
        ("limits = { received = 5 }", "must be a table with some of these"),
        (
            "limits = { file_mb = 0 }",
            "`file_mb` in `limits` of the source billing must be a whole number from 1 to 256",
        ),
        ("limits = { file_mb = 257 }", "from 1 to 256"),
        ("limits = { files_mb = true }", "from 1 to 1024"),
    ],
)
def test_a_limit_that_is_none_is_refused(limits: str, fault: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=fault):
        git_of(tmp_path, HTTPS + limits)


def test_a_secret_that_can_be_guessed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="The secret in HOOK is shorter than 16") as refusal:
        declared(tmp_path, HTTPS + 'webhook_secret = "HOOK"', HOOK="h00k")
    assert "h00k" not in str(refusal.value)


def test_the_end_of_a_line_is_no_part_of_the_secret_of_a_webhook(tmp_path: Path) -> None:
    text = HTTPS + 'webhook_secret = "HOOK"'
    git = git_of(tmp_path, text, HOOK="h00k-h00k-h00k-h00k\n")
    assert (git.webhook_secret, git.unset) == ("h00k-h00k-h00k-h00k", ())
    assert git_of(tmp_path, text, HOOK=" " * 16).unset == ("HOOK",)


def test_nothing_but_the_address_is_needed(tmp_path: Path) -> None:
    git = git_of(tmp_path, HTTPS)
    assert (git.ref, git.shown_ref, git.path, git.absence) == ("", "default branch", "", "")


def test_known_hosts_is_a_text_or_a_variable(tmp_path: Path) -> None:
    assert git_of(tmp_path, SSH + 'known_hosts = "github.com ssh-ed25519 AAAA"', KEY="k").known_hosts.startswith("git")
    git = git_of(tmp_path, SSH + 'known_hosts = "HOSTS"', HOSTS="github.com ssh-ed25519 AAAA", KEY="k")
    assert git.known_hosts == "github.com ssh-ed25519 AAAA"


def test_what_is_named_and_not_set_is_told(tmp_path: Path) -> None:
    assert git_of(tmp_path, HTTPS + 'token = "TOKEN"').absence == "the variable TOKEN is not set"
    git = git_of(tmp_path, SSH + 'known_hosts = "HOSTS"')
    assert git.absence == "the variables KEY and HOSTS are not set"


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://github.com/acme/app.git", "https://github.com/acme/app/commit/abc"),
        ("git@github.com:acme/app.git", "https://github.com/acme/app/commit/abc"),
        ("https://gitlab.com/a/b/app", "https://gitlab.com/a/b/app/-/commit/abc"),
        ("ssh://git@gitlab.example.org:2222/a/app.git", "https://gitlab.example.org/a/app/-/commit/abc"),
        ("https://bitbucket.org/acme/app.git", "https://bitbucket.org/acme/app/commits/abc"),
        ("https://gitea.example.org:3000/acme/app.git", "https://gitea.example.org:3000/acme/app/commit/abc"),
        ("https://git.example.org/acme/app.git", ""),
    ],
)
def test_the_page_of_a_commit(url: str, page: str, tmp_path: Path) -> None:
    more = 'key = "KEY"\nknown_hosts = "a b c"\n' if "@" in url else ""
    assert git_of(tmp_path, f'git = "{url}"\n{more}', KEY="k").commit_page("abc") == page


def test_the_page_of_a_commit_may_be_said(tmp_path: Path) -> None:
    assert git_of(tmp_path, HTTPS + 'web = "https://x.org/?c={commit}"').commit_page("abc") == "https://x.org/?c=abc"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("git = 3", "`git` of the source billing must be a text"),
        ('git = "file:///srv/app"', "`git` of the source billing must be the address"),
        ('git = "/srv/app"', "`git` of the source billing must be the address"),
        ('git = "https://ada:s3cret@github.com/acme/app"', "without a password"),
        ('git = "https://s3cret@github.com/acme/app"', "without a password"),
        ('git = "https://github.com"', "must be the address of a repository"),
        (HTTPS + 'token = "ghp_s3cret"', "`token` of the source billing must be the NAME of an environment variable"),
        (HTTPS + 'webhook_secret = "s3cret"', "`webhook_secret` of the source billing must be the NAME"),
        (HTTPS + 'branch = "main"\ntag = "v1"', "`branch` and `tag` of the source billing are both set"),
        (HTTPS + 'branch = "refs/heads/main"', "without refs/"),
        (HTTPS + 'branch = ["main"]', "`branch` of the source billing must be a text"),
        (HTTPS + 'path = "../x"', "`path` of the source billing must be a folder in the repository"),
        (HTTPS + 'path = "/x"', "`path` of the source billing must be a folder in the repository"),
        (HTTPS + 'every = "5"', "`every` of the source billing must be a whole number"),
        (HTTPS + "every = true", "`every` of the source billing must be a whole number"),
        (HTTPS + 'web = "https://x.org"', "`web` of the source billing must be the address of the page of a commit"),
        (HTTPS + 'key = "KEY"', "`key` of the source billing is for ssh"),
        (HTTPS + 'folder = "x"', "unknown settings: folder"),
        (SSH, "`known_hosts` of the source billing is missing"),
        (SSH + 'known_hosts = "x y z"\ntoken = "T"', "`token` of the source billing is for https"),
        ('git = "http://git.example.org/app"\ntoken = "T"', "must begin with https://"),
        ('path = "x"\nbranch = "main"', "`branch` of the source billing is about a repository"),
    ],
)
def test_what_cannot_be_meant_is_refused_without_what_is_secret(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=said) as refusal:
        declared(tmp_path, text)
    assert "s3cret" not in str(refusal.value)
