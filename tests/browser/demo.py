"""The demo as people start it: real PostgreSQL, web server and worker in processes of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
MIGRATIONS = ROOT / "dashboard" / "cli" / "demo_migrations"
READY = "Signalbox is running"
PATIENCE_S = 180  # telling the story includes two rehearsals
#: What the tests, a platform or a developer's shell may have set, and the demo has to decide for itself.
FOREIGN = ("DATABASE_URL", "DJANGO_", "PG", "PORT", "RAILWAY_", "SIGNALBOX_")
KEPT = "SIGNALBOX_POSTGRES_BIN"


#: Who comes in besides the people of the demo: oscar has no role, sue is a superuser.
NEWCOMERS = """
User.objects.create_user("oscar", password="oscar at the signalbox")
User.objects.create_superuser("sue", password="sue at the signalbox")
"""


@dataclass(frozen=True, kw_only=True)
class Demo:
    url: str
    home: Path
    pid: int
    #: Cookies of people who have signed in, by name, and when: hashing a password takes long on purpose.
    signed_in: dict[str, tuple[float, dict]] = field(default_factory=dict)


def make_home(home: Path) -> None:
    """Tell the story once; `copied` then gives every journey one of its own."""
    home.mkdir()
    home.chmod(0o755)  # root's PostgreSQL runs as nobody, who has to get in
    with running(home):
        _manage(home, "shell", "--verbosity=0", "--command", NEWCOMERS)


@contextmanager
def copied(demo_home: Path, source: Path | None = None) -> Iterator[Demo]:
    """A demo that nobody else looks at or changes."""
    home = copy_of(demo_home)
    try:
        with running(home, source) as demo:
            yield demo
    finally:
        shutil.rmtree(home)


def copy_of(demo_home: Path) -> Path:
    home = demo_home.with_name(f"{demo_home.name}-{time.monotonic_ns()}")
    subprocess.run(["cp", "-a", demo_home, home], check=True)  # the owners go with it, which shutil forgets
    return home


def source(folder: Path, **files: str) -> Path:
    """The demo's migrations without 011, which fails, and with what is given: source(folder, _012_slow="SELECT …")."""
    made = folder / "migrations_sql"
    shutil.copytree(MIGRATIONS, made, ignore=shutil.ignore_patterns("011_*"))
    for name, text in files.items():
        (made / f"{name.removeprefix('_')}.sql").write_text(text)
    return made


@contextmanager
def running(home: Path, source: Path | None = None) -> Iterator[Demo]:
    port, log = free_port(), home / "demo.log"
    command = [sys.executable, "manage.py", "signalbox", "demo", "--home", home, "--port", str(port)]
    with log.open("w") as out:
        process = subprocess.Popen(command, env=_environment(source), cwd=ROOT, stdout=out, stderr=out)
        try:
            _wait(process, log)
            yield Demo(url=f"http://127.0.0.1:{port}", home=home, pid=process.pid)
        finally:
            process.terminate()
            process.wait(60)
    assert "Traceback" not in log.read_text(), f"a traceback in what the demo said:\n{log.read_text()}"


def crash(demo: Demo) -> None:
    """Web server and worker are gone at once, as when a platform takes the container away."""
    for pid in _below(_started_by(demo.pid, "bin/start")):
        os.kill(pid, signal.SIGKILL)


def _started_by(pid: int, command: str) -> int:
    return next(child for child in _children(pid) if command in Path(f"/proc/{child}/cmdline").read_text())


def _below(pid: int) -> list[int]:
    """The process and all it has started, the oldest first."""
    return [pid, *(descendant for child in _children(pid) for descendant in _below(child))]


def _children(pid: int) -> list[int]:
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]


@contextmanager
def web_without_database() -> Iterator[str]:
    """Only the web server, and nobody listens where its database should be."""
    port = free_port()
    environment = clean_environment() | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "SIGNALBOX_BIND": f"127.0.0.1:{port}",
        "SIGNALBOX_DATABASE_URL": "postgresql://nobody:nothing@127.0.0.1:1/gone",
        "SIGNALBOX_INSECURE_HTTP": "1",
        "SIGNALBOX_LOG_LEVEL": "ERROR",
        "SIGNALBOX_ROLE": "web",
        "SIGNALBOX_SECRET_KEY": "for this test only, 32 characters or more",
    }
    process = subprocess.Popen([ROOT / "bin" / "start"], env=environment, cwd=ROOT)
    try:
        _wait_until_it_listens(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name == KEPT or not name.startswith(FOREIGN)}


def _environment(source: Path | None) -> dict[str, str]:
    return clean_environment() | ({"SIGNALBOX_SOURCE": str(source)} if source else {})


def _manage(home: Path, *arguments: str) -> None:
    server = json.loads((home / "postgres" / "server.json").read_text())
    url = f"postgresql://postgres:{server['password']}@127.0.0.1:{server['port']}/signalbox"
    key = (home / "secret").read_text()
    environment = clean_environment() | {"SIGNALBOX_DATABASE_URL": url, "SIGNALBOX_SECRET_KEY": key}
    subprocess.run([sys.executable, "manage.py", *arguments], env=environment, cwd=ROOT, check=True)


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while READY not in log.read_text():
        assert process.poll() is None, f"the demo ended by itself; it said:\n{log.read_text()}"
        assert time.monotonic() < deadline, f"the demo was not ready in time; it said:\n{log.read_text()}"
        time.sleep(0.05)


def _wait_until_it_listens(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
