"""Servers that lie, break off, lead elsewhere or send without end: each gets the name of what it does."""

from __future__ import annotations

import functools
import http.server
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import ClassVar

import pytest

from dashboard.engine.git import FetchLimits, Remote
from dashboard.engine.git import errors as git_errors
from tests.engine.git.here import fetch, peek
from tests.fix_git import FILES, GitHttpServer, GitRepository, QuietHandler, git, serving
from tests.ports import free_port

SECRET = "sesame-opens-all"
LISTED, RESULT = "application/x-git-upload-pack-advertisement", "application/x-git-upload-pack-result"
PACK_CHANNEL = b"\x01"


class Answering(QuietHandler):
    """One answer to everything."""

    status: ClassVar[int] = 200
    headers_sent: ClassVar[dict[str, str]] = {}
    chunks: ClassVar[Callable[[], Iterator[bytes]]]
    seen: ClassVar[list[tuple[str, str]]]

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("Authorization", "")))
        self.send_response(self.status)
        for name, value in self.headers_sent.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            for chunk in type(self).chunks():
                self.wfile.write(chunk)
        except OSError:
            return

    do_POST = do_GET


def answering(
    *chunks: bytes, status: int = 200, kind: str = LISTED, location: str = "", endless: bool = False
) -> type[Answering]:
    def body() -> Iterator[bytes]:
        yield from chunks
        while endless:
            yield chunks[-1]

    headers = {"Content-Type": kind} | ({"Location": location} if location else {})
    fields = {"status": status, "headers_sent": headers, "chunks": staticmethod(body), "seen": []}
    return type("Answering", (Answering,), fields)


def line(text: bytes) -> bytes:
    return b"%04x%s" % (len(text) + 4, text)


ID = b"0" * 39 + b"1"
OLD_LIST = line(b"# service=git-upload-pack\n") + b"0000" + line(ID + b" refs/heads/main\0shallow agent=x\n")


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        pytest.param(answering(b"<html>", kind="text/html; charset=utf-8"), git_errors.GitServerUnusable, id="a page"),
        pytest.param(answering(b"", kind=""), git_errors.GitServerUnusable, id="no type"),
        pytest.param(answering(b"", status=500), git_errors.GitFetchFailed, id="500"),
        pytest.param(answering(b"", status=429), git_errors.GitFetchFailed, id="429"),
        pytest.param(answering(b"", status=204), git_errors.GitServerUnusable, id="204"),
        pytest.param(answering(b"", status=403), git_errors.GitTokenRefused, id="403"),
        pytest.param(answering(b"", status=404), git_errors.GitRepositoryMissing, id="404"),
        pytest.param(answering(b"not git"), git_errors.GitServerUnusable, id="no lines of git"),
        pytest.param(answering(b"fffx"), git_errors.GitServerUnusable, id="a length that is none"),
        pytest.param(answering(b"00ffabc"), git_errors.GitServerUnusable, id="half a line"),
        pytest.param(answering(line(b"version 3\n")), git_errors.GitServerUnusable, id="another version"),
        pytest.param(answering(line(b"# service=other\n") + b"0000"), git_errors.GitServerUnusable, id="other service"),
        pytest.param(answering(OLD_LIST[:-30]), git_errors.GitServerUnusable, id="half a list"),
        pytest.param(answering(line(b"ERR access denied")), git_errors.GitServerUnusable, id="an error"),
        pytest.param(answering(b"", status=302, location="/login"), git_errors.GitServerUnusable, id="a login page"),
        pytest.param(answering(b"", status=302, location=""), git_errors.GitServerUnusable, id="nowhere"),
        pytest.param(
            answering(b"", status=302, location="file:///etc/passwd"), git_errors.GitServerUnusable, id="a file"
        ),
        pytest.param(
            answering(b"", status=301, location="/a.git/info/refs"), git_errors.GitServerUnusable, id="in a circle"
        ),
        pytest.param(
            answering(b"", status=302, location="http://169.254.169.254/a.git/info/refs"),
            git_errors.GitAddressRefused,
            id="the metadata of a cloud",
        ),
        pytest.param(
            answering(line(b"# service=git-upload-pack\n") + b"0000", line(b"x" * 60000), endless=True),
            git_errors.GitServerUnusable,
            id="a list without end",
        ),
    ],
)
def test_it_is_named(handler: type[Answering], error: type[git_errors.GitFetchFailed]):
    with serving(handler) as url, pytest.raises(error) as caught:
        fetch(Remote(url=f"{url}/a.git"), limits=FetchLimits(listed=1_000_000), silence=5)
    assert type(caught.value) is error
    assert caught.value.remedy
    assert caught.value.state_now


