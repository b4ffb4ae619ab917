"""The process that starts a private PostgreSQL server and outlives whoever asked for it.

Run by path with nothing but the standard library. It says `ready` or `failed` once, then waits for one line
on its standard input: the mode to stop in, with the data kept. No line and end of file means the owner is
gone: the server stops, and an ephemeral home is removed.
"""

from __future__ import annotations

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


def main() -> None:
    order = json.loads(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the owner's to answer
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    server = _spawn(order)
    mode = ""
    try:
        _tell_owner("ready" if _becomes_ready(server, Path(order["pid_file"])) else "failed")
        mode = sys.stdin.readline().strip()
    finally:
        _stop(server, mode or "fast")
        if not mode and order["ephemeral"]:
            shutil.rmtree(order["home"], ignore_errors=True)


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
