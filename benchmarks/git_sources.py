"""What a fetch from a git server costs: seconds, bytes received, and the most memory that its process took.

python benchmarks/git_sources.py [MEGABYTES]: a repository of that size (1024) with fifty files of interest, and one of
a third of it, from a server that leaves out what is not asked for and from one that sends all; and 5,000 migrations.
The server is git's own http-backend on the loopback address, in a process of its own, and each fetch in another.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from dashboard.engine.git import FetchLimits, GitFetchFailed, Remote, fetch, peek

MEGABYTE = 1024 * 1024
PATH = "db/migrations"
_GIT = ("git", "-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "core.compression=0")


@dataclass(frozen=True)
class Cost:
    seconds: float
    peeked: float
    files: int
    received: int
    memory: int
    refused: str


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    with tempfile.TemporaryDirectory() as home:
        root = Path(home)
        _repository(root / "large.git", size, files=50)
        _repository(root / "third.git", size // 3, files=50)
        _repository(root / "many.git", 0, files=5_000)
        with _served(root) as url:
            print("| repository | server | files | fetch, s | to look, s | received, MB | memory, MB | refused |")
            print("| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |")
            for name, title in (
                ("large", f"{size} MB, 50 files of interest"),
                ("third", f"{size // 3} MB, 50 files of interest"),
                ("many", "5,000 migrations"),
            ):
                for filters in (True, False):
                    _git(root / f"{name}.git", "config", "uploadpack.allowFilter", str(filters).lower())
                    _print(title, "filters" if filters else "sends all", _measured(f"{url}/{name}.git"))


def _print(title: str, server: str, cost: Cost) -> None:
    sizes = f"{cost.received / MEGABYTE:.1f} | {cost.memory / MEGABYTE:.0f}"
    print(f"| {title} | {server} | {cost.files} | {cost.seconds:.1f} | {cost.peeked:.1f} | {sizes} | {cost.refused} |")


def _repository(bare: Path, megabytes: int, *, files: int) -> None:
    """Noise, which nothing makes smaller, in files of 8 MB, beside the files of interest."""
    work = bare.with_suffix("")
    (work / PATH).mkdir(parents=True)
    (work / "assets").mkdir()
    for number in range(megabytes // 8):
        (work / "assets" / f"{number:04}.bin").write_bytes(os.urandom(8 * MEGABYTE))
    for number in range(1, files + 1):
        text = (
            f"CREATE TABLE app.t{number} (id bigint PRIMARY KEY, name text);\nCREATE INDEX ON app.t{number} (name);\n"
        )
        (work / PATH / f"{number:05}_make.sql").write_text(text)
    _git(work, "init", "--quiet", "--initial-branch=main")
    _git(work, "add", "--all")
    _git(work, "commit", "--quiet", "--message=All of it")
    (work / ".git").rename(bare)
    _git(bare, "config", "core.bare", "true")
    _git(bare, "repack", "-adq", "--window=0")
    subprocess.run(["rm", "-r", str(work)], check=True)


def _git(home: Path, *arguments: str) -> None:
    subprocess.run([*_GIT, "-C", str(home), *arguments], check=True)


def _measured(url: str) -> Cost:
    """In a process whose only child is that of the fetch."""
    program = [sys.executable, __file__, "--fetch", url]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    return Cost(**json.loads(done.stdout))


def _fetch(url: str) -> Cost:
    remote = Remote(url=url, path=PATH)
    began = time.monotonic()
    peek(remote, timeout=60)
    looked = time.monotonic()
    files, received, refused = 0, 0, ""
    try:
        fetched = fetch(remote, limits=FetchLimits(), timeout=600)
        files, received = len(fetched.files), fetched.received
    except GitFetchFailed as error:
        refused = type(error).__name__
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return Cost(time.monotonic() - looked, looked - began, files, received, memory, refused)


@contextmanager
def _served(root: Path) -> Iterator[str]:
    process = subprocess.Popen([sys.executable, __file__, "--serve", str(root)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.terminate()
        process.wait()


class Backend(BaseHTTPRequestHandler):
    """CGI for git's program, passed on as it comes."""

    root = ""

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *arguments: object) -> None:
        return

    def _answer(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        environment = os.environ | {
            "GIT_PROJECT_ROOT": self.root,
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        process = subprocess.Popen(
            ["git", "http-backend"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(body)
        process.stdin.close()
        self.send_response_only(200)
        self.send_header("Connection", "close")
        self.flush_headers()  # the program's own follow, and the line that ends them
        try:
            while chunk := process.stdout.read(65536):
                self.wfile.write(chunk)
        except OSError:
            process.kill()
        process.wait()


def _serve(root: str) -> None:
    Backend.root = root
    with ThreadingHTTPServer(("127.0.0.1", 0), Backend) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--serve", root]:
            _serve(root)
        case ["--fetch", url]:
            print(json.dumps(asdict(_fetch(url))))
        case _:
            main()
