"""A step outside a transaction: statement by statement, with a journal in the target before and after each.

Nothing here is ever retried by itself; a person continues, or starts over.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import LiteralString

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
from dashboard.engine.sql import session_state
from dashboard.engine.sql.concurrently import concurrent
from dashboard.engine.sql.indexes import concurrent_index
from dashboard.engine.sql.statements import Statement
from dashboard.engine.sql.transaction import TransactionShape, is_bare, is_repeatable, may_commit

#: Whatever role the file has set, our own rows are written under our own. For the rest of the transaction only.
_AS_OURSELVES: LiteralString = "SET LOCAL role TO DEFAULT; "
_SWITCHES_AUTHORIZATION = re.compile(r"session[\s_]+authorization", re.IGNORECASE)


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
        history_before = session.tracking.fingerprint()
    with session.naming(step, "restoring the session"):
        for setting in session_state.settings_before(shape.sent, step.first_statement):
            session.connection.execute(setting.sql.encode())
    done = [statement.number for statement in shape.sent if statement.number < step.first_statement]
    for statement in shape.sent:
        if statement.number >= step.first_statement:
            _next_statement(session, position, step, statement, done)
            done.append(statement.number)
    ms = ms_since(started)
    try:
        with session.naming(step, "recording"):
            _record(session, step, ms, history_before, shape.sent)
    except StatementFailed as error:
        raise failures.partly_applied(step, shape.sent[-1], done, error) from None
    faultpoint("committed")
    return ms


def _copy_rows(session: Session, position: int, step: Step) -> None:
    """In a transaction of its own, so rows written after it and before their table goes are not in the copy."""
    if step.copies:
        with session.connection.transaction():
            session.copy_rows(position, step)


def _next_statement(session: Session, position: int, step: Step, statement: Statement, done: Sequence[int]) -> None:
    """How the failure is named depends on whether something is left."""
    is_begun = False
    try:
        with session.naming(step, f"statement {statement.number}"):
            _refuse_stale_index(session, step, statement)
            is_begun = True
            _journaled(session, position, step, statement, done)
    except (StatementFailed, RunCancelled) as error:
        if done or (is_begun and _is_in_doubt(session, step, statement)):
            raise failures.partly_applied(step, statement, done, error) from None
        raise


def _journaled(session: Session, position: int, step: Step, statement: Statement, done: Sequence[int]) -> None:
    session.stop_if_told(step)
    _note(session, step, statement, StatementOutcome.STARTED)
    faultpoint("journal_started")
    session.cancellation.attach(session.connection)
    try:
        if is_bare(statement):
            _bare(session, position, step, statement, done)
        else:
            _in_small_transaction(session, position, step, statement)
    finally:
        session.cancellation.detach()
    faultpoint("journal_done")
    if not locks.is_held(session.connection):
        error = failures.at(statement, failures.TRANSACTION_TOUCHED, "the statement released the target lock")
        raise failures.failed(step, error, failures.LOCK_RELEASED)


def _in_small_transaction(session: Session, position: int, step: Step, statement: Statement) -> None:
    """Its own transaction holds the statement and the word that it is done."""
    try:
        with _ourselves(session, step):
            before = guards.transaction_state(session.tracking)
        with session.naming(step, "begin"):
            session.connection.execute("BEGIN")
        session.statement(position, step, statement)
        with session.naming(step, "recording"):
            _note_done(session, step, statement, before)
        with session.naming(step, "commit"):
            session.connection.execute("COMMIT")
    except (EngineError, psycopg.Error):
        _undo(session, step, statement)
        raise


def _note_done(session: Session, step: Step, statement: Statement, before: guards.TransactionState) -> None:
    session.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    pin(session.connection, _as_ourselves(step))
    guards.close_cursors(session.connection)
    if harm := guards.harm_done(before, guards.transaction_state(session.tracking)):
        error = failures.at(statement, failures.TRANSACTION_TOUCHED, harm)
        remedy = guards.REMEDY.format(schema=session.tracking.schema)
        raise failures.failed(step, error, failures.Explanation(remedy=remedy))
    _journal(session, step).write(statement, StatementOutcome.DONE)


def _refuse_stale_index(session: Session, step: Step, statement: Statement) -> None:
    """IF NOT EXISTS would take an invalid index for the one that is asked for."""
    index = concurrent_index(statement)
    if index and (stale := indexes.named(indexes.invalid(session.connection, index.table), index.name)):
        raise failures.invalid_index_in_the_way(step, statement, stale)


def _bare(session: Session, position: int, step: Step, statement: Statement, done: Sequence[int]) -> None:
    before = _standing(session, statement)
    ours = _witness(session, step)
    try:
        with _without_lock_timeout(session, statement):
            session.statement(position, step, statement)
    except (StatementFailed, RunCancelled) as error:
        if not session.connection.closed:
            _refuse_changes(session, step, statement, done, ours)
        _note_broken_off(session, step, statement, before, error)
        raise
    faultpoint("statement_done")
    _refuse_changes(session, step, statement, done, ours)
    if left := _left_since(before, _standing(session, statement)):
        server_error = failures.at(statement, failures.INVALID_INDEX, "it ended, and what it made is invalid")
        raise failures.left_half_done(step, server_error, left)
    _note(session, step, statement, StatementOutcome.DONE)


def _witness(session: Session, step: Step) -> guards.Witness:
    with _ourselves(session, step):
        return guards.witness(session.tracking)


def _refuse_changes(
    session: Session, step: Step, statement: Statement, done: Sequence[int], before: guards.Witness
) -> None:
    """Raises PartlyApplied where the statement did something to our tables, whether or not it failed."""
    with _ourselves(session, step):
        change = guards.changed_since(before, session.tracking)
    if change:
        raise failures.tracking_changed(step, statement, done, change)


@contextmanager
def _ourselves(session: Session, step: Step) -> Iterator[None]:
    """A transaction that only looks, under our own role, whichever role the file has set."""
    try:
        pin(session.connection, "BEGIN; " + _as_ourselves(step))
        yield
        session.connection.execute("COMMIT")
    except psycopg.Error:
        if not session.connection.closed:
            session.connection.rollback()
        raise


def _note_broken_off(
    session: Session,
    step: Step,
    statement: Statement,
    before: Aftermath | None,
    error: StatementFailed | RunCancelled,
) -> None:
    """A statement is called undone only if it is one transaction, or the catalog is as it was before. Raises
    StatementFailed with what was left behind."""
    if before is None:
        is_undone = isinstance(error, StatementFailed) or statement.transactional
        if is_repeatable(statement) or (is_undone and not may_commit(statement)):
            _note(session, step, statement, StatementOutcome.UNDONE)
        return
    now = _standing(session, statement)
    if left := _left_since(before, now):
        server_error = error.facts.get("error") or failures.at(statement, failures.CANCELLED, str(error).rstrip("."))
        raise failures.left_half_done(step, server_error, left) from None
    if now == before:
        _note(session, step, statement, StatementOutcome.UNDONE)


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


def _undo(session: Session, step: Step, statement: Statement) -> None:
    if session.connection.closed:
        return
    session.connection.rollback()
    _note(session, step, statement, StatementOutcome.UNDONE)


def _note(session: Session, step: Step, statement: Statement, outcome: StatementOutcome) -> None:
    """In a transaction of its own, also where the file has made its session read-only."""
    try:
        pin(session.connection, "BEGIN READ WRITE; " + _as_ourselves(step))
        _journal(session, step).write(statement, outcome)
        session.connection.execute("COMMIT")
    except psycopg.Error:
        if not session.connection.closed:
            session.connection.rollback()
        raise


def _as_ourselves(step: Step) -> LiteralString:
    if _SWITCHES_AUTHORIZATION.search(step.sql):
        return "SET LOCAL SESSION AUTHORIZATION DEFAULT; " + _AS_OURSELVES
    return _AS_OURSELVES


def _journal(session: Session, step: Step) -> Journal:
    return Journal(tracking=session.tracking, step=step)


def _record(session: Session, step: Step, ms: int, history_before: str, sent: Sequence[Statement]) -> None:
    for statement in (
        "RESET SESSION AUTHORIZATION",
        "RESET ROLE",
        "SET default_transaction_read_only = off",
        "SET synchronous_commit = on",
    ):
        session.connection.execute(statement)
    if session.tracking.fingerprint() != history_before:
        done = [statement.number for statement in sent[:-1]]
        raise failures.tracking_changed(step, sent[-1], done, guards.HISTORY_CHANGED)
    with session.connection.transaction():
        session.tracking.record(step, ms=ms)
