"""One run's work on one connection: sends statements, tells the observer, turns what goes wrong into named errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile

import psycopg

from dashboard.engine.database import connection as connections
from dashboard.engine.database import dual_writing, guards, locks, saved, tracking, wire
from dashboard.engine.database.connection import Access, Connection
from dashboard.engine.database.pinned import pinned
from dashboard.engine.database.tracking import Attempt, RunTracking
from dashboard.engine.errors import EngineError, RunCancelled, StatementFailed
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Step
from dashboard.engine.run import failures
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.run.events import Observer, RowsCopied, RunEvent, StatementFinished, StatementStarted
from dashboard.engine.sql.statements import Statement

#: Notices kept of one statement, first and last half; a migration can raise a million. And characters: of one notice,
#: and of all notices of a run.
NOTICE_LIMIT = 100
NOTICE_LENGTH = 1000
NOTICES_LENGTH = 200_000

#: A statement that answers with one of these has touched the run's transaction.
TRANSACTION_TAGS = frozenset({"BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK", "PREPARE TRANSACTION"})


@dataclass(kw_only=True)
class Session:
    connection: Connection
    access: Access
    attempt: Attempt
    observer: Observer
    cancellation: Cancellation
    notices: list[str] = field(default_factory=list)
    committed: set[MigrationId] = field(default_factory=set)  # those of its steps
    holds_lock: bool = True  # as `clean` has seen it
    _raised: int = 0  # notices of this statement, those not kept too
    _room: int = NOTICES_LENGTH
    _sent_at: float | None = None
    _given_at_first: str | None = None

    def __post_init__(self) -> None:
        self.connection.add_notice_handler(self._keep_notice)

    @property
    def tracking(self) -> RunTracking:
        return RunTracking(self.connection, self.access.schema, self.attempt, self.access.dual_write)

    def clean(self) -> None:
        """A session for one migration as a new connection would have it, also where an earlier migration changed the
        settings of the database or the role."""
        connections.reset(self.connection, self.access)
        with pinned(self.connection):
            given = connections.settings_given(self.connection)
            self.holds_lock = locks.is_held(self.connection)
        self._given_at_first = self._given_at_first or given
        if given != self._given_at_first:
            connections.take_settings(self.connection, self.access)

    def tell(self, event: RunEvent) -> None:
        self.observer(event)

    def statement(
        self, position: int, step: Step, statement: Statement, *, is_ours: Callable[[], bool] = lambda: False
    ) -> None:
        """Send one statement of the migration. Raises StatementFailed, RunCancelled, ConnectionLost; PartlyApplied
        if it committed. `is_ours` tells whether the transaction is still the run's: ROLLBACK TO a savepoint answers
        like a ROLLBACK."""
        self.stop_if_told(step)
        self.tell(
            StatementStarted(position=position, number=statement.number, line=statement.line, summary=statement.summary)
        )
        self._sent_at = time.monotonic()
        self.notices.clear()
        self._raised = 0
        reply = self._send(step, statement)
        if reply.tag in TRANSACTION_TAGS and not (reply.tag == "ROLLBACK" and is_ours()):
            raise failures.ended_our_transaction(step, statement, reply.tag)
        self.tell(
            StatementFinished(
                position=position,
                number=statement.number,
                tag=reply.tag,
                ms=ms_since(self._sent_at),
                notices=self._kept_notices(),
            )
        )
        self._sent_at = None

    def statement_ms(self) -> int | None:
        """How long the statement under way has taken."""
        return None if self._sent_at is None else ms_since(self._sent_at)

    def copy_rows(self, position: int, step: Step) -> None:
        """Save what the step destroys, or bring it back. Inside a transaction; raises as `naming`, or PlanBlocked."""
        if not step.copies:
            return
        try:
            with self.naming(step, "copying rows"), pinned(self.connection):
                copied = saved.work(self.connection, step, self.attempt)
        except StatementFailed as error:
            raise failures.not_copied(step, error.facts["error"]) from None
        self.tell(RowsCopied(position=position, copied=copied))

    @contextmanager
    def naming(self, step: Step, phase: str) -> Iterator[None]:
        """For our own statements beside those of the migration. They can fail too, for example by a lost connection or
        a deferred constraint. What psycopg raises becomes a named error."""
        try:
            yield
        except psycopg.Error as error:
            raise self.named(step, phase, error) from None

    def named(self, step: Step, phase: str, error: psycopg.Error, statement: Statement | None = None) -> EngineError:
        """The named error for what psycopg reported. The state of the connection decides, never the SQLSTATE alone:
        a migration can forge one."""
        if self.connection.closed:
            return failures.lost(step, self.access, phase, connections.reason_of(error, self.access.address))
        if isinstance(error, psycopg.errors.QueryCanceled) and self.cancellation.stopped_by:
            return RunCancelled(by=self.cancellation.stopped_by, version=step.label)
        if isinstance(error, dual_writing.ToolTableRefused):
            return failures.failed(step, failures.server_error(error), failures.not_told(error.table))
        if statement is None:
            server_error = failures.server_error(error)
        else:
            server_error = failures.located(error, step.sql, statement)
        remedy = guards.remedy_of(server_error, self.access.schema)
        return failures.failed(step, server_error, failures.Explanation(remedy=remedy) if remedy else None)

    def stop_if_told(self, step: Step) -> None:
        if by := self.cancellation.stopped_by:
            raise RunCancelled(by=by, version=step.label)

    def send(self, sql: str) -> wire.Reply:
        """Send a text that is not put together by us: a statement of the migration, or COMMIT."""
        return wire.send(self.connection, sql)

    def _send(self, step: Step, statement: Statement) -> wire.Reply:
        try:
            return self.send(statement.sql)
        except wire.CopyRefused:
            error = failures.at(statement, failures.COPY_REFUSED, "COPY from or to the client cannot run here")
            raise failures.failed(step, error, failures.COPY_FROM_CLIENT) from None
        except psycopg.Error as refused:
            raise self.named(step, f"statement {statement.number}", refused, statement) from None

    def _keep_notice(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        if len(self.notices) >= NOTICE_LIMIT:
            del self.notices[NOTICE_LIMIT // 2]
        text = tracking.storable(diagnostic.message_primary or "")[:NOTICE_LENGTH]
        self.notices.append(f"{diagnostic.severity}: {text}")
        self._raised += 1

    def _kept_notices(self) -> tuple[str, ...]:
        """Those there is room for, and how many more there were."""
        kept = list(takewhile(self._takes_room, self.notices))
        if missing := self._raised - len(kept):
            kept.insert(NOTICE_LIMIT // 2, f"… {missing} more notices were not kept …")
        return tuple(kept)

    def _takes_room(self, notice: str) -> bool:
        self._room -= len(notice)
        return self._room >= 0


def ms_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
