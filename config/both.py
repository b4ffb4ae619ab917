"""Runs the web server and the worker until one ends or we are told to stop; then stops the other.

A service that is half there is worse than one that is restarted. Started by bin/start, which is its argument.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

from dashboard.engine.secrecy import close_process

#: Seconds that a worker beside a web server gets for its run, where nothing else is said.
_DRAIN = "20"
_POLL = 0.5


def main(start: str) -> int:
    close_process()
    told_to_stop = threading.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: told_to_stop.set())
    environment = {"SIGNALBOX_DRAIN_SECONDS": _DRAIN} | dict(os.environ)
    both = [subprocess.Popen([start], env=environment | {"SIGNALBOX_ROLE": role}) for role in ("web", "worker")]
    while all(process.poll() is None for process in both) and not told_to_stop.wait(_POLL):
        pass
    if not told_to_stop.is_set():
        sys.stderr.write("The web server or the worker ended by itself; stopping the other.\n")
    for process in both:
        process.terminate()
    for process in both:
        process.wait()
    return 0 if told_to_stop.is_set() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
