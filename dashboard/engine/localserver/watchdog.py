"""The process that starts a private PostgreSQL server and outlives whoever asked for it.

Run by path with nothing but the standard library. It says `ready` or `failed` once, then waits for one line
on its standard input: the mode to stop in, with the data kept. No line and end of file means the owner is
gone: the server stops, and an ephemeral home is removed. What the server started, and what that started, is
killed with it: an orphan is given to this process, whatever session it has made for itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

STOP_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "kill": signal.SIGKILL}
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>
PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    order = json.loads(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the owner's to answer
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    adopt_orphans()
    server = _spawn(order)
    mode = ""
    try:
        _tell_owner("ready" if _becomes_ready(server, Path(order["pid_file"])) else "failed")
        mode = sys.stdin.readline().strip()
    finally:
        _stop(server, mode or "fast")
        kill_descendants(os.getpid())
        if not mode and order["ephemeral"]:
            shutil.rmtree(order["home"], ignore_errors=True)


def adopt_orphans() -> None:
    """Whatever a descendant starts and leaves is given to this process, in whatever session it is."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_descendants(ancestor: int) -> None:
    """All of them, until there is none: one may start another while it is looked for. Only Linux gives orphans to an
    ancestor that asks for them; elsewhere there is no telling them."""
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while (living := descendants(ancestor)) and time.monotonic() < deadline:
        for pid in living:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.01)


def descendants(ancestor: int) -> set[int]:
    """All that it started, and what these started, as long as they live."""
    parents = dict(filter(None, map(_with_parent, Path("/proc").glob("[0-9]*"))))
    family = {ancestor}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return family - {ancestor}


def _with_parent(process: Path) -> tuple[int, int] | None:
    """None of one that has ended."""
    try:
        state, parent = (process / "stat").read_text().rsplit(")", 1)[1].split()[:2]
    except OSError:
        return None
    return (int(process.name), int(parent)) if state not in "ZX" else None


def _tell_owner(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def _leave(signum: int, frame: FrameType | None) -> None:
    raise SystemExit


def _spawn(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    os.umask(0o077)  # the log quotes what failed, for its owner only
    with Path(order["log"]).open("ab") as log:
        return subprocess.Popen(
            order["command"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=order["environment"],
            preexec_fn=_stop_with_parent,
            **order["privileges"],
        )


def _stop_with_parent() -> None:
    """Ask Linux to send the server SIGINT if this watchdog is killed; elsewhere the next start clears it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def _becomes_ready(server: subprocess.Popen[bytes], pid_file: Path) -> bool:
    deadline = time.monotonic() + START_TIMEOUT_S
    while server.poll() is None and time.monotonic() < deadline:
        if _says_ready(pid_file, server.pid):
            return True
        time.sleep(0.02)
    return False


def _says_ready(pid_file: Path, pid: int) -> bool:
    """The server keeps its pid on the first line of the file and its state on the eighth."""
    try:
        lines = pid_file.read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _stop(server: subprocess.Popen[bytes], mode: str) -> None:
    for sent in (STOP_SIGNALS[mode], signal.SIGQUIT, signal.SIGKILL):
        server.send_signal(sent)
        try:
            server.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            continue
        return


if __name__ == "__main__":
    main()
