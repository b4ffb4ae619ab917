"""The process that fetches: started by `apart`, and by nobody else."""

from __future__ import annotations

import ctypes
import logging
import os
import pickle
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from dashboard.engine.git import fetching
from dashboard.engine.git.apart import FetchOrder
from dashboard.engine.git.conversation import conversation
from dashboard.engine.git.errors import GitFetchFailed
from dashboard.engine.git.letters import write_fetched, write_line
from dashboard.engine.git.values import Fetched
from dashboard.engine.secrecy import close_process

PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>


def main() -> None:
    close_process()
    _end_with_parent()
    order: FetchOrder = pickle.load(sys.stdin.buffer)  # noqa: S301  # by the process that started this one
    # Each failure is answered; what libraries would log beside that is the words of a foreign server.
    for library in ("dulwich", "paramiko", "urllib3"):
        logging.getLogger(library).setLevel(logging.CRITICAL + 1)
    _bound(order)
    try:
        _carry_out(order)
    except BrokenPipeError:  # whoever asked is gone; what is left must not be written at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _carry_out(order: FetchOrder) -> None:
    out = sys.stdout.buffer
    try:
        answer = _answer(order, lambda size: write_line(out, {"received": size}))
    except GitFetchFailed as error:
        write_line(out, {"error": {"class": type(error).__name__, "facts": error.facts, "text": str(error)}})
    else:
        write_fetched(out, answer) if isinstance(answer, Fetched) else write_line(out, {"answer": {"commit": answer}})


def _answer(order: FetchOrder, tell: Callable[[int], None]) -> Fetched | str:
    with conversation(order.remote, order.limits, silence=order.silence, tell=tell) as talk:
        return fetching.peek(talk) if order.is_peek else fetching.fetch(talk, Path(order.home), order.known)


def _bound(order: FetchOrder) -> None:
    """What it may take of this machine. The memory of a file that is mapped is not counted, its size on disk is."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * order.limits.received, 2 * order.limits.received))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (order.limits.memory, order.limits.memory))


def _end_with_parent() -> None:
    """Where Linux is asked for it, it outlives nobody."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


if __name__ == "__main__":
    main()
