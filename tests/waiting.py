"""Waiting for facts, never for time to pass."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], expected: str = "what was waited for", seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {expected}"
        time.sleep(0.01)
