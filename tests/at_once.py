"""Several things done at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connection


def at_once(*deeds: Callable[[], object], too_late: tuple[type[Exception], ...] = ()) -> int:
    """Each in a thread and with a connection of its own, all let go together: how many were done in time."""
    barrier = threading.Barrier(len(deeds))

    def attempt(deed: Callable[[], object]) -> bool:
        try:
            barrier.wait()
            deed()
        except too_late:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(len(deeds)) as pool:
        return sum(pool.map(attempt, deeds))
