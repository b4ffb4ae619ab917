"""The demo as people start it: real PostgreSQL, web server and worker in processes of their own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READY = "Signalbox is running"
PATIENCE_S = 90
#: What the tests, a platform or a developer's shell may have set, and the demo has to decide for itself.
FOREIGN = ("DATABASE_URL", "DJANGO_", "PG", "PORT", "RAILWAY_", "SIGNALBOX_")
KEPT = "SIGNALBOX_POSTGRES_BIN"


@dataclass(frozen=True, kw_only=True)
class Demo:
    url: str
    #: Cookies of people who have signed in once, by name: hashing a password takes long on purpose.
    signed_in: dict[str, dict] = field(default_factory=dict)


def make_home(home: Path) -> None:
    """Tell the story once; `copied` then gives every journey one of its own."""
    home.mkdir()
    home.chmod(0o755)  # root's PostgreSQL runs as nobody, who has to get in
    with running(home):
        pass


@contextmanager
def copied(told: Path, source: Path | None = None) -> Iterator[Demo]:
    """A demo that nobody else looks at or changes."""
    home = told.with_name(f"{told.name}-{time.monotonic_ns()}")
    subprocess.run(["cp", "-a", told, home], check=True)  # the owners go with it, which shutil forgets
    try:
        with running(home, source) as demo:
            yield demo
    finally:
        shutil.rmtree(home)


@contextmanager
def running(home: Path, source: Path | None = None) -> Iterator[Demo]:
    port, log = _free_port(), home / "demo.log"
    command = [sys.executable, "manage.py", "signalbox", "demo", "--home", home, "--port", str(port)]
    with log.open("w") as out:
        process = subprocess.Popen(command, env=_environment(source), cwd=ROOT, stdout=out, stderr=out)
        try:
            _wait(process, log)
            yield Demo(url=f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait(60)
    assert "Traceback" not in log.read_text(), f"a traceback in what the demo said:\n{log.read_text()}"


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name == KEPT or not name.startswith(FOREIGN)}


def _environment(source: Path | None) -> dict[str, str]:
    return clean_environment() | ({"SIGNALBOX_SOURCE": str(source)} if source else {})


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while READY not in log.read_text():
        assert process.poll() is None, f"the demo ended by itself; it said:\n{log.read_text()}"
        assert time.monotonic() < deadline, f"the demo was not ready in time; it said:\n{log.read_text()}"
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
