"""The process of a fetch: what it gets, what it answers, and when it is ended."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.engine.git import FetchLimits, Remote, fetch, peek
from dashboard.engine.git import errors as git_errors
from tests.engine.git import here
from tests.fix_git import GitHttpServer, GitRepository, GitSshServer, QuietHandler, serving

MEGABYTE = 1024 * 1024
TIME = 60.0
SECRET = "sesame-opens-all"


@pytest.fixture
def remote(git_repository: GitRepository, git_http: GitHttpServer) -> Remote:
    git_repository.commit({"db/001_a.sql": "SELECT 1;\n", "db/empty.sql": "", "db/bytes.sql": bytes(range(256))})
    git_repository.commit({"db/link.sql": "-> 001_a.sql"})
    return Remote(url=git_http.url_of(git_repository), path="db")


def test_it_answers_what_it_would_here(remote: Remote):
    apart, expected = fetch(remote, timeout=TIME), here.fetch(remote)
    assert replace(apart, received=0) == replace(expected, received=0)
    assert apart.received > 0
    assert peek(remote, timeout=TIME) == here.peek(remote)


def test_it_answers_over_ssh(git_repository: GitRepository, git_ssh: GitSshServer, remote: Remote):
    over_ssh = Remote(url=git_ssh.url_of(git_repository), path="db", key=git_ssh.key, known_hosts=git_ssh.known_hosts)
    assert fetch(over_ssh, timeout=TIME).files == here.fetch(remote).files


def test_an_error_keeps_its_name_and_facts(remote: Remote):
    with pytest.raises(git_errors.GitRefMissing) as caught:
        fetch(Remote(url=remote.url, ref="gone"), timeout=TIME)
    assert caught.value.facts["ref"] == "gone"


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_nothing_is_left_on_disk(remote: Remote, scratch: Path):
    fetch(remote, timeout=TIME)
    assert list(scratch.iterdir()) == []


@pytest.fixture
def silent_server() -> Iterator[str]:
    """It takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}/a.git"


@pytest.mark.parametrize("scheme", ["http", "ssh"])
def test_a_server_that_hangs_is_left_when_its_time_is_over(silent_server: str, scheme: str, git_ssh: GitSshServer):
    began = time.monotonic()
    with pytest.raises(git_errors.GitFetchFailed) as caught:
        peek(Remote(url=f"{scheme}://{silent_server}", key=git_ssh.key), timeout=1)
    assert isinstance(caught.value, git_errors.GitTooSlow | git_errors.GitUnreachable | git_errors.GitServerUnusable)
    assert time.monotonic() - began < 20


class Trickling(QuietHandler):
    """A byte at a time, for ever: no socket is ever silent."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
        self.end_headers()
        try:
            self.wfile.write(b"fff0")
            while True:
                self.wfile.write(b"x")
                time.sleep(0.05)
        except OSError:
            return


def test_a_server_that_trickles_is_killed_with_its_process(scratch: Path):
    with serving(Trickling) as url, pytest.raises(git_errors.GitTooSlow) as caught:
        fetch(Remote(url=f"{url}/a.git"), timeout=1)
    assert caught.value.facts["seconds"] == "1"
    assert children_that_fetch() == []
    assert list(scratch.iterdir()) == []


def children_that_fetch() -> list[str]:
    listed = subprocess.run(["ps", "-o", "args=", "--ppid", str(os.getpid())], capture_output=True, text=True)
    return [line for line in listed.stdout.splitlines() if "dashboard.engine.git.child" in line]


def test_it_has_nothing_of_our_environment_and_no_secret_in_its_arguments(
    silent_server: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DATABASE_URL", f"postgres://u:{SECRET}@h/d")
    environments: list[bytes] = []
    arguments: list[bytes] = []

    def look() -> None:
        deadline = time.monotonic() + 10
        while not environments and time.monotonic() < deadline:
            listed = subprocess.run(
                ["pgrep", "-P", str(os.getpid()), "-f", "git.child"], capture_output=True, text=True
            )
            for pid in listed.stdout.split():
                environments.append(Path(f"/proc/{pid}/environ").read_bytes())
                arguments.append(Path(f"/proc/{pid}/cmdline").read_bytes())

    watcher = threading.Thread(target=look)
    watcher.start()
    with pytest.raises(git_errors.GitFetchFailed):
        peek(Remote(url=f"http://{silent_server}", token=SECRET), timeout=1)
    watcher.join()
    assert environments
    assert b"PYTHONPATH" in environments[0]
    assert all(SECRET.encode() not in text for text in (*environments, *arguments))


def test_what_takes_too_much_memory_is_given_up(git_repository: GitRepository, git_http: GitHttpServer):
    git_repository.set("uploadpack.allowFilter", "false")
    git_repository.commit({"db/001_a.sql": "SELECT 1;\n", "app/zeros.bin": bytes(24 * MEGABYTE)})
    remote = Remote(url=git_http.url_of(git_repository), path="db")
    with pytest.raises(git_errors.GitTooBig) as caught:
        fetch(remote, limits=FetchLimits(memory=40 * MEGABYTE), timeout=TIME)
    assert "40 MB of memory" in str(caught.value)
    assert [file.path for file in fetch(remote, timeout=TIME).files] == ["001_a.sql"]
