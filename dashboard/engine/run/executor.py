"""Runs a plan under the target lock, step by step, and tells an observer what happens.

The order, which is the promise: connect, examine, win the lock, read identity and history again, refuse
whatever is not exactly the plan that was approved, then the steps in order, each in the way its statements allow
(`transactional` or `autocommit`). A transactional step that fails leaves nothing behind; the steps before it stand.
A plan that only records is one transaction: all of its steps, or none.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import psycopg

from dashboard.engine import verification
from dashboard.engine.database import connection as connections
from dashboard.engine.database import doctor, dual_writing, history, leftovers, locks, tool_tables
from dashboard.engine.database.connection import Access, Connection
from dashboard.engine.database.pinned import pinned
from dashboard.engine.database.tracking import Attempt, Outcome, TrackingTables
from dashboard.engine.errors import (
    ConnectionLost,
    ControlDatabaseShared,
    EngineError,
    NotApproved,
    PartlyApplied,
    PlanBlocked,
    PlanChanged,
    RunCancelled,
    StatementFailed,
    TargetUnsuitable,
)
from dashboard.engine.plan import (
    Action,
    Plan,
    Step,
    TargetIdentity,
)
from dashboard.engine.run import autocommit, failures, transactional
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.run.events import Ending, Observer, StepCommitted, StepEnded, StepStarted
from dashboard.engine.run.faultpoints import faultpoint
from dashboard.engine.run.monitor import Monitor
from dashboard.engine.run.session import Session, ms_since
from dashboard.engine.sql.transaction import TransactionMode, TransactionShape, shape_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """The people who approved, and the digest. The executor checks it itself."""

    digest: str
    requested_by: str
    approved_by: tuple[str, ...]
    expires_at: datetime
    needed: int = 1  # different people, none of them the requester
    broken_glass_by: str = ""  # who answers for it alone, where the environment allows that; reviewed afterwards
    reason: str = ""  # for breaking the glass, where only the log of the target can keep it


def execute(
    plan: Plan,
    *,
    access: Access,
    attempt: Attempt,
    approval: Approval | None,
    observer: Observer,
    cancellation: Cancellation | None = None,
    lock_wait: float = 0.0,
    confirm: Callable[[int], None] = lambda log: None,
) -> None:
    """Run the plan to its end. The policy in `access` is the environment's now, not the plan's.

    `confirm` is called once, under the lock and before anything of the plan is sent, with the number of the log that
    will tell what it did. It raises where the run is not the caller's any more. Asking once is enough: whoever takes
    the run over later ends this session first.

    Raises NotApproved, PlanChanged, TargetUnreachable, TargetUnsuitable, ControlDatabaseShared, TargetBusy before
    anything was changed; StatementFailed, RunCancelled when a step was undone; PartlyApplied when a step outside a
    transaction left something; ConnectionLost when the server's answer never came.
    """
    _check_approval(plan, access, approval)
    cancellation = cancellation or Cancellation()
    name = attempt.session_name
    with (
        connections.working(access, name=name) as connection,
        Monitor(connection, access, name, cancellation, observer) as monitor,
        ExitStack() as lock,
    ):
        faultpoint("connected")
        with connections.naming_errors(connection, access):
            doctor.examine(connection, access.address)
            lock.enter_context(locks.held(connection, access.address.name, wait=lock_wait))
            faultpoint("locked")
            _verify_and_prepare(plan, connection, access)
            log = TrackingTables(connection, access.schema).log_number()
        faultpoint("prepared")
        confirm(log)
        session = Session(
            connection=connection, access=access, attempt=attempt, observer=observer, cancellation=cancellation
        )
        if approval is not None and approval.reason:
            with connections.naming_errors(connection, access):
                session.tracking.note_broken_glass(plan.steps, approval.reason)
        _run_and_compare(plan, session, monitor)
    faultpoint("run_done")


def _verify_and_prepare(plan: Plan, connection: Connection, access: Access) -> None:
    """All questions in one transaction, so that a distant target is not asked to begin and end one for each."""
    tables = TrackingTables(connection, access.schema)
    with pinned(connection):
        identity = connections.identity(connection)
        check_is_apart(identity, access)
        shape = tables.shape()
        verification.verify(plan, history.target(connection, access, identity, shape=shape))
        _check_origin(plan, connection)
        _check_dual_write(plan, connection, access)
        faultpoint("verified")
        if is_prepared := tables.is_prepared(shape):
            tables.set_log_sequence_right(shape)
    if not is_prepared:
        tables.prepare()
        tables.set_log_sequence_right()


def _check_origin(plan: Plan, connection: Connection) -> None:
    """What is imported is what was read when the plan was made."""
    if plan.origin is not None and (change := tool_tables.change_since(connection, plan.origin)):
        raise PlanChanged(what=change)


def _check_dual_write(plan: Plan, connection: Connection, access: Access) -> None:
    """Better nothing runs than that its first row fails."""
    if plan.dual_write is not None and (obstacle := dual_writing.obstacle(connection, plan.dual_write)):
        raise TargetUnsuitable(environment=access.address.name, finding=obstacle.finding, remedy=obstacle.remedy)


def run_steps(plan: Plan, session: Session, monitor: Monitor) -> None:
    """The steps in order, on a session that holds the lock. The monitor is told which of them it is."""
    if plan.action.only_records:
        _record_steps(plan, session, monitor)
        return
    for position, step in enumerate(plan.steps):
        monitor.position = position
        run_step(session, position, step)


def _run_and_compare(plan: Plan, session: Session, monitor: Monitor) -> None:
    """The steps, and then, however they ended, a comparison with the log. A lost connection cannot be asked."""
    try:
        run_steps(plan, session, monitor)
    except ConnectionLost:
        raise
    except EngineError:
        _compare_with_log(plan, session)
        raise
    _compare_with_log(plan, session)


def _check_approval(plan: Plan, access: Access, approval: Approval | None) -> None:
    if not access.policy.protected:
        return
    reason = _missing_approval(plan, approval)
    if reason and approval is not None and approval.expires_at <= datetime.now(UTC):
        remedy = "Make a new request and have it approved: what has expired cannot be approved again."
        raise NotApproved(environment=access.address.name, reason=reason, remedy=remedy)
    if reason:
        raise NotApproved(environment=access.address.name, reason=reason)


def check_is_apart(identity: TargetIdentity, access: Access) -> None:
    """Raise ControlDatabaseShared where an approval could be written by the very migration that it allows."""
    if access.policy.protected and access.control is not None and access.control.may_be(identity):
        raise ControlDatabaseShared(environment=access.address.name, database=identity.database)


def _missing_approval(plan: Plan, approval: Approval | None) -> str:
    if approval is None:
        return "nobody approved it"
    if approval.digest not in {plan.digest, plan.without_saving().digest}:
        return "what was approved has another digest"
    if reason := "" if approval.broken_glass_by else _missing_people(approval):
        return reason
    if approval.expires_at <= datetime.now(UTC):
        return f"the approval expired at {approval.expires_at:%Y-%m-%d %H:%M} UTC"
    return ""


def _missing_people(approval: Approval) -> str:
    if approval.requested_by in approval.approved_by:
        return "it was approved by the person who asked for it"
    people = len(set(approval.approved_by))
    if people < max(approval.needed, 1):
        return f"{people} of {approval.needed} people have approved it"
    return ""


def run_step(session: Session, position: int, step: Step) -> None:
    """One step, to its end or to the named error that says what is left of it. The caller holds the target lock."""
    shape = _shape(step)
    if step.action is Action.REPAIR:
        _refuse_needless_repair(session, step, shape)
    session.tell(StepStarted(position=position, statements=len(shape.sent)))
    started = time.monotonic()
    try:
        ms = _runner(shape)(session, position, step, shape)
        _read_back(session, step)
    except (EngineError, psycopg.Error) as error:
        raise _ended(session, position, step, error, started) from None
    _committed(session, position, step, ms)
    faultpoint("step_reported")


def _record_steps(plan: Plan, session: Session, monitor: Monitor) -> None:
    """All of them at once. Where it fails, nothing is recorded, and the step that could not be is the one that failed;
    none before it was begun as far as anybody was told."""

    def at(position: int) -> None:
        monitor.position = position

    started = time.monotonic()
    try:
        ms = transactional.record(session, plan.steps, at=at)
        _read_back(session, plan.steps[-1])
    except (EngineError, psycopg.Error) as error:
        position = monitor.position
        session.tell(StepStarted(position=position, statements=0))
        raise _ended(session, position, plan.steps[position], error, started) from None
    for position, step in enumerate(plan.steps):
        session.tell(StepStarted(position=position, statements=0))
        _committed(session, position, step, ms)
    faultpoint("step_reported")


def _committed(session: Session, position: int, step: Step, ms: int) -> None:
    session.committed.add(step.identity)
    session.tell(StepCommitted(position=position, ms=ms))


def _ended(
    session: Session, position: int, step: Step, error: EngineError | psycopg.Error, started: float
) -> EngineError:
    """Undo what the step began, record and tell that. Returns the error by its name."""
    named = error if isinstance(error, EngineError) else session.named(step, "keeping the record", error)
    ended = StepEnded(
        position=position,
        ending=_ending(named),
        error=named,
        ms=ms_since(started),
        statement_ms=session.statement_ms(),
    )
    _after_failure(session, step, named)
    session.tell(ended)
    return named


def _after_failure(session: Session, step: Step, error: EngineError) -> None:
    """Undo, then record the attempt. Where the connection is gone, the server undoes it."""
    if session.connection.closed:
        return
    try:
        session.connection.rollback()
        connections.reset(session.connection, session.access)
        if session.tracking.set_log_sequence_right():
            error.facts["left"] = f"{error.facts.get('left', '')} {SEQUENCE_MOVED}".strip()
        _record_failure(session, step, error)
    except psycopg.Error:
        # It is undone either way, and the run's own record still tells of it.
        return


def _read_back(session: Session, step: Step) -> None:
    """A step is said to be applied only where another transaction has seen that; and after COMMIT nothing is said to
    have failed."""
    try:
        is_recorded = session.tracking.succeeded(step)
    except psycopg.Error as error:
        reason = connections.reason_of(error, session.access.address)
        raise failures.lost(step, session.access, "reading it back", reason) from None
    if not is_recorded:
        raise failures.lost(step, session.access, "reading it back", "its row in the audit log is not there")


def _compare_with_log(plan: Plan, session: Session) -> None:
    """Before a run gets its outcome, what was reported of its steps must agree with the log of the target."""
    if session.connection.closed:
        return  # each step that was told committed has been read back already
    try:
        succeeded = session.tracking.succeeded_steps()
    except psycopg.Error:
        return
    for step in plan.steps:
        if (step.identity in succeeded) != (step.identity in session.committed):
            reason = "the log of the target does not say what was told of it"
            raise failures.lost(step, session.access, "comparing with the log", reason)


def _refuse_needless_repair(session: Session, step: Step, shape: TransactionShape) -> None:
    """A repair removes only what was left half done: no valid index, no attached partition."""
    for statement in shape.sent:
        if leftovers.is_still_there(session.connection, statement):
            continue
        reason = f"what {statement.summary} would take away is valid, or gone."
        raise PlanBlocked(version=step.label, reason=reason, remedy="Nothing is to be repaired; continue instead.")


#: Told in the log too, because of a migration that failed nothing else remains.
SEQUENCE_MOVED = "It pushed the sequence of migration_audit_log away, which was set right."


def _record_failure(session: Session, step: Step, error: EngineError) -> None:
    match error:
        case PartlyApplied():
            failure, left = error.facts["error"], error.facts["left"]
            then = leftovers.FOUND_THEN if error.facts.get("passing") else ""
            message = f"{failure.message}. {then}{left}" if left else failure.message
            session.tracking.record_failure(step, replace(failure, message=message), outcome=Outcome.PARTIAL)
        case StatementFailed():
            failure, moved = error.facts["error"], error.facts["left"].endswith(SEQUENCE_MOVED)
            message = f"{failure.message}. {SEQUENCE_MOVED}" if moved else failure.message
            session.tracking.record_failure(step, replace(failure, message=message))
        case RunCancelled():
            session.tracking.log(step, outcome=Outcome.CANCELLED, message=f"by {error.facts['by']}")


def _runner(shape: TransactionShape) -> Callable[[Session, int, Step, TransactionShape], int]:
    return autocommit.run if shape.mode is TransactionMode.NONE else transactional.run


def _ending(error: EngineError) -> Ending:
    match error:
        case PartlyApplied():
            return Ending.PARTIAL
        case ConnectionLost():
            return Ending.UNKNOWN
        case _:
            return Ending.UNDONE


def _shape(step: Step) -> TransactionShape:
    """Raises PlanBlocked for text that has no safe way to run, however it came into the plan."""
    if not step.sql:
        return TransactionShape(mode=TransactionMode.SINGLE, sent=())
    shape = shape_of(step.sql)
    if shape.fault:
        raise PlanBlocked(version=step.label, reason=shape.fault.sentence, remedy=shape.fault.advice)
    return shape
