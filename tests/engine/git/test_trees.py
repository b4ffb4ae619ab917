"""What is no plain file, names that nobody should have, and how a branch became what it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dashboard.engine.git import Descent, Fetched, FetchLimits, Remote, StoredKind
from dashboard.engine.git import errors as git_errors
from dashboard.engine.migration import Severity
from tests.engine.git.here import fetch
from tests.fix_git import BRANCH, GitHttpServer, GitRepository, git

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22e\nsize 12345\n"
FILE, FOLDER = b"100644", b"40000"


@pytest.fixture
def remote(git_repository: GitRepository, git_http: GitHttpServer) -> Remote:
    git_repository.commit({"db/001_a.sql": "SELECT 1;\n"})
    return Remote(url=git_http.url_of(git_repository), path="db")


def codes(fetched: Fetched) -> dict[str, str]:
    return {problem.file: problem.code for problem in fetched.problems}


def test_links_are_not_followed(git_repository: GitRepository, remote: Remote):
    git_repository.commit({"db/in.sql": "-> 001_a.sql", "db/out.sql": "-> ../../../etc/passwd", "db/dir": "-> /"})
    fetched = fetch(remote)
    assert codes(fetched) == {"in.sql": "git_link", "out.sql": "git_link", "dir": "git_link"}
    assert {file.path: file.content for file in fetched.files if file.kind is StoredKind.LINK} == {
        "in.sql": b"001_a.sql",
        "out.sql": b"../../../etc/passwd",
        "dir": b"/",
    }


def test_a_submodule_is_not_fetched(git_repository: GitRepository, remote: Remote):
    commit = git_repository.git("rev-parse", "HEAD")
    git_repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},db/vendor")
    git_repository.git("commit", "--quiet", "--message=Add vendor")
    git_repository.push()
    fetched = fetch(remote)
    assert codes(fetched) == {"vendor": "git_submodule"}
    (module,) = (file for file in fetched.files if file.kind is StoredKind.SUBMODULE)
    assert module.content == commit.encode()


def test_a_pointer_of_lfs_is_no_file(git_repository: GitRepository, remote: Remote):
    git_repository.commit({"db/002_b.sql": POINTER, "db/003_c.sql": POINTER + "-- " + "x" * 2000})
    fetched = fetch(remote)
    assert codes(fetched) == {"002_b.sql": "git_lfs"}
    assert {file.path: file.kind for file in fetched.files}["003_c.sql"] is StoredKind.FILE


@pytest.mark.parametrize(("link", "kind"), [("-> elsewhere", "symbolic link"), ("text", "file")])
def test_the_path_itself_may_be_no_folder(git_repository: GitRepository, remote: Remote, link: str, kind: str):
    git_repository.commit({"linked": link})
    with pytest.raises(git_errors.GitPathUnusable) as caught:
        fetch(replace(remote, path="linked/db"))
    assert caught.value.facts["kind"] == kind


def tree(repository: GitRepository, *entries: tuple[bytes, bytes, str]) -> str:
    """The id of a folder of the served repository: mode, name and id of each entry, however odd."""
    return repository.write_object(
        "tree", b"".join(b"%s %s\0" % (mode, name) + bytes.fromhex(oid) for mode, name, oid in entries)
    )


def serve(repository: GitRepository, root: str) -> None:
    """Make a commit of that tree the branch."""
    commit = git(repository.bare, "commit-tree", root, "-m", "odd")
    git(repository.bare, "update-ref", f"refs/heads/{BRANCH}", commit)


ODD_NAMES = [
    *(b"..", b".", b".git", b".GIT", b"a\nb.sql", b"a\x1b[31m.sql", b"a\\b.sql", b"\xff.sql", b"a\x7f"),
    *("\u202egpj.sql".encode(), "a\u0085.sql".encode(), b"x" * 600),
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_that_cannot_be_kept_is_told_and_left_out(git_repository: GitRepository, remote: Remote, name: bytes):
    blob = git_repository.write_object("blob", b"DROP TABLE a;")
    inner = tree(git_repository, (FILE, b"001.sql", blob))
    below = tree(git_repository, (FILE, b"002.sql", blob), (FILE, name, blob), (FOLDER, b"sub", inner))
    serve(git_repository, tree(git_repository, (FOLDER, b"db", below)))
    fetched = fetch(remote)
    assert {file.path for file in fetched.files} == {"002.sql", "sub/001.sql"}
    (problem,) = fetched.problems
    assert (problem.code, problem.severity) == ("git_name", Severity.ERROR)
    assert problem.file.isascii()
    assert problem.file.isprintable()


def test_an_odd_folder_takes_its_files_along(git_repository: GitRepository, remote: Remote):
    blob = git_repository.write_object("blob", b"SELECT 1;")
    below = tree(git_repository, (FOLDER, b"..", tree(git_repository, (FILE, b"001.sql", blob))))
    serve(git_repository, tree(git_repository, (FOLDER, b"db", below)))
    fetched = fetch(remote)
    assert (fetched.files, codes(fetched)) == ((), {"../001.sql": "git_name"})


@pytest.mark.parametrize("names", [(b"a.sql", b"a.sql"), (b"a/b.sql",)], ids=["twice", "with a slash"])
def test_a_folder_that_git_would_not_write(git_repository: GitRepository, remote: Remote, names: tuple[bytes, ...]):
    blob = git_repository.write_object("blob", b"SELECT 1;")
    below = tree(git_repository, *((FILE, name, blob) for name in names))
    serve(git_repository, tree(git_repository, (FOLDER, b"db", below)))
    with pytest.raises(git_errors.GitPackBroken):
        fetch(remote)


def test_a_tree_of_trees_does_not_grow(git_repository: GitRepository, remote: Remote):
    """Ten folders in each of ten, and so on, are ten objects."""
    inner = tree(git_repository, (FILE, b"001.sql", git_repository.write_object("blob", b"SELECT 1;")))
    for _ in range(12):
        inner = tree(git_repository, *((FOLDER, b"%d" % number, inner) for number in range(10)))
    serve(git_repository, tree(git_repository, (FOLDER, b"db", inner)))
    with pytest.raises(git_errors.GitTooBig):
        fetch(remote)


def test_a_tree_that_never_ends_downward(git_repository: GitRepository, remote: Remote):
    inner = tree(git_repository, (FILE, b"001.sql", git_repository.write_object("blob", b"SELECT 1;")))
    for _ in range(40):
        inner = tree(git_repository, (FOLDER, b"d", inner))
    serve(git_repository, tree(git_repository, (FOLDER, b"db", inner)))
    with pytest.raises(git_errors.GitTooBig):
        fetch(remote, limits=FetchLimits())


def test_names_that_differ_in_case_only_are_both_kept(git_repository: GitRepository, remote: Remote):
    git_repository.commit({"db/A.sql": "SELECT 1;\n", "db/a.sql": "SELECT 2;\n"})
    fetched = fetch(remote)
    assert {file.path for file in fetched.files} == {"001_a.sql", "A.sql", "a.sql"}
    assert codes(fetched) == {"a.sql": "git_case"}


@pytest.mark.parametrize(
    ("raw", "name", "email", "moment"),
    [
        (b"A <b@c> 99999999999999999 +0000", "A", "b@c", "9999-12-31T00:00:00+00:00"),
        (b"A <b@c> 0 +9999", "A", "b@c", "1970-01-01T00:00:00+00:00"),
        (b"\xff\x1b[31m <b@c> -5 +0100", "\ufffd\ufffd[31m", "b@c", "1970-01-01T01:00:00+01:00"),
        (b" <> 0 -0000", "", "", "1970-01-01T00:00:00+00:00"),
    ],
)
def test_an_author_may_be_anything(
    git_repository: GitRepository, remote: Remote, raw: bytes, name: str, email: str, moment: str
):
    root = git_repository.git("rev-parse", "HEAD^{tree}").encode()
    content = b"tree %s\nauthor %s\ncommitter %s\n\nodd\x1b[2J\n" % (root, raw, raw)
    commit = git_repository.write_object("commit", content)
    git(git_repository.bare, "update-ref", f"refs/heads/{BRANCH}", commit)
    fetched = fetch(remote)
    assert fetched.commit.message == "odd\N{REPLACEMENT CHARACTER}[2J\n"
    assert (fetched.commit.author_name, fetched.commit.author_email) == (name, email)
    assert fetched.commit.authored_at.isoformat() == moment


def test_how_a_branch_became_what_it_is(git_repository: GitRepository, remote: Remote):
    first = git_repository.commit({"db/002.sql": "SELECT 2;\n"})
    assert fetch(remote, known=first).descent is Descent.SAME
    second = git_repository.commit({"db/003.sql": "SELECT 3;\n"})
    assert fetch(remote, known=first).descent is Descent.ANCESTOR
    git_repository.commit({"db/004.sql": "SELECT 4;\n"})
    assert fetch(remote, known=first).descent is Descent.ANCESTOR
    git_repository.git("reset", "--quiet", "--hard", first)
    git_repository.commit({"db/005.sql": "SELECT 5;\n"})
    assert fetch(remote, known=second).descent is Descent.REPLACED
    assert fetch(remote).descent is Descent.UNKNOWN


def test_a_server_without_filters_tells_the_parent_only(git_repository: GitRepository, remote: Remote):
    git_repository.set("uploadpack.allowFilter", "false")
    first = git_repository.git("rev-parse", "HEAD")
    git_repository.commit({"db/003.sql": "SELECT 3;\n"})
    assert fetch(remote, known=first).descent is Descent.ANCESTOR
    git_repository.commit({"db/004.sql": "SELECT 4;\n"})
    assert fetch(remote, known=first).descent is Descent.UNKNOWN


def test_a_server_that_filters_files_but_not_folders(git_repository: GitRepository, remote: Remote):
    git_repository.set("uploadpackfilter.tree.allow", "false")
    first = git_repository.git("rev-parse", "HEAD")
    for number in (3, 4):
        git_repository.commit({f"db/00{number}.sql": "SELECT 3;\n"})
    assert fetch(remote, known=first).descent is Descent.UNKNOWN