def test_an_endless_list_is_left_at_its_limit():
    lines = (line(b"version 2\n"), line(b"x" * 60_000))
    with serving(answering(*lines, endless=True)) as url, pytest.raises(git_errors.GitTooBig):
        fetch(Remote(url=f"{url}/a.git"), limits=FetchLimits(listed=1_000_000))


def test_a_name_that_no_page_can_show_is_not_shown(git_http: GitHttpServer, remote: Remote):
    git_http.alter = lambda path, body: body.replace(b":refs/heads/main\n", b":refs/heads/m\x1bi\x00\n")
    assert fetch(remote).ref == "HEAD"


def test_an_id_that_is_none(git_repository: GitRepository, git_http: GitHttpServer, remote: Remote):
    tip = git_repository.git("rev-parse", "HEAD").encode()
    git_http.alter = lambda path, body: body.replace(tip, b"x" * 40)
    with pytest.raises(git_errors.GitServerUnusable):
        peek(remote)


def test_a_server_of_plain_files_is_not_read(git_repository: GitRepository):
    git_repository.commit(FILES)
    git(git_repository.bare, "update-server-info")

    class Files(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            return

    handler = functools.partial(Files, directory=str(git_repository.bare.parent))
    with serving(handler) as url, pytest.raises(git_errors.GitServerUnusable):
        fetch(Remote(url=f"{url}/{git_repository.bare.name}"))


def test_nobody_listens():
    with pytest.raises(git_errors.GitUnreachable) as caught:
        peek(Remote(url=f"http://127.0.0.1:{free_port()}/a.git"))
    assert caught.value.facts["reason"] == "the connection was refused"


@pytest.mark.parametrize("scheme", ["https", "ssh"])
def test_there_is_no_such_host(scheme: str, request: pytest.FixtureRequest):
    key = request.getfixturevalue("git_ssh").key if scheme == "ssh" else ""
    with pytest.raises(git_errors.GitHostUnknown) as caught:
        peek(Remote(url=f"{scheme}://nobody.invalid/a.git", key=key))
    assert caught.value.facts["host"] == "nobody.invalid"


def test_https_that_is_none():
    with serving(answering(b"")) as url, pytest.raises(git_errors.GitUnreachable):
        peek(Remote(url=url.replace("http:", "https:") + "/a.git"))


@pytest.mark.parametrize("kind", ["other port", "other name"])
def test_a_token_is_never_sent_to_another_host(remote: Remote, kind: str):
    stranger = answering(OLD_LIST)
    with serving(stranger) as elsewhere:
        target = elsewhere if kind == "other port" else elsewhere.replace("127.0.0.1", "localhost")
        moved = answering(b"", status=301, location=f"{target}/a.git/info/refs?service=git-upload-pack")
        with serving(moved) as url, pytest.raises(git_errors.GitRedirected) as caught:
            fetch(Remote(url=f"{url}/a.git", token=SECRET))
    assert stranger.seen == []
    assert caught.value.facts["target"] == f"{target}/a.git"


def test_without_a_token_it_may_lead_to_another_host(remote: Remote):
    location = f"{remote.url}/info/refs?service=git-upload-pack"
    with serving(answering(b"", status=302, location=location)) as url:
        assert fetch(replace(remote, url=f"{url}/old.git")).files == fetch(remote).files


def test_on_the_same_host_a_redirect_takes_the_token_along(
    git_repository: GitRepository, git_http: GitHttpServer, remote: Remote
):
    git_http.token = SECRET
    git_http.moved["/old.git"] = f"/{git_repository.bare.name}"
    assert len(fetch(replace(remote, url=f"{git_http.url}/old.git", token=SECRET)).files) == 2


def test_a_pack_that_lies_elsewhere_is_not_fetched_there(git_http: GitHttpServer, remote: Remote):
    stranger = answering(b"PACK")
    with serving(stranger) as elsewhere:
        address = f"{elsewhere.replace('http:', 'https:')}/a.git/info/refs?service=git-upload-pack".encode()
        section = line(b"packfile-uris\n") + line(address + b" sha1 " + ID + b"\n") + b"0001"
        git_http.alter = lambda path, body: body.replace(line(b"packfile\n"), section + line(b"packfile\n"))
        with pytest.raises(git_errors.GitServerUnusable):
            fetch(replace(remote, token=SECRET))
    assert stranger.seen == []


def test_what_a_server_says_is_quoted_without_the_token():
    class Echo(QuietHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", LISTED)
            self.end_headers()
            words = f"ERR \x1b[31m{SECRET} {self.headers['Authorization']}".encode()
            self.wfile.write(line(b"# service=git-upload-pack\n") + b"0000" + line(words) + b"0000")

    with serving(Echo) as url, pytest.raises(git_errors.GitServerUnusable) as caught:
        peek(Remote(url=f"{url}/a.git", token=SECRET))
    words = caught.value.facts["reason"]
    assert "[31m…" in words
    assert SECRET not in words
    assert "c2VzYW1l" not in words  # as Basic auth writes it
    assert "\x1b" not in words


def respelled(change: Callable[[bytes], bytes]) -> Callable[[str, bytes], bytes]:
    """Another pack in the same answer."""

    def alter(path: str, body: bytes) -> bytes:
        marker = line(b"packfile\n")
        head, divided, rest = body.partition(marker)
        if not divided:
            return body
        pack, place = b"", 0
        while (size := int(rest[place : place + 4], 16)) > 0:
            text = rest[place + 4 : place + size]
            pack += text[1:] if text[:1] == PACK_CHANNEL else b""
            place += size
        changed = change(pack)
        spelled = b"".join(
            line(PACK_CHANNEL + changed[start : start + 60_000]) for start in range(0, len(changed), 60_000)
        )
        return head + marker + spelled + b"0000"

    return alter


def flipped(pack: bytes) -> bytes:
    return pack[:40] + bytes([pack[40] ^ 0xFF]) + pack[41:]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda pack: pack[:-30], id="its end is missing"),
        pytest.param(lambda pack: pack[:20], id="a few bytes"),
        pytest.param(flipped, id="a bit is wrong"),
        pytest.param(lambda pack: b"", id="nothing"),
        pytest.param(lambda pack: b"<html>" + pack, id="something before it"),
        pytest.param(lambda pack: pack + b"\0" * 100, id="something behind it"),
    ],
)
def test_a_broken_pack(git_http: GitHttpServer, remote: Remote, change: Callable[[bytes], bytes]):
    git_http.alter = respelled(change)
    with pytest.raises(git_errors.GitPackBroken):
        fetch(remote)


