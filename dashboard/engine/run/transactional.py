"""A step in one transaction: BEGIN, the statements in file order, the tracking row, COMMIT.

Guards, each proven with the others switched off: one statement a message (wire), the command tag and the status
after each statement (session), the fuse in the target that makes any other COMMIT fail as a whole, the transaction
id at the end, and which locks the migration took on the tracking tables.

Steps that send no SQL of a migration are recorded together, in one transaction of the same make.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Sequence

from psycopg.pq import TransactionStatus

from dashboard.engine.database import connection as connections
from dashboard.engine.database import guards, locks
from dashboard.engine.database.pinned import pin, pinned
from dashboard.engine.database.tracking import Outcome
from dashboard.engine.errors import EngineError, ServerError, StatementFailed, TargetUnsuitable
from dashboard.engine.plan import Step
from dashboard.engine.run import failures
from dashboard.engine.run.events import StepRetried
from dashboard.engine.run.faultpoints import faultpoint
from dashboard.engine.run.session import Session, ms_since
from dashboard.engine.sql import directives
from dashboard.engine.sql.statements import Statement
from dashboard.engine.sql.transaction import TransactionShape

#: How often a step is tried when a lock is not granted in time, there is a deadlock, or a serializable transaction lost
#: against another, and how long in all.
ATTEMPTS = 5
RETRY_BUDGET = 120.0
FIRST_PAUSE = 0.5
RETRIED = frozenset({"55P03", "40P01", "40001"})


def run(session: Session, position: int, step: Step, shape: TransactionShape) -> int:
    """Returns the milliseconds it took. Raises StatementFailed, RunCancelled (nothing remains) or ConnectionLost."""
    return _tried(session, position, step, lambda: _transaction(session, position, step, shape))


def record(session: Session, steps: Sequence[Step], *, at: Callable[[int], None]) -> int:
    """All of these, or none. `at` is told which one is being written, and where something fails it is that one.

    Returns the milliseconds; raises as `run` does, and PlanChanged where a row is not as it was planned from.
    """
    return _tried(session, 0, steps[0], lambda: _recording(session, steps, at))


def _tried(session: Session, position: int, step: Step, work: Callable[[], int]) -> int:
    begun = time.monotonic()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return work()
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
    seal = guards.Seal(session.tracking, secrets.token_hex(8))
    with session.naming(step, "begin"):
        _begin(session, step, seal)
    faultpoint("begun")
    session.cancellation.attach(session.connection)
    try:
        session.copy_rows(position, step)
        for statement in shape.sent:
            faultpoint("before_statement")
            _statement(session, position, step, statement, seal)
        faultpoint("body_done")
        ms = ms_since(started)
        with session.naming(step, "recording"):
            _record(session, step, seal, ms)
    finally:
        session.cancellation.detach()
    session.stop_if_told(step)
    _commit(session, step)
    return ms


def _recording(session: Session, steps: Sequence[Step], at: Callable[[int], None]) -> int:
    started, first = time.monotonic(), steps[0]
    session.stop_if_told(first)
    seal = guards.Seal(session.tracking, secrets.token_hex(8))
    with session.naming(first, "begin"):
        _begin(session, first, seal)
    faultpoint("begun")
    session.cancellation.attach(session.connection)
    try:
        with session.naming(first, "recording"):
            _take_back_our_name(session, first, seal)
        for position, step in enumerate(steps):
            at(position)
            session.stop_if_told(step)
            with session.naming(step, "recording"):
                session.tracking.note(step, ms=0)
        with session.naming(first, "recording"):
            session.tracking.tell(steps)
    finally:
        session.cancellation.detach()
    session.stop_if_told(first)
    _commit(session, first)
    return ms_since(started)


def _begin(session: Session, step: Step, seal: guards.Seal) -> None:
    session.clean()
    if not session.holds_lock:
        raise TargetUnsuitable(
            environment=session.access.address.name,
            finding="the target lock is not held any more; the migration before released it.",
            state_now="Nothing of this migration was run.",
            remedy="That migration is applied, and editing it now would be found as an edit: start the run again for "
            "what is left, and keep pg_advisory_unlock_all and DISCARD ALL out of later files.",
        )
    session.connection.execute("BEGIN")
    with pinned(session.connection):
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
        raise failures.ended_our_transaction(step, statement)


def _record(session: Session, step: Step, seal: guards.Seal, ms: int) -> None:
    _take_back_our_name(session, step, seal)
    session.tracking.record(step, ms=ms)


def _take_back_our_name(session: Session, step: Step, seal: guards.Seal) -> None:
    """Whatever role the migration switched to, the tracking rows are written under our own; then COMMIT may pass."""
    connection = session.connection
    connection.execute("RESET SESSION AUTHORIZATION; RESET ROLE")
    seal.open()
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE; CLOSE ALL")  # a cursor WITH HOLD is read at COMMIT
    pin(connection)  # nothing of the migration runs any more
    if fault := seal.broken():
        error = ServerError(sqlstate=failures.TRANSACTION_TOUCHED, message=fault)
        remedy = guards.REMEDY.format(schema=session.tracking.schema)
        raise failures.failed(step, error, failures.Explanation(remedy=remedy))


def _commit(session: Session, step: Step) -> None:
    with session.naming(step, "recording"):
        session.connection.execute("SET LOCAL synchronous_commit = on")
    faultpoint("before_commit")
    with session.naming(step, "commit"):
        reply = session.send("COMMIT")
    if reply.tag != "COMMIT":
        message = f"COMMIT was answered with {reply.tag}"
        raise failures.failed(step, ServerError(sqlstate=failures.NOT_COMMITTED, message=message))
    faultpoint("committed")


def _may_retry(session: Session, error: StatementFailed) -> bool:
    server_error: ServerError = error.facts["error"]
    return server_error.sqlstate in RETRIED and not session.connection.closed


def _undo(session: Session, step: Step, error: EngineError, attempt: int) -> None:
    session.connection.rollback()
    connections.reset(session.connection, session.access)
    server_error: ServerError = error.facts["error"]
    session.tracking.log(
        step,
        outcome=Outcome.RETRIED,
        message=f"attempt {attempt}: {server_error.message}",
        statement=server_error.statement,
        sqlstate=server_error.sqlstate,
    )
