"""A step outside a transaction: statement by statement, with a journal in the target before and after each.

Nothing here is ever retried by itself; a person continues, or starts over.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from dashboard.engine.database import connection as connections
from dashboard.engine.database import guards, indexes, leftovers, locks
from dashboard.engine.database.leftovers import Aftermath, Leftover
from dashboard.engine.database.pinned import pin
from dashboard.engine.database.tracking import StatementOutcome
from dashboard.engine.errors import EngineError, RunCancelled, StatementFailed
from dashboard.engine.plan import Step
from dashboard.engine.run import failures
from dashboard.engine.run.faultpoints import faultpoint
from dashboard.engine.run.journal import Journal
from dashboard.engine.run.session import Session, ms_since
from dashboard.engine.run.watch import TrackingWatch, as_ourselves, ourselves
from dashboard.engine.sql import session_state
from dashboard.engine.sql.concurrently import concurrent
from dashboard.engine.sql.indexes import concurrent_index
from dashboard.engine.sql.statements import Statement
from dashboard.engine.sql.transaction import TransactionShape, is_bare, is_repeatable, may_commit


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """A step under way."""

    session: Session
    position: int
    step: Step
    watch: TrackingWatch
    done: list[int]  # statements of it, also of an earlier run


def run(session: Session, position: int, step: Step, shape: TransactionShape) -> int:
    """Returns the milliseconds it took. Raises StatementFailed or RunCancelled when nothing remains, PartlyApplied
    when something does, ConnectionLost when that is not known."""
    started = time.monotonic()
    session.stop_if_told(step)
    with session.naming(step, "begin"):
        session.clean()
        if step.first_statement == 1:
            _copy_rows(session, position, step)
    with session.naming(step, "begin"):
        watch = TrackingWatch(session, step)
    with session.naming(step, "restoring the session"):
        for setting in session_state.settings_before(shape.sent, step.first_statement):
            session.connection.execute(setting.sql.encode())
    done = [statement.number for statement in shape.sent if statement.number < step.first_statement]
    work = _Work(session=session, position=position, step=step, watch=watch, done=done)
    for statement in shape.sent:
        if statement.number >= step.first_statement:
            _next_statement(work, statement)
            done.append(statement.number)
    ms = ms_since(started)
    try:
        with session.naming(step, "recording"):
            _record(work, ms, shape.sent[-1])
    except StatementFailed as error:
        raise failures.partly_applied(step, shape.sent[-1], done, error) from None
    faultpoint("committed")
    return ms


def _copy_rows(session: Session, position: int, step: Step) -> None:
    """In a transaction of its own, so rows written after it and before their table goes are not in the copy."""
    if step.copies:
        with session.connection.transaction():
            session.copy_rows(position, step)


def _next_statement(work: _Work, statement: Statement) -> None:
    """How the failure is named depends on whether something is left."""
    session, step, is_begun = work.session, work.step, False
    try:
        with session.naming(step, f"statement {statement.number}"):
            _refuse_stale_index(session, step, statement)
            is_begun = True
            _journaled(work, statement)
    except (StatementFailed, RunCancelled) as error:
        _refuse_earlier_changes(work)
        if work.done or (is_begun and _is_in_doubt(session, step, statement)):
            raise failures.partly_applied(step, statement, work.done, error) from None
        raise


def _journaled(work: _Work, statement: Statement) -> None:
    session, step = work.session, work.step
    session.stop_if_told(step)
    _note(work, statement, StatementOutcome.STARTED)
    faultpoint("journal_started")
    session.cancellation.attach(session.connection)
    try:
        if is_bare(statement):
            _bare(work, statement)
        else:
            _in_small_transaction(work, statement)
    finally:
        session.cancellation.detach()
    faultpoint("journal_done")
    if not locks.is_held(session.connection):
        error = failures.at(statement, failures.TRANSACTION_TOUCHED, "the statement released the target lock")
        raise failures.failed(step, error, failures.LOCK_RELEASED)


def _in_small_transaction(work: _Work, statement: Statement) -> None:
    """Its own transaction holds the statement and the word that it is done."""
    session, step = work.session, work.step
    try:
        with ourselves(session, step):
            before = guards.transaction_state(session.tracking)
        with session.naming(step, "begin"):
            session.connection.execute("BEGIN")
        session.statement(work.position, step, statement)
        with session.naming(step, "recording"):
            number = _note_done(work, statement, before)
        with session.naming(step, "commit"):
            session.connection.execute("COMMIT")
        work.watch.written(number)
    except (EngineError, psycopg.Error):
        _undo(work, statement)
        raise


def _note_done(work: _Work, statement: Statement, before: guards.TransactionState) -> int:
    """Returns the number of its transaction."""
    session, step = work.session, work.step
    session.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    pin(session.connection, as_ourselves(step))
    guards.close_cursors(session.connection)
    if harm := guards.harm_done(before, guards.transaction_state(session.tracking)):
        error = failures.at(statement, failures.TRANSACTION_TOUCHED, harm)
        remedy = guards.REMEDY.format(schema=session.tracking.schema)
        raise failures.failed(step, error, failures.Explanation(remedy=remedy))
    return _write(work, statement, StatementOutcome.DONE)


def _refuse_stale_index(session: Session, step: Step, statement: Statement) -> None:
    """IF NOT EXISTS would take an invalid index for the one that is asked for."""
    index = concurrent_index(statement)
    if index and (stale := indexes.named(indexes.invalid(session.connection, index.table), index.name)):
        raise failures.invalid_index_in_the_way(step, statement, stale)


def _bare(work: _Work, statement: Statement) -> None:
    session, step = work.session, work.step
    before = _standing(session, statement)
    work.watch.begin()
    try:
        with _without_lock_timeout(session, statement):
            session.statement(work.position, step, statement)
    except (StatementFailed, RunCancelled) as error:
        if not session.connection.closed:
            _refuse_changes(work, statement, work.watch.after(statement, failed=True))
        _note_broken_off(work, statement, before, error)
        raise
    faultpoint("statement_done")
    _refuse_changes(work, statement, work.watch.after(statement, failed=False))
    if left := _left_since(before, _standing(session, statement)):
        server_error = failures.at(statement, failures.INVALID_INDEX, "it ended, and what it made is invalid")
        raise failures.left_half_done(step, server_error, left)
    _note(work, statement, StatementOutcome.DONE)


def _refuse_changes(work: _Work, statement: Statement, change: str) -> None:
    """Raises PartlyApplied where something was done to our tables, whether or not the statement failed."""
    if change:
        raise failures.tracking_changed(work.step, statement, work.done, change)


def _refuse_earlier_changes(work: _Work) -> None:
    """The same of the statements before, where nobody has looked after them yet."""
    last = work.watch.last_passed_over
    if last is None or work.session.connection.closed:
        return
    with work.session.naming(work.step, "looking"):
        change = work.watch.passed_over()
    if change:
        raise failures.tracking_changed(
            work.step, last, [number for number in work.done if number != last.number], change
        )


def _note_broken_off(
    work: _Work, statement: Statement, before: Aftermath | None, error: StatementFailed | RunCancelled
) -> None:
    """A statement is called undone only if it is one transaction, or the catalog is as it was before. Raises
    StatementFailed with what was left behind."""
    if before is None:
        is_undone = isinstance(error, StatementFailed) or statement.transactional
        if is_repeatable(statement) or (is_undone and not may_commit(statement)):
            _note(work, statement, StatementOutcome.UNDONE)
        return
    now = _standing(work.session, statement)
    if left := _left_since(before, now):
        server_error = error.facts.get("error") or failures.at(statement, failures.CANCELLED, str(error).rstrip("."))
        raise failures.left_half_done(work.step, server_error, left) from None
    if now == before:
        _note(work, statement, StatementOutcome.UNDONE)


def _standing(session: Session, statement: Statement) -> Aftermath | None:
    """For a statement that is several transactions; None for every other one."""
    several = concurrent(statement)
    return leftovers.standing(session.connection, several) if several else None


def _left_since(before: Aftermath | None, now: Aftermath | None) -> frozenset[Leftover]:
    return now.leftovers - before.leftovers if before and now else frozenset()


@contextmanager
def _without_lock_timeout(session: Session, statement: Statement) -> Iterator[None]:
    """CONCURRENTLY waits for older snapshots by design: a lock timeout would break it off and leave it invalid. The
    deadline of the run bounds it instead."""
    if statement.transactional:
        yield
        return
    timeouts = session.connection.execute(
        "SELECT pg_catalog.current_setting('lock_timeout'), pg_catalog.current_setting('statement_timeout')"
    ).fetchone()
    session.connection.execute("SET lock_timeout = 0")
    session.connection.execute("SET statement_timeout = 0")
    try:
        yield
    finally:
        if timeouts and not session.connection.closed:
            for name, value in zip(("lock_timeout", "statement_timeout"), timeouts, strict=True):
                session.connection.execute("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))


def _is_in_doubt(session: Session, step: Step, statement: Statement) -> bool:
    """Asked in a clean session: what failed may have left a role or a timeout of its own behind."""
    try:
        connections.reset(session.connection, session.access)
        return _journal(session, step).last_outcome(statement) is StatementOutcome.STARTED
    except psycopg.Error:
        return True


def _undo(work: _Work, statement: Statement) -> None:
    if work.session.connection.closed:
        return
    work.session.connection.rollback()
    _note(work, statement, StatementOutcome.UNDONE)


def _note(work: _Work, statement: Statement, outcome: StatementOutcome) -> None:
    """In a transaction of its own, also where the file has made its session read-only."""
    connection = work.session.connection
    try:
        pin(connection, "BEGIN READ WRITE; " + as_ourselves(work.step))
        number = _write(work, statement, outcome)
        connection.execute("COMMIT")
    except psycopg.Error:
        if not connection.closed:
            connection.rollback()
        raise
    work.watch.written(number)


def _write(work: _Work, statement: Statement, outcome: StatementOutcome) -> int:
    """Returns the number of the transaction that is open."""
    _journal(work.session, work.step).write(statement, outcome)
    return work.watch.number()


def _journal(session: Session, step: Step) -> Journal:
    return Journal(tracking=session.tracking, step=step)


def _record(work: _Work, ms: int, last: Statement) -> None:
    session = work.session
    for statement in (
        "RESET SESSION AUTHORIZATION",
        "RESET ROLE",
        "SET default_transaction_read_only = off",
        "SET synchronous_commit = on",
    ):
        session.connection.execute(statement)
    if change := work.watch.at_the_end():
        raise failures.tracking_changed(work.step, last, work.done[:-1], change)
    with session.connection.transaction():
        session.tracking.record(work.step, ms=ms)
