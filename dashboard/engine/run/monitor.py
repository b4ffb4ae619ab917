"""Watches a run from a connection of its own: who blocks it, how far it is, whether its deadline has passed, whether a
cancel took effect."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import psycopg

from dashboard.engine.database import blockers, progress, sql
from dashboard.engine.database import connection as connections
from dashboard.engine.database.connection import Access, Connection
from dashboard.engine.errors import EngineError
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.run.events import Blocked, Observer, Progressed

#: Seconds a run lasts before anyone watches; most are over before.
HEAD_START = 1.0
POLL = 0.5
#: Seconds after a cancel until the session is terminated, and after that until the socket is shut down.
CANCEL_PATIENCE = 10.0
TERMINATE_PATIENCE = 5.0


@dataclass
class Monitor:
    """`with Monitor(...)` around all that is done on the connection. `position` is kept by the run."""

    watched: Connection
    access: Access
    name: str
    cancellation: Cancellation
    observer: Observer
    position: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _told: tuple[Blocked, Progressed] = (Blocked(position=0, blockers=()), Progressed(position=0, sentence=""))

    def __enter__(self) -> Monitor:
        self._pid = self.watched.info.backend_pid
        self._cutter = connections.Cutter(self.watched)
        self._thread = threading.Thread(target=self._watch, name=f"monitor-{self.name}", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        self._thread.join()
        self._cutter.close()

    def _watch(self) -> None:
        begun = time.monotonic()
        if self._over.wait(HEAD_START):
            return
        stopped_at: float | None = None
        while not self._over.wait(POLL):
            if time.monotonic() - begun > self.access.policy.deadline_s and not self.cancellation.stopped_by:
                self.cancellation.expire()
            if self.cancellation.stopped_by:
                stopped_at = stopped_at or time.monotonic()
                self._insist(time.monotonic() - stopped_at)
            else:
                self._tell()

    def _insist(self, waited: float) -> None:
        """A cancel is a request: a statement can ignore it, and a network that answers nothing can lose it."""
        if waited > CANCEL_PATIENCE + TERMINATE_PATIENCE:
            self._cutter.cut()
        elif waited > CANCEL_PATIENCE:
            self._ask("terminate", pid=self._pid, name=self.name)
        else:
            self.cancellation.cancel(self.cancellation.stopped_by)

    def _tell(self) -> None:
        """Each only where it is another than the last time."""
        position = self.position
        holders, phases = self._ask("blockers", "progress", pid=self._pid)
        if self.cancellation.stopped_by:
            return  # it was told to stop, and waits for nobody any more
        events = (
            Blocked(position=position, blockers=tuple(blockers.sentence(*map(str, row)) for row in holders)),
            Progressed(position=position, sentence=progress.sentence(*phases[0]) if phases else ""),
        )
        for event in events:
            if event not in self._told:
                self.observer(event)
        self._told = events

    def _ask(self, *queries: str, **values: object) -> list[list[tuple[Any, ...]]]:
        """Their rows; none where the server does not answer."""
        try:
            with connections.reading(self.access.address, timeout=3) as connection:
                return [connection.execute(sql.query(query), values).fetchall() for query in queries]
        except (EngineError, psycopg.Error):
            return [[] for _ in queries]
