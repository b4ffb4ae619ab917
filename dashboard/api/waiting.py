"""Waiting for a run to end, for callers that would rather have one answer than ask again and again."""

from __future__ import annotations

import time

from dashboard.models import Run

#: Below what proxies, and our own web server, give a request.
LONGEST = 25
#: Seconds between two looks.
PAUSE = 0.3


def until_ended(run: Run, seconds: float) -> Run:
    """The run as it stands then, ended or not."""
    deadline = time.monotonic() + min(seconds, LONGEST)
    while run.is_active and time.monotonic() < deadline:
        time.sleep(PAUSE)
        run.refresh_from_db(fields=["status", "failure", "finished_at"])
    return run
