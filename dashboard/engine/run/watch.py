"""What statements outside a transaction do to our tables is noticed, at a cost in proportion to statements and rows.

Every row and column is read at the beginning of a step and at its end. In between it is enough to see which versions of
rows there are: whatever is written has the number of the transaction that wrote it (xmin), which nobody can choose and
which only grows, so the same number of rows with the same sum of these numbers are the same rows. Even that costs as
much as there are rows. So a look after a statement is put off once looking has taken as long as all the rest: then the
look after a later statement, or the one at the end, tells of all since the last one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

import psycopg

from dashboard.engine.database import guards
from dashboard.engine.database.guards import RowVersions
from dashboard.engine.database.pinned import pin
from dashboard.engine.plan import Step
from dashboard.engine.run.session import Session
from dashboard.engine.sql.statements import Statement

#: Whatever role the file has set, our own rows are written under our own. For the rest of the transaction only.
_AS_OURSELVES: LiteralString = "SET LOCAL role TO DEFAULT; "
_SWITCHES_AUTHORIZATION = re.compile(r"session[\s_]+authorization", re.IGNORECASE)

#: Seconds of looking in a step that are not weighed against its work.
ALLOWANCE = 1.0


def as_ourselves(step: Step) -> LiteralString:
    if _SWITCHES_AUTHORIZATION.search(step.sql):
        return "SET LOCAL SESSION AUTHORIZATION DEFAULT; " + _AS_OURSELVES
    return _AS_OURSELVES


@contextmanager
def ourselves(session: Session, step: Step) -> Iterator[None]:
    """A transaction that only looks, under our own role, whichever role the file has set."""
    try:
        pin(session.connection, "BEGIN; " + as_ourselves(step))
        yield
        session.connection.execute("COMMIT")
    except psycopg.Error:
        if not session.connection.closed:
            session.connection.rollback()
        raise


class TrackingWatch:
    """Over the tracking tables, during one step."""

    def __init__(self, session: Session, step: Step) -> None:
        self._session = session
        self._step = step
        self._own: list[int] = []  # the transactions in which we wrote to the log since the beginning
        self._not_looked: list[Statement] = []
        self._guards = ""
        self._began = time.monotonic()
        self._looking = 0.0
        with ourselves(session, step):
            self._content = guards.content(session.tracking, self._own)
            self._versions = self._look()

    def number(self) -> int:
        """The number of the open transaction, in which we write a row of the log."""
        return guards.transaction_number(self._session.tracking)

    def written(self, number: int) -> None:
        """That transaction has committed."""
        self._own.append(number)

    def begin(self) -> None:
        """Before a statement that is sent bare."""
        with ourselves(self._session, self._step):
            self._guards = guards.transaction_state(self._session.tracking).guards

    def after(self, statement: Statement, *, failed: bool) -> str:
        """What it, or one before it at which nobody looked yet, did to our tables, as a clause; empty where nothing was
        done, or where the look is put off. After a failure it never is."""
        self._not_looked.append(statement)
        with ourselves(self._session, self._step):
            if guards.transaction_state(self._session.tracking).guards != self._guards:
                return guards.GUARDS_CHANGED
            return self._change() if failed or self._has_time else ""

    @property
    def last_passed_over(self) -> Statement | None:
        """The last of the statements after which nobody has looked yet."""
        return self._not_looked[-1] if self._not_looked else None

    def passed_over(self) -> str:
        """What those did."""
        with ourselves(self._session, self._step):
            return self._change()

    def at_the_end(self) -> str:
        """The same of everything since the last look, and of every column since the beginning."""
        with ourselves(self._session, self._step):
            return self._change() or guards.changed_content(self._content, self._session.tracking, self._own)

    @property
    def _has_time(self) -> bool:
        return self._looking * 2 <= time.monotonic() - self._began + ALLOWANCE

    def _change(self) -> str:
        now = self._look()
        change = ""
        if now != self._versions:  # to write the same value again changes nothing
            change = guards.changed_content(self._content, self._session.tracking, self._own)
        self._versions = now
        not_looked, self._not_looked = self._not_looked, []
        if change and len(not_looked) > 1:
            return f"{change}, in one of the statements {not_looked[0].number} to {not_looked[-1].number}"
        return change

    def _look(self) -> RowVersions:
        started = time.monotonic()
        try:
            return guards.row_versions(self._session.tracking, self._own)
        finally:
            self._looking += time.monotonic() - started
