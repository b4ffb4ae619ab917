"""Watches a run from a connection of its own: who blocks it, whether its deadline has passed, whether a cancel took
effect."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import psycopg

from dashboard.engine.database import blockers, sql
from dashboard.engine.database import connection as connections
from dashboard.engine.database.connection import Access, Connection
from dashboard.engine.errors import EngineError
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.run.events import Blocked, Observer

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
    _told: tuple[int, tuple[str, ...]] = (0, ())

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
                self._tell_blockers()

    def _insist(self, waited: float) -> None:
        """A cancel is a request: a statement can ignore it, and a network that answers nothing can lose it."""
        if waited > CANCEL_PATIENCE + TERMINATE_PATIENCE:
            self._cutter.cut()
        elif waited > CANCEL_PATIENCE:
            self._ask("terminate", {"pid": self._pid, "name": self.name})
        else:
            self.cancellation.cancel(self.cancellation.stopped_by)

    def _tell_blockers(self) -> None:
        rows = self._ask("blockers", {"pid": self._pid})
        blocked = Blocked(position=self.position, blockers=tuple(blockers.sentence(*map(str, row)) for row in rows))
        if (blocked.position, blocked.blockers) != self._told:
            self._told = blocked.position, blocked.blockers
            self.observer(blocked)

    def _ask(self, query: str, values: dict[str, object]) -> list[tuple[object, ...]]:
        try:
            with connections.reading(self.access.address, timeout=3) as connection:
                return connection.execute(sql.query(query), values).fetchall()
        except (EngineError, psycopg.Error):
            return []
