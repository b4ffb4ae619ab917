"""A step in one transaction: BEGIN, the statements in file order, the tracking row, COMMIT.

Guards, each proven with the others switched off: one statement a message (wire), the command tag and the status
after each statement (session), the fuse in the target that makes any other COMMIT fail as a whole, the transaction
id at the end, and a look at which locks the migration took on the tracking tables.
"""

from __future__ import annotations

import random
import secrets
import time

import psycopg
from psycopg.pq import TransactionStatus

from dashboard.engine.database import connection as connections
from dashboard.engine.database import guards, locks, tracking
from dashboard.engine.database.tracking import Outcome
from dashboard.engine.errors import EngineError, ServerError, StatementFailed, TargetUnsuitable
from dashboard.engine.plan import Step
from dashboard.engine.run.events import StepRetried
from dashboard.engine.run.faultpoints import faultpoint
from dashboard.engine.run.session import Session, ended_our_transaction, failed, ms_since
from dashboard.engine.sql import directives
from dashboard.engine.sql.statements import Statement
from dashboard.engine.sql.transaction import TransactionShape

#: How often a step is tried when a lock is not to be had in time or there is a deadlock, and how long in all.
ATTEMPTS = 5
RETRY_BUDGET = 120.0
FIRST_PAUSE = 0.5
RETRIED = frozenset({"55P03", "40P01"})


def run(session: Session, position: int, step: Step, shape: TransactionShape) -> int:
    """Returns the milliseconds it took. Raises StatementFailed, RunCancelled (nothing remains) or ConnectionLost."""
    begun = time.monotonic()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _transaction(session, position, step, shape)
        except StatementFailed as error:
            pause = FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311  # jitter, no secret
            out_of_time = time.monotonic() - begun + pause > RETRY_BUDGET
            if not _may_retry(session, error) or attempt == ATTEMPTS or out_of_time:
                raise
            _undo(session, step, error, attempt)
            session.tell(
                StepRetried(
                    position=position, attempt=attempt, reason=error.facts["message"], pause_ms=round(pause * 1000)
                )
            )
            time.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def _transaction(session: Session, position: int, step: Step, shape: TransactionShape) -> int:
    started = time.monotonic()
    session.stop_if_told(step)
    seal = guards.Seal(session.connection, session.schema, secrets.token_hex(8))
    session.guarded(step, "begin", lambda: _begin(session, step, seal))
    faultpoint("begun")
    session.cancellation.attach(session.connection)
    try:
        session.copy_rows(position, step)
        for statement in shape.sent:
            faultpoint("before_statement")
            _statement(session, position, step, statement, seal)
        faultpoint("body_done")
        ms = ms_since(started)
        session.guarded(step, "recording", lambda: _record(session, step, seal, ms))
    finally:
        session.cancellation.detach()
    session.stop_if_told(step)
    faultpoint("before_commit")
    _commit(session, step)
    faultpoint("committed")
    return ms


def _begin(session: Session, step: Step, seal: guards.Seal) -> None:
    connections.reset(session.connection, session.access)
    if not locks.is_held(session.connection):
        raise TargetUnsuitable(
            environment=session.access.address.name,
            finding="the target lock is not held any more; the migration before released it.",
            remedy="Take pg_advisory_unlock_all or DISCARD ALL out of that migration.",
        )
    session.connection.execute("BEGIN")
    locks.hold_in_transaction(session.connection)
    for name, value in directives.values_in(step.sql).items():
        if name in {"lock_timeout", "statement_timeout"}:
            session.connection.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))
    seal.close()


def _statement(session: Session, position: int, step: Step, statement: Statement, seal: guards.Seal) -> None:
    if statement.node == "constraints_set_stmt":
        with seal.lifted():
            session.statement(position, step, statement)
    else:
        session.statement(position, step, statement, is_ours=seal.is_ours)
    if session.connection.info.transaction_status is not TransactionStatus.INTRANS:
        raise ended_our_transaction(step, statement)


def _record(session: Session, step: Step, seal: guards.Seal, ms: int) -> None:
    """The tracking row, under our own name whatever role the migration switched to; then COMMIT may pass."""
    connection = session.connection
    for statement in ("RESET SESSION AUTHORIZATION", "RESET ROLE"):
        connection.execute(statement)
    seal.open()
    for what_waits_for_commit in ("SET CONSTRAINTS ALL IMMEDIATE", "CLOSE ALL"):  # a cursor WITH HOLD is read there
        connection.execute(what_waits_for_commit)
    connection.execute("SET LOCAL search_path = pg_catalog")  # not where the migration put operators of its own
    if fault := seal.broken():
        raise failed(step, ServerError(sqlstate="25000", message=fault), remedy=guards.REMEDY)
    tracking.record(connection, session.schema, step, session.attempt, ms=ms)
    connection.execute("SET LOCAL synchronous_commit = on")


def _commit(session: Session, step: Step) -> None:
    try:
        reply = session.send("COMMIT")
    except psycopg.Error as error:
        raise session.named(step, "commit", error) from None
    if reply.tag != "COMMIT":
        told = ServerError(sqlstate="25P02", message=f"COMMIT was answered with {reply.tag}")
        raise failed(step, told)


def _may_retry(session: Session, error: StatementFailed) -> bool:
    told: ServerError = error.facts["error"]
    return told.sqlstate in RETRIED and not session.connection.closed


def _undo(session: Session, step: Step, error: EngineError, attempt: int) -> None:
    session.connection.rollback()
    connections.reset(session.connection, session.access)
    told: ServerError = error.facts["error"]
    tracking.log(
        session.connection,
        session.schema,
        step,
        session.attempt,
        outcome=Outcome.RETRIED,
        message=f"attempt {attempt}: {told.message}",
        statement=told.statement,
        sqlstate=told.sqlstate,
    )
