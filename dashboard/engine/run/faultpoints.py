"""Named places where the fault suite kills, freezes or breaks a run. Without SIGNALBOX_FAULT they do nothing.

`SIGNALBOX_FAULT=<point>:<kind>[:<n>]` with SIGNALBOX_TESTING=1 acts at the n-th time the point is passed.
"""

from __future__ import annotations

import os
import signal
from itertools import count

#: Every point, in the order a run passes them; the last two belong to recovery.
POINTS = (
    "claimed",
    "connected",
    "locked",
    "verified",
    "prepared",
    "begun",
    "before_statement",
    "body_done",
    "before_commit",
    "committed",
    "journal_started",
    "statement_done",
    "journal_done",
    "step_reported",
    "run_done",
    "reported",
    "recovering",
    "resolved",
)

_passed: dict[str, count[int]] = {}


class InjectedFault(RuntimeError):
    """What the kind `raise` raises."""


def faultpoint(name: str) -> None:
    wanted = os.environ.get("SIGNALBOX_FAULT", "")
    if not wanted or os.environ.get("SIGNALBOX_TESTING") != "1":
        return
    point, kind, *nth = wanted.split(":")
    if point != name:
        return
    if next(_passed.setdefault(name, count(1))) == int(nth[0] if nth else 1):
        _act(kind, name)


def _act(kind: str, name: str) -> None:
    match kind:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "raise":
            raise InjectedFault(name)
        case _:
            raise ValueError(f"SIGNALBOX_FAULT: there is no kind {kind!r}")
