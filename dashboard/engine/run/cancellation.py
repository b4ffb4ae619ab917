"""What may end a run from outside: a person, a deadline, or another worker that has taken it over.

Shared between the thread that runs the plan and those that watch over it.
"""

from __future__ import annotations

import threading

import psycopg

from dashboard.engine.database.connection import Connection


class Cancellation:
    """Asked before every statement, and before COMMIT.

    That a worker cannot reach the control database ends nothing: while its session holds the target lock nobody else
    can have taken the run over, because whoever does ends that session first.
    """

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._guard = threading.Lock()
        self._stopped_by = ""
        self._expired = False

    @property
    def stopped_by(self) -> str:
        """Who or what ends the run; empty while it may go on."""
        return self._stopped_by

    def cancel(self, by: str) -> None:
        """End the run: the server is asked to stop the statement that runs; between statements the run ends itself."""
        with self._guard:
            self._stopped_by = self._stopped_by or by
            if self._connection is not None and not self._connection.closed:
                _ask_to_cancel(self._connection)

    def expire(self) -> None:
        """The deadline has passed. Whoever ends the run first is the one that is named."""
        self._expired = not self._stopped_by
        self.cancel("the deadline of the run")

    @property
    def is_expired(self) -> bool:
        """Whether it was the deadline that ended the run."""
        return self._expired

    def attach(self, connection: Connection) -> None:
        with self._guard:
            self._connection = connection

    def detach(self) -> None:
        """From here on nothing is cancelled: the answer to COMMIT must not be lost to a late cancel."""
        with self._guard:
            self._connection = None


def _ask_to_cancel(connection: Connection) -> None:
    try:
        connection.cancel_safe(timeout=5)
    except psycopg.Error:
        # The server does not answer; whoever watches over the run ends the session another way.
        return
