"""A thread that says at intervals that a worker's job goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def beating(beat: Callable[[], None], *, name: str, every: float) -> Iterator[None]:
    """Call `beat` every so many seconds until the block ends."""
    stop = threading.Event()
    thread = threading.Thread(target=_beat, args=(beat, every, stop), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _beat(beat: Callable[[], None], every: float, stop: threading.Event) -> None:
    try:
        while not stop.wait(every):
            beat()
    finally:
        connection.close()
