"""A step outside a transaction: statement by statement, with a journal in the target before and after each.

The journal is rows of the audit log. `started` commits before the statement; `done` commits with it where the
statement can share a transaction, else right after. A statement that was started and is neither done nor undone
is not known to have happened. Nothing here is ever retried by itself; a person continues, or starts over.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import psycopg

from dashboard.engine.database import connection as connections
from dashboard.engine.database import guards, indexes, locks, tracking
from dashboard.engine.database.connection import Connection
from dashboard.engine.database.tracking import Attempt, Outcome
from dashboard.engine.errors import EngineError, PartlyApplied, RunCancelled, ServerError, StatementFailed
from dashboard.engine.migration import checksum
from dashboard.engine.plan import Step
from dashboard.engine.run.faultpoints import faultpoint
from dashboard.engine.run.session import Session, at, failed, ms_since
from dashboard.engine.sql.indexes import concurrent_index
from dashboard.engine.sql.statements import Statement
from dashboard.engine.sql.transaction import TransactionShape

#: These can commit by themselves, so they run bare; when one fails, what it did before is not known.
COMMITS_BY_ITSELF = frozenset({"do_stmt", "call_stmt"})


def run(session: Session, position: int, step: Step, shape: TransactionShape) -> int:
    """Returns the milliseconds it took. Raises StatementFailed or RunCancelled when nothing remains, PartlyApplied
    when something does, ConnectionLost when that is not known."""
    started = time.monotonic()
    session.stop_if_told(step)
    session.guarded(step, "begin", lambda: connections.reset(session.connection, session.access))
    if step.first_statement == 1:
        session.guarded(step, "begin", lambda: _copy_rows(session, position, step))
    known = tracking.fingerprint(session.connection, session.schema)
    done = [s.number for s in shape.sent if s.number < step.first_statement]
    for statement in shape.sent:
        if statement.number < step.first_statement:
            continue
        begun, phase = False, f"statement {statement.number}"
        try:
            session.guarded(step, phase, partial(_refuse_stale_index, session, step, statement))
            begun = True
            session.guarded(step, phase, partial(_journaled, session, position, step, statement))
        except (StatementFailed, RunCancelled) as error:
            doubtful = begun and _is_in_doubt(session, step, statement)
            raise _partly(step, statement, done, error, doubtful=doubtful) from None
        done.append(statement.number)
    ms = ms_since(started)
    try:
        session.guarded(step, "recording", lambda: _record(session, step, ms, known))
    except StatementFailed as error:
        raise _partly(step, shape.sent[-1], done, error, doubtful=False) from None
    faultpoint("committed")
    return ms


def _copy_rows(session: Session, position: int, step: Step) -> None:
    """In a transaction of its own, so rows written after it and before their table goes are not in the copy."""
    if step.copies:
        with session.connection.transaction():
            session.copy_rows(position, step)


def _journaled(session: Session, position: int, step: Step, statement: Statement) -> None:
    session.stop_if_told(step)
    session.guarded(step, f"statement {statement.number}", lambda: _note(session, step, statement, Outcome.STARTED))
    faultpoint("journal_started")
    session.cancellation.attach(session.connection)
    try:
        if is_bare(statement):
            _bare(session, position, step, statement)
        else:
            _in_small_transaction(session, position, step, statement)
    finally:
        session.cancellation.detach()
    faultpoint("journal_done")
    if not locks.is_held(session.connection):
        told = at(statement, "25000", "the statement released the target lock")
        raise failed(step, told, remedy="Take pg_advisory_unlock_all or DISCARD ALL out of the file.")


def is_bare(statement: Statement) -> bool:
    return not statement.transactional or statement.node in COMMITS_BY_ITSELF


def _in_small_transaction(session: Session, position: int, step: Step, statement: Statement) -> None:
    """Its own transaction holds the statement and the word that it is done."""
    try:
        session.guarded(step, "begin", lambda: _execute(session, "BEGIN"))
        before = guards.look(session.connection, session.schema)
        session.statement(position, step, statement)
        session.guarded(step, "recording", lambda: _note_done(session, step, statement, before))
        session.guarded(step, "commit", lambda: _execute(session, "COMMIT"))
    except (EngineError, psycopg.Error):
        _undo(session, step, statement)
        raise


def _note_done(session: Session, step: Step, statement: Statement, before: guards.Look) -> None:
    for own in ("SET CONSTRAINTS ALL IMMEDIATE", "CLOSE ALL", "SET LOCAL search_path = pg_catalog"):
        _execute(session, own)
    if fault := guards.wrote(before, guards.look(session.connection, session.schema)):
        raise failed(step, at(statement, "25000", fault), remedy=guards.REMEDY)
    _note(session, step, statement, Outcome.DONE)


def _refuse_stale_index(session: Session, step: Step, statement: Statement) -> None:
    """IF NOT EXISTS would take an invalid index for the one that is wanted."""
    index = concurrent_index(statement)
    if index and (stale := indexes.named(indexes.invalid(session.connection, index.table), index.name)):
        told = at(statement, "55000", f"an invalid index {stale.qualified} is in the way")
        raise failed(step, told, remedy=f"Drop it first: DROP INDEX CONCURRENTLY {stale.qualified};")


def _bare(session: Session, position: int, step: Step, statement: Statement) -> None:
    index = concurrent_index(statement)
    before = indexes.invalid(session.connection, index.table) if index else frozenset()
    try:
        with _without_lock_timeout(session, statement):
            session.statement(position, step, statement)
    except StatementFailed as error:
        left = indexes.invalid(session.connection, index.table) - before if index else frozenset()
        if statement.node not in COMMITS_BY_ITSELF and not left:
            _note(session, step, statement, Outcome.UNDONE)
        raise _with_leftover(step, error, left) from None
    faultpoint("statement_done")
    if index and (left := indexes.invalid(session.connection, index.table) - before):
        told = at(statement, "55000", "the index was built, and is invalid")
        raise _with_leftover(step, failed(step, told), left)
    _note(session, step, statement, Outcome.DONE)


@contextmanager
def _without_lock_timeout(session: Session, statement: Statement) -> Iterator[None]:
    """CONCURRENTLY waits for older snapshots by design: a lock timeout would break it off and leave it invalid. The
    deadline of the run bounds it instead."""
    if statement.transactional:
        yield
        return
    saved = session.connection.execute(
        "SELECT pg_catalog.current_setting('lock_timeout'), pg_catalog.current_setting('statement_timeout')"
    ).fetchone()
    _execute(session, "SET lock_timeout = 0")
    _execute(session, "SET statement_timeout = 0")
    try:
        yield
    finally:
        if saved and not session.connection.closed:
            for name, value in zip(("lock_timeout", "statement_timeout"), saved, strict=True):
                session.connection.execute("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))


def _with_leftover(step: Step, error: StatementFailed, left: frozenset[indexes.Index]) -> StatementFailed:
    if not left:
        return error
    names = ", ".join(sorted(index.qualified for index in left))
    told: ServerError = error.facts["error"]
    remedy = f"It left an invalid index behind: {names}. Drop it with DROP INDEX CONCURRENTLY, then continue."
    return failed(step, replace(told, detail=told.detail or f"invalid index: {names}"), remedy=remedy)


def _partly(
    step: Step, statement: Statement, done: list[int], error: StatementFailed | RunCancelled, *, doubtful: bool
) -> EngineError:
    """What is left decides the name of the failure: nothing, or something."""
    if not done and not doubtful:
        return error
    told = error.facts.get("error") or at(statement, "57014", str(error))
    kept = _kept(done)
    remedy = error.next_step if "invalid index" in error.next_step else ""
    return PartlyApplied(
        version=step.label,
        number=statement.number,
        message=told.message,
        kept=kept,
        error=told,
        remedy=f"{remedy} Continue from statement {statement.number} once the cause is mended, or undo by hand what "
        "is there and start over.".strip(),
    )


def _is_in_doubt(session: Session, step: Step, statement: Statement) -> bool:
    """Asked in a clean session: what failed may have left a role or a timeout of its own behind."""
    try:
        connections.reset(session.connection, session.access)
        last = tracking.last_outcome(session.connection, session.schema, step, statement.number, session.attempt)
    except psycopg.Error:
        return True
    return last is Outcome.STARTED


def _undo(session: Session, step: Step, statement: Statement) -> None:
    if session.connection.closed:
        return
    session.connection.rollback()
    _note(session, step, statement, Outcome.UNDONE)


def _note(session: Session, step: Step, statement: Statement, outcome: Outcome) -> None:
    note(session.connection, session.schema, step, statement, session.attempt, outcome)


def note(
    connection: Connection, schema: str, step: Step, statement: Statement, attempt: Attempt, outcome: Outcome
) -> None:
    """A word in the journal: started, done or undone."""
    tracking.log(
        connection,
        schema,
        step,
        attempt,
        outcome=outcome,
        statement=statement.number,
        message=checksum(statement.sql),
    )


def _record(session: Session, step: Step, ms: int, known: str) -> None:
    for statement in (
        "RESET SESSION AUTHORIZATION",
        "RESET ROLE",
        "SET synchronous_commit = on",
        "SET search_path = pg_catalog",
    ):
        session.connection.execute(statement)
    if tracking.fingerprint(session.connection, session.schema) != known:
        raise _changed_history(step)
    with session.connection.transaction():
        tracking.record(session.connection, session.schema, step, session.attempt, ms=ms)


def _changed_history(step: Step) -> PartlyApplied:
    told = ServerError(sqlstate="25000", message="the migration changed the history that Signalbox keeps")
    return PartlyApplied(
        version=step.label,
        number=step.first_statement,
        message=told.message,
        kept="all its statements are committed",
        error=told,
        remedy="It is not recorded as applied. Compare schema_migrations with a backup before anything else runs here.",
    )


def _execute(session: Session, sql: str) -> None:
    session.connection.execute(sql)


def _kept(done: list[int]) -> str:
    match done:
        case []:
            return "its first statement may have left something"
        case [only]:
            return f"statement {only} is committed"
        case _:
            return f"statements {done[0]} to {done[-1]} are committed"
