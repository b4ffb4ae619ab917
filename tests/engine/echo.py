"""A program in a process of its own that says what it is sent."""

from __future__ import annotations

import ctypes
import io
import json
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

from dashboard.engine import apart

PR_GET_DUMPABLE = 3  # from <linux/prctl.h>


def main() -> None:
    apart.begin(dies_with_parent=False)
    given = io.BufferedReader(io.FileIO(0, closefd=False), buffer_size=1)
    words = apart.received(given)
    over = threading.Event()

    def end(line: str) -> None:
        if line:
            apart.write(sys.stdout.buffer, {"stopped": json.loads(line)["stop"]})
        over.set()

    apart.at_end_of(given.raw, end)
    for word in words:
        if word.startswith("raw "):
            sys.stdout.buffer.write(f"{word.removeprefix('raw ')}\n".encode())
        else:
            apart.write(sys.stdout.buffer, _answer(word))
    if "do not listen" in words:
        time.sleep(60)
    over.wait(60)


def _answer(word: str) -> dict[str, object]:
    match word:
        case "start another":
            with subprocess.Popen(["sleep", "60"]) as other:
                other.returncode = 0  # nobody waits for it
                return {"pid": other.pid}
        case "limits":
            apart.bound(memory=10**9, file_size=10**8)
            return {
                "core": resource.getrlimit(resource.RLIMIT_CORE)[1],
                "data": resource.getrlimit(resource.RLIMIT_DATA)[1],
                "file": resource.getrlimit(resource.RLIMIT_FSIZE)[1],
                "oom": Path("/proc/self/oom_score_adj").read_text().strip(),
                "dumpable": ctypes.CDLL(None).prctl(PR_GET_DUMPABLE, 0, 0, 0, 0),
            }
        case _:
            return {"said": word}


if __name__ == "__main__":
    main()