def test_an_answer_that_breaks_off(git_http: GitHttpServer, remote: Remote):
    git_http.alter = lambda path, body: body[:-60] if b"packfile" in body else body
    with pytest.raises(git_errors.GitFetchFailed) as caught:
        fetch(remote)
    assert type(caught.value) is git_errors.GitFetchFailed


def test_another_commit_than_the_one_that_was_asked_for(
    git_repository: GitRepository, git_http: GitHttpServer, remote: Remote
):
    packs: list[bytes] = []
    git_http.alter = respelled(lambda pack: packs.append(pack) or pack)  # type: ignore[func-returns-value]
    fetch(remote)
    git_repository.commit({"db/002_b.sql": "DROP TABLE a;\n"})
    git_http.alter = respelled(lambda _: packs[0])
    with pytest.raises(git_errors.GitPackBroken):
        fetch(remote)


def test_a_pack_without_end(git_http: GitHttpServer, remote: Remote):
    git_http.alter = respelled(lambda pack: pack + bytes(3_000_000))
    with pytest.raises(git_errors.GitTooBig):
        fetch(remote, limits=FetchLimits(received=1_000_000))


def test_a_server_that_sends_no_single_commit(git_http: GitHttpServer, remote: Remote):
    git_http.alter = lambda path, body: body.replace(b"fetch=shallow", b"fetch=shellow")
    with pytest.raises(git_errors.GitShallowRefused):
        fetch(remote)


def test_a_token_does_not_cross_the_internet_in_the_clear(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dashboard.engine.git.addresses.is_public", lambda ip: True)
    handler = answering(OLD_LIST)
    with serving(handler) as url, pytest.raises(git_errors.GitTokenExposed):
        peek(Remote(url=f"{url}/a.git", token=SECRET))
    assert handler.seen == []
