"""A commit's files from a real server over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.engine.git import Descent, FetchLimits, GitFetchFailed, Remote, StoredKind
from dashboard.engine.git import errors as git_errors
from tests.engine.git.here import fetch, peek
from tests.fix_git import BRANCH, FILES, GitHttpServer, GitRepository, MakeRepository, git

LARGE = 3 * 1024 * 1024


def test_it_fetches_the_files_of_one_commit(git_repository: GitRepository, remote: Remote):
    first = git_repository.git("rev-parse", "HEAD")
    tip = git_repository.commit({"db/sub/002_b.sql": "SELECT 22;\n"}, "Add b\n\nIt is needed.")
    fetched = fetch(remote)
    assert peek(remote) == fetched.commit.id == tip
    assert {file.path: file.content for file in fetched.files} == {
        "001_a.sql": b"SELECT 1;\n",
        "sub/002_b.sql": b"SELECT 22;\n",
    }
    assert {file.kind for file in fetched.files} == {StoredKind.FILE}
    assert fetched.ref == "refs/heads/main"
    assert fetched.problems == ()
    assert fetched.commit.subject == "Add b"
    assert fetched.commit.parents == (first,)
    assert (fetched.commit.author_name, fetched.commit.author_email) == ("Ann Author", "ann@example.org")
    assert fetched.commit.committer_name == "Carl Committer"
    assert fetched.commit.authored_at.isoformat() == "2026-01-02T03:04:05+01:00"
    assert fetched.commit.committed_at.isoformat() == "2026-01-02T04:04:05+01:00"


@pytest.mark.parametrize("filters", [True, False], ids=["filters", "sends all"])
def test_what_lies_outside_the_path_is_not_sent_where_the_server_filters(
    make_git_repository: MakeRepository, git_http: GitHttpServer, filters: bool
):
    repository = make_git_repository("large", filters=filters)
    repository.git("config", "core.compression", "0")
    repository.set("core.compression", "0")
    repository.commit(FILES | {"app/video.bin": bytes(LARGE)})
    fetched = fetch(Remote(url=git_http.url_of(repository), path="db"))
    assert {file.path for file in fetched.files} == {"001_a.sql", "sub/002_b.sql"}
    assert (fetched.received < LARGE / 100) is filters


def test_what_was_there_before_is_not_sent(make_git_repository: MakeRepository, git_http: GitHttpServer):
    repository = make_git_repository("history", filters=False)
    repository.set("core.compression", "0")
    repository.git("config", "core.compression", "0")
    repository.commit(FILES | {"app/video.bin": bytes(LARGE)})
    repository.commit({"app/video.bin": None})
    assert fetch(Remote(url=git_http.url_of(repository), path="db")).received < LARGE / 100


@pytest.mark.parametrize("path", ["", "/", ".", "./"])
def test_no_path_is_the_root(remote: Remote, path: str):
    fetched = fetch(Remote(url=remote.url, path=path))
    assert {file.path for file in fetched.files} == set(FILES)


@pytest.mark.parametrize("ref", ["release", "v1", "v2", "v3", "refs/heads/release", "refs/tags/v2"])
def test_a_ref_is_a_branch_or_a_tag_of_any_kind(git_repository: GitRepository, remote: Remote, ref: str):
    git_repository.git("branch", "release")
    git_repository.git("tag", "v1", "release")
    git_repository.git("tag", "--annotate", "--message=two", "v2", "release")
    git_repository.git("tag", "--annotate", "--message=three", "v3", "v2")
    git_repository.push("--all")
    git_repository.push("--tags")
    meant = git_repository.git("rev-parse", "HEAD")
    git_repository.commit({"db/later.sql": "SELECT 9;\n"})
    named = Remote(url=remote.url, path="db", ref=ref)
    fetched = fetch(named)
    assert peek(named) == fetched.commit.id == meant
    assert fetched.ref.endswith(ref)
    assert len(fetched.files) == 2


@pytest.mark.parametrize("ref", [None, "main", "v2"])
def test_a_server_of_the_old_protocol(
    git_repository: GitRepository, git_http: GitHttpServer, remote: Remote, ref: str | None
):
    git_repository.git("tag", "--annotate", "--message=two", "v2")
    git_repository.push("--tags")
    git_http.is_old = True
    named = Remote(url=remote.url, path="db", ref=ref)
    fetched = fetch(named)
    assert peek(named) == fetched.commit.id == git_repository.git("rev-parse", "HEAD")
    assert fetched.ref == ("refs/tags/v2" if ref == "v2" else "refs/heads/main")
    assert len(fetched.files) == 2
    with pytest.raises(git_errors.GitRefMissing):
        fetch(Remote(url=remote.url, ref="gone"))


def test_a_branch_is_meant_before_a_tag_of_its_name(git_repository: GitRepository, remote: Remote):
    git_repository.git("tag", "both")
    git_repository.push("--tags")
    git_repository.git("checkout", "--quiet", "-b", "both")
    tip = git_repository.commit({"db/later.sql": "SELECT 9;\n"})
    fetched = fetch(Remote(url=remote.url, path="db", ref="both"))
    assert (fetched.commit.id, fetched.ref) == (tip, "refs/heads/both")


def test_a_branch_that_was_rewritten_is_fetched_as_it_is_now(git_repository: GitRepository, remote: Remote):
    git_repository.commit({"db/003_c.sql": "SELECT 3;\n"})
    before = fetch(remote)
    git_repository.git("reset", "--quiet", "--hard", "HEAD~1")
    tip = git_repository.commit({"db/004_d.sql": "SELECT 4;\n"})
    after = fetch(remote)
    assert before.commit.id != after.commit.id == tip
    assert {file.path for file in after.files} == {"001_a.sql", "004_d.sql", "sub/002_b.sql"}


def test_a_token_goes_by_basic_auth(git_repository: GitRepository, git_http: GitHttpServer, remote: Remote):
    git_http.token = "sesame-opens"
    with_token = Remote(url=remote.url, path="db", token="sesame-opens")
    assert len(fetch(with_token).files) == 2
    assert all(authorization.startswith("Basic ") for _, _, authorization in git_http.requests)


@pytest.mark.parametrize("token", ["", "wrong-sesame"])
def test_a_wrong_token_is_told_and_not_shown(git_http: GitHttpServer, remote: Remote, token: str):
    git_http.token = "sesame-opens"
    with pytest.raises(git_errors.GitTokenRefused) as caught:
        fetch(Remote(url=remote.url, path="db", token=token))
    assert caught.value.facts["status"] == 401
    assert not token or token not in f"{caught.value} {caught.value.next_step} {caught.value.facts}"


def test_a_repository_that_is_not_there(git_http: GitHttpServer, git_repository: GitRepository):
    with pytest.raises(git_errors.GitRepositoryMissing):
        peek(Remote(url=f"{git_http.url}/other.git"))


def test_an_empty_repository(git_http: GitHttpServer, git_repository: GitRepository):
    for ref in (None, "main"):
        with pytest.raises(git_errors.GitRepositoryEmpty):
            fetch(Remote(url=git_http.url_of(git_repository), ref=ref))


def test_a_branch_that_is_gone_names_those_that_are_there(git_repository: GitRepository, remote: Remote):
    git_repository.push("HEAD:refs/heads/stable")
    with pytest.raises(git_errors.GitRefMissing) as caught:
        fetch(Remote(url=remote.url, ref="release"))
    assert caught.value.facts["ref"] == "release"
    assert "main, stable" in caught.value.remedy


def test_a_tag_of_something_else_than_a_commit(git_repository: GitRepository, remote: Remote):
    git_repository.git("tag", "--annotate", "--message=a file", "odd", "HEAD:db/001_a.sql")
    git_repository.push("--tags")
    with pytest.raises(git_errors.GitRefUnusable):
        fetch(Remote(url=remote.url, ref="odd"))


def test_a_path_that_is_not_there_names_what_is(remote: Remote):
    with pytest.raises(git_errors.GitPathMissing) as caught:
        fetch(Remote(url=remote.url, path="migrations"))
    assert "app, db" in caught.value.remedy
    with pytest.raises(git_errors.GitPathMissing) as caught:
        fetch(Remote(url=remote.url, path="db/../app"))


def test_a_path_that_is_a_file(remote: Remote):
    with pytest.raises(git_errors.GitPathUnusable) as caught:
        fetch(Remote(url=remote.url, path="db/001_a.sql"))
    assert caught.value.facts["kind"] == "file"


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param(FetchLimits(received=200), id="received"),
        pytest.param(FetchLimits(listed=20), id="listed"),
        pytest.param(FetchLimits(per_file=5), id="one file"),
        pytest.param(FetchLimits(stored=15), id="all files"),
        pytest.param(FetchLimits(entries=2), id="names"),
    ],
)
def test_what_is_beyond_a_limit_is_given_up(remote: Remote, limits: FetchLimits):
    with pytest.raises(git_errors.GitTooBig) as caught:
        fetch(remote, limits=limits)
    assert caught.value.remedy


def test_every_failure_says_what_stays_in_force(remote: Remote):
    with pytest.raises(GitFetchFailed) as caught:
        fetch(Remote(url=remote.url, ref="gone"))
    assert caught.value.state_now == "The last commit that was fetched stays in force, and no database was touched."


def test_a_repository_with_longer_ids(tmp_path: Path, git_http: GitHttpServer):
    work, bare = tmp_path / "long", tmp_path / "served" / "long.git"
    for options in ((str(work),), ("--bare", str(bare))):
        git(tmp_path, "init", "--quiet", "--object-format=sha256", f"--initial-branch={BRANCH}", *options)
    repository = GitRepository(work=work, bare=bare)
    repository.set("uploadpack.allowFilter", "true")
    first = repository.commit(FILES)
    repository.commit({"db/003_c.sql": "SELECT 3;\n"})
    tip = repository.commit({"db/004_d.sql": "SELECT 4;\n"})
    fetched = fetch(Remote(url=git_http.url_of(repository), path="db"), known=first)
    assert (fetched.commit.id, len(tip), len(fetched.files)) == (tip, 64, 4)
    assert fetched.descent is Descent.ANCESTOR


def test_a_server_that_has_no_history_itself(
    git_repository: GitRepository, git_http: GitHttpServer, remote: Remote, tmp_path: Path
):
    git_repository.commit({"db/003_c.sql": "SELECT 3;\n"})
    mirror = tmp_path / "served" / "mirror.git"
    git(tmp_path, "clone", "--quiet", "--bare", "--depth=1", f"file://{git_repository.bare}", str(mirror))
    git(mirror, "config", "uploadpack.allowFilter", "true")
    assert fetch(Remote(url=f"{git_http.url}/mirror.git", path="db"), known="0" * 40).files == fetch(remote).files
