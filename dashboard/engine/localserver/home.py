"""The folder that a server lives in: made so that its user can reach it, locked, cleared of what a crash left."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dashboard.engine.errors import LocalServerError
from dashboard.engine.localserver.account import environment, give_to_server

LOCK_TIMEOUT_S = 40.0
NO_PROCESS = 2**31 - 1  # above every system's highest pid
#: Where root's servers go when the folder asked for is closed to `nobody`, as below /root.
ROOT_HOMES = Path("/var/lib/signalbox")


def prepare_home(data_dir: Path | None) -> Path:
    if os.geteuid() != 0:
        home = (data_dir or _temporary_folder(None)).absolute()
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)
        return home.resolve()
    home = _reachable_home(data_dir)
    make_open(home)
    return home


def _reachable_home(data_dir: Path | None) -> Path:
    """Where root's server will live: the folder asked for, when `nobody` can get there."""
    if not data_dir:
        if open_to_others(Path(tempfile.gettempdir())):
            return _temporary_folder(None)
        make_open(ROOT_HOMES)
        return _temporary_folder(ROOT_HOMES)
    data_dir = data_dir.absolute()
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    return data_dir.resolve() if open_to_others(data_dir.parent) else _home_elsewhere(data_dir)


def _temporary_folder(parent: Path | None) -> Path:
    return Path(tempfile.mkdtemp(prefix="signalbox-", dir=parent))


def make_open(folder: Path) -> None:
    """Make the folder so that everyone can go through it, whatever root's umask."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)


def _home_elsewhere(data_dir: Path) -> Path:
    """A home that `nobody` can reach, with a link to it where it was asked for."""
    make_open(ROOT_HOMES)
    home = ROOT_HOMES / fingerprint(os.fsencode(data_dir))
    if data_dir.is_dir() and not data_dir.is_symlink():
        raise LocalServerError(
            what=f"{data_dir} lies below a folder that is closed to the user nobody, who must run PostgreSQL for root.",
            state_now="Its data was not touched.",
            remedy="Open the folders above it (chmod o+x), or delete it to start afresh.",
        )
    if not data_dir.is_symlink():
        data_dir.symlink_to(home)
    return home


def open_to_others(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.resolve().parents))


def fingerprint(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def remembered(home: Path) -> dict[str, Any]:
    try:
        remembered: dict[str, Any] = json.loads((home / "server.json").read_text())
    except FileNotFoundError:
        remembered = {"port": 0, "password": secrets.token_urlsafe(24)}
        write_secret(home / "server.json", json.dumps(remembered))
    except PermissionError as error:
        raise LocalServerError(
            what=f"The private PostgreSQL in {home} belongs to another user: {error}",
            state_now="Nothing was changed.",
            remedy="Start it as the user who made it, or use another folder.",
        ) from error
    return remembered


def write_secret(path: Path, text: str) -> None:
    """Replace the file whole; it is never readable by others, not even while it is written."""
    descriptor, unfinished = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    Path(unfinished).replace(path)


@contextmanager
def password_file(home: Path, password: str) -> Iterator[Path]:
    """A file only the server's user can read, for as long as initdb needs it: arguments are public, files are not."""
    descriptor, name = tempfile.mkstemp(dir=home)
    with os.fdopen(descriptor, "w") as file:
        file.write(password)
    path = Path(name)
    give_to_server(path)
    try:
        yield path
    finally:
        path.unlink()


@contextmanager
def locked(home: Path) -> Iterator[int]:
    """Hold the home's lock. A watchdog that inherits the descriptor keeps the lock until it ends."""
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _wait_for_lock(descriptor, home)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _wait_for_lock(descriptor: int, home: Path) -> None:
    """A lock whose owner is gone is about to be let go: its watchdog is stopping the server."""
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = int(os.pread(descriptor, 20, 0) or 0)
        if _is_alive(owner) or time.monotonic() > deadline:
            raise LocalServerError(
                what=f"The private PostgreSQL in {home} is already in use by process {owner}.",
                state_now="Nothing was changed.",
                remedy="Stop that process first, or use another folder.",
            )
        time.sleep(0.05)


def _is_alive(pid: int) -> bool:
    if not pid:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def clear_stale_server(cluster: Path) -> None:
    """Stop a server that lost both its owner and its watchdog. The caller holds the lock, so nobody else wants it."""
    pid = _postmaster(cluster)
    if not _is_alive(pid):
        return  # a left-over pid file at most; the server itself replaces that
    if str(cluster) not in _command_line(pid):
        _disown(cluster, pid)
        return
    os.kill(pid, signal.SIGINT)  # a fast shutdown: sessions are ended, data are kept
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    while str(cluster) in _command_line(pid):
        if time.monotonic() > deadline:
            raise LocalServerError(
                what=f"A server from an earlier run (process {pid}) still holds {cluster} and does not stop.",
                state_now="Nothing was changed.",
                remedy=f"End process {pid}, then start again.",
            )
        time.sleep(0.05)
    return


def _disown(cluster: Path, stranger: int) -> None:
    """The pid in the file is a stranger's by now, which PostgreSQL cannot know: it would refuse to start.

    The rest of the file stays. From it the server sees whether backends of the dead one still live.
    """
    pid_file = cluster / "postmaster.pid"
    pid_file.write_text(pid_file.read_text().replace(str(stranger), str(NO_PROCESS), 1))


def _postmaster(cluster: Path) -> int:
    try:
        return int((cluster / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return 0


def _command_line(pid: int) -> str:
    """The arguments of a process, empty when there is none: a pid alone may belong to anyone by now."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    return subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, env=environment()
    ).stdout
