"""One run's work on one connection: sends statements, tells the observer, turns what goes wrong into named errors."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import takewhile

import psycopg

from dashboard.engine.database import connection as connections
from dashboard.engine.database import saved, tracking, wire
from dashboard.engine.database.connection import Access, Connection
from dashboard.engine.database.tracking import Attempt
from dashboard.engine.errors import (
    ConnectionLost,
    EngineError,
    PartlyApplied,
    RunCancelled,
    ServerError,
    StatementFailed,
)
from dashboard.engine.plan import Step
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.run.events import Event, Observer, RowsCopied, StatementFinished, StatementStarted
from dashboard.engine.sql import excerpts
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
    _raised: int = 0  # notices of this statement, those not kept too
    _room: int = NOTICES_LENGTH
    _sent_at: float | None = None

    def __post_init__(self) -> None:
        self.connection.add_notice_handler(self._keep_notice)

    @property
    def schema(self) -> str:
        return self.access.schema

    def tell(self, event: Event) -> None:
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
            raise ended_our_transaction(step, statement, reply.tag)
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
        """Save what the step destroys, or bring it back. Inside a transaction; raises as `guarded`, or PlanBlocked."""
        if step.copies:
            self.guarded(step, COPYING, lambda: self._copy_rows(position, step))

    def _copy_rows(self, position: int, step: Step) -> None:
        self.tell(RowsCopied(position=position, copied=saved.work(self.connection, step, self.attempt)))

    def guarded(self, step: Step, phase: str, act: Callable[[], None]) -> None:
        """Our own statements around the migration's can fail too: a lost connection, a deferred constraint."""
        try:
            act()
        except psycopg.Error as error:
            raise self.named(step, phase, error) from None

    def named(self, step: Step, phase: str, error: psycopg.Error, statement: Statement | None = None) -> EngineError:
        """The named error for what psycopg reported. The state of the connection decides, never the SQLSTATE alone:
        a migration can forge one."""
        if self.connection.closed:
            return lost(step, self.access, phase, connections.reason_of(error, self.access.address))
        if isinstance(error, psycopg.errors.QueryCanceled) and self.cancellation.stopped_by:
            return RunCancelled(by=self.cancellation.stopped_by, version=step.label)
        if phase == COPYING:
            return failed(step, server_error(error), remedy=NOTHING_COPIED, where="while rows were copied")
        told = located(error, step.sql, statement) if statement else server_error(error)
        return failed(step, told)

    def stop_if_told(self, step: Step) -> None:
        if by := self.cancellation.stopped_by:
            raise RunCancelled(by=by, version=step.label)

    def send(self, sql: str) -> wire.Reply:
        """What is not ours to compose goes this way: a statement of the migration, and COMMIT."""
        return wire.send(self.connection, sql)

    def _send(self, step: Step, statement: Statement) -> wire.Reply:
        try:
            return self.send(statement.sql)
        except wire.CopyRefused:
            told = at(statement, "0A000", "COPY from or to the client cannot run here")
            raise failed(step, told, remedy="Write the rows as INSERT statements.") from None
        except psycopg.Error as error:
            raise self.named(step, f"statement {statement.number}", error, statement) from None

    def _keep_notice(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        if len(self.notices) >= NOTICE_LIMIT:
            del self.notices[NOTICE_LIMIT // 2]
        text = tracking.storable(diagnostic.message_primary or "")[:NOTICE_LENGTH]
        self.notices.append(f"{diagnostic.severity}: {text}")
        self._raised += 1

    def _kept_notices(self) -> tuple[str, ...]:
        """Those there is room for, and how many there were besides."""
        kept = list(takewhile(self._takes_room, self.notices))
        if missing := self._raised - len(kept):
            kept.insert(NOTICE_LIMIT // 2, f"… {missing} more notices were not kept …")
        return tuple(kept)

    def _takes_room(self, notice: str) -> bool:
        self._room -= len(notice)
        return self._room >= 0


def located(error: psycopg.Error, script: str, statement: Statement) -> ServerError:
    """What the server said, with the place in the file: where it pointed, else where the statement starts."""
    position = error.diag.statement_position
    place = excerpts.locate(script, statement.offset + (int(position) if position else 1))
    return replace(
        server_error(error),
        statement=statement.number,
        line=place.line,
        column=place.column,
        excerpt=place.excerpt,
    )


def server_error(error: psycopg.Error) -> ServerError:
    told = error.diag
    return ServerError(
        sqlstate=told.sqlstate or "",
        message=tracking.storable(told.message_primary or " ".join(str(error).split())),
        detail=tracking.storable(told.message_detail or ""),
        hint=tracking.storable(told.message_hint or ""),
        constraint=told.constraint_name or "",
        table=".".join(part for part in (told.schema_name, told.table_name) if part),
        context=tracking.storable(told.context or ""),
    )


def at(statement: Statement, sqlstate: str, message: str) -> ServerError:
    """An error of our own about a statement."""
    return ServerError(
        sqlstate=sqlstate, message=message, statement=statement.number, line=statement.line, column=statement.column
    )


def ended_our_transaction(step: Step, statement: Statement, tag: str = "") -> EngineError:
    """A COMMIT passes the fuses only where the migration took both out on purpose; then what it says is the truth."""
    told = at(statement, "25000", "the statement touched the transaction of the run")
    remedy = "Take the transaction control out of the file."
    if tag not in {"COMMIT", "PREPARE TRANSACTION"}:
        return failed(step, told, remedy=remedy)
    return PartlyApplied(
        version=step.label,
        number=statement.number,
        message="it committed by itself",
        kept=f"everything before statement {statement.number} is committed",
        error=replace(told, message="the migration committed by itself"),
        remedy=f"{remedy} Undo by hand what is there, then apply again.",
    )


#: Why a SQLSTATE happens here and what to do, where the server's own words do not help.
REMEDIES = {
    "25001": "This statement cannot run inside a transaction. Put it into a file of its own.",
    "2D000": "A block or procedure commits by itself. Nothing of the file remains; take the COMMIT out of it, or mark "
    "the file with `-- signalbox: transaction=none`.",
    "53100": "The disk of the database is full. Nothing of the migration remains, but the space it took may come back "
    "only after a VACUUM. Make room before the next try.",
    "55P03": "A lock was not to be had in time, several times over. Nothing of it remains. Look who holds it, and try "
    "again at a quieter time.",
    "55P04": "A value that was added to an enum can be used only after that is committed. Put the ALTER TYPE into a "
    "file of its own, before this one.",
    "40P01": "It deadlocked with other sessions several times over. Nothing of it remains. Try again at a quieter "
    "time.",
}
NOTHING_REMAINS = "Nothing of it remains. Correct the file, or the data it stumbled over, and apply again."


#: A phase of its own: what fails here is no fault of the migration.
COPYING = "copying rows"
NOTHING_COPIED = "Nothing of it remains, and no copy either. Mend the cause, or do without the copy."


def failed(
    step: Step, error: ServerError, *, remedy: str = "", where: str = "while it was recorded"
) -> StatementFailed:
    return StatementFailed(
        version=step.label,
        number=error.statement,
        where=f"at statement {error.statement}" if error.statement else where,
        message=error.message,
        error=error,
        remedy=remedy or REMEDIES.get(error.sqlstate, NOTHING_REMAINS),
    )


def lost(step: Step, access: Access, phase: str, reason: str) -> ConnectionLost:
    remedy = "What it did is being found out; until then nothing else runs in this environment."
    return ConnectionLost(
        environment=access.address.name, version=step.label, phase=phase, reason=reason, remedy=remedy
    )


def ms_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
