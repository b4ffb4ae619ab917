"""What did a run commit? Asked after its worker or its connection was lost.

The order matters. Reading alone proves nothing while the old session lives: a COMMIT that hangs has already
committed for itself, yet no other session sees the row. So: wait until the session of the run is gone (end it if
it stays), win the target lock, then read. The witness is the audit log row that commits with each step; for a step
outside a transaction it is the journal, and the catalog where the journal stops short.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from dashboard.engine.database import connection as connections
from dashboard.engine.database import doctor, history, leftovers, locks, sql
from dashboard.engine.database.connection import Access, Address, Connection
from dashboard.engine.database.leftovers import Progress
from dashboard.engine.database.tracking import LOG, Attempt, Outcome, RunTracking, StatementOutcome
from dashboard.engine.errors import OtherDatabase, PlanChanged, RunOfOther, TargetBusy, WitnessGone
from dashboard.engine.plan import Action, Plan, Step
from dashboard.engine.run import failures
from dashboard.engine.run.faultpoints import faultpoint
from dashboard.engine.run.journal import Journal
from dashboard.engine.sql.concurrently import concurrent
from dashboard.engine.sql.statements import Statement
from dashboard.engine.sql.transaction import TransactionMode, is_bare, is_repeatable, shape_of

#: Seconds a session of the run gets to notice that its client is gone before it is terminated.
GRACE = 4.0
#: Seconds in all until the run stays unresolved for now.
PATIENCE = 20.0
POLL = 0.25
#: Seconds in all until a silent connection is given up.
AT_MOST = 120.0


class StepVerdict(StrEnum):
    COMMITTED = "committed"  # the step and its tracking row stand
    UNDONE = "undone"  # nothing of it remains
    PARTIAL = "partial"  # some of its statements stand; a person goes on from there


_REMAINS = {
    StepVerdict.UNDONE: "nothing of this attempt remains",
    StepVerdict.PARTIAL: "part of it remains",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunVerdict:
    """What became of each step of the plan: facts, read under the lock."""

    steps: tuple[StepVerdict, ...]


def resolve(plan: Plan, *, access: Access, attempt: Attempt, began: bool = True) -> RunVerdict:
    """What the attempt committed, and a row in the log of the target that it was interrupted. `began` False: it is
    certain that nothing was sent.

    Raises WitnessGone where the log of the attempt is gone or altered: that is no proof that nothing was committed.
    Raises TargetUnreachable, or TargetBusy while the run's session cannot be got rid of: then ask again later.
    Raises OtherDatabase when the URL leads to another one than the run worked on."""
    with (
        connections.working(access, name="signalbox recovery") as connection,
        connections.cut_off_after(AT_MOST, connection),
        connections.naming_errors(connection, access),
    ):
        doctor.examine(connection, access.address)
        _check_identity(connection, access.address, plan)
        _wait_until_gone(connection, access.address, attempt)
        with locks.held(connection, access.address.name, wait=PATIENCE):
            faultpoint("recovering")
            tracking = RunTracking(connection, access.schema, attempt)
            return RunVerdict(steps=_verdicts(tracking, plan.steps, began=began))


def read(plan: Plan, *, access: Access, attempt: Attempt) -> RunVerdict:
    """What the log of the target proves of an attempt that another installation has begun. That one may still be at
    work: nothing is ended, locked or written, and silence is no proof.

    Raises RunOfOther while the log has no end of the attempt, WitnessGone, TargetUnreachable, OtherDatabase."""
    with connections.reading(access.address) as connection:
        _check_identity(connection, access.address, plan)
        tracking = RunTracking(connection, access.schema, attempt)
        if missing := tracking.missing_witness():
            raise WitnessGone(table=tracking.log_table, missing=missing)
        is_at_work = bool(connection.execute(sql.query("sessions_of_run"), {"name": attempt.session_name}).fetchall())
        verdicts = _proven(tracking, plan.steps)
    if is_at_work or verdicts is None:
        reason = "its session is at work" if is_at_work else "no row of it says so"
        raise RunOfOther(environment=access.address.name, installation=attempt.installation[:8], reason=reason)
    return RunVerdict(steps=verdicts)


def _proven(tracking: RunTracking, steps: Sequence[Step]) -> tuple[StepVerdict, ...] | None:
    """None where the log does not say how the attempt ended: by its last step, or by the one that it broke off in."""
    succeeded, broken_off = tracking.succeeded_steps(), tracking.broken_off_in()
    if broken_off is None and not succeeded >= {step.identity for step in steps}:
        return None
    partly = {unfinished.identity for unfinished in history.of(tracking).unfinished}

    def verdict(step: Step) -> StepVerdict:
        if step.identity in succeeded:
            return StepVerdict.COMMITTED
        is_partial = step.identity == broken_off and broken_off in partly
        return StepVerdict.PARTIAL if is_partial else StepVerdict.UNDONE

    return tuple(map(verdict, steps))


def _check_identity(connection: Connection, address: Address, plan: Plan) -> None:
    identity = connections.identity(connection)
    if identity != plan.identity:
        change = plan.identity.change_to(identity)
        raise OtherDatabase(environment=address.name, variable=address.variable, change=change)


def _wait_until_gone(connection: Connection, address: Address, attempt: Attempt) -> None:
    begun = time.monotonic()
    values = {"name": attempt.session_name}
    while connection.execute(sql.query("sessions_of_run"), values).fetchall():
        waited = time.monotonic() - begun
        if waited > PATIENCE:
            raise TargetBusy(
                environment=address.name, holder=f"the session of run {attempt.run_id}, which will not end"
            )
        if waited > GRACE:
            connection.execute(sql.query("terminate_run"), values)
        time.sleep(POLL)


def _verdicts(tracking: RunTracking, steps: Sequence[Step], *, began: bool) -> tuple[StepVerdict, ...]:
    _add_columns_of_today(tracking)
    if missing := tracking.missing_witness():
        if began:
            raise WitnessGone(table=tracking.log_table, missing=missing)
        return tuple(StepVerdict.UNDONE for _ in steps)
    succeeded = tracking.succeeded_steps()
    verdicts = tuple(
        StepVerdict.COMMITTED if step.identity in succeeded else _left_behind(tracking, step) for step in steps
    )
    if began:
        _note_interrupted(tracking, steps, verdicts)
    return verdicts


def _add_columns_of_today(tracking: RunTracking) -> None:
    """The tables of a run that an older version began, which knew no attempts, or kept no checksum in the log."""
    columns = tracking.columns(LOG)
    is_older = not tracking.attempt.attempt_id and "outcome" in columns and tracking.missing_witness()
    if is_older or (columns and "checksum" not in columns and not tracking.missing_witness()):
        tracking.prepare()


def _note_interrupted(tracking: RunTracking, steps: Sequence[Step], verdicts: Sequence[StepVerdict]) -> None:
    """Every attempt is in the log of the target, also one that could not write its own end."""
    for step, verdict in zip(steps, verdicts, strict=True):
        if verdict is not StepVerdict.COMMITTED:
            tracking.note_interrupted(step, f"the worker was lost; {_REMAINS[verdict]}")
            return


def _left_behind(tracking: RunTracking, step: Step) -> StepVerdict:
    """A step without its row: nothing in a transaction; outside one, what the journal and the catalog say."""
    sent = _outside_transaction(step)
    journal = Journal(tracking=tracking, step=step)
    if not any(journal.last_outcome(statement) for statement in sent):
        return StepVerdict.UNDONE
    script = shape_of(step.sql).sent
    done = [_is_done(journal, statement, script) for statement in sent]
    if all(done) and _is_recorded(tracking, step):
        return StepVerdict.COMMITTED
    if not any(unfinished.identity == step.identity for unfinished in history.of(tracking).unfinished):
        return StepVerdict.UNDONE
    _name_leftovers(journal, script)
    return StepVerdict.PARTIAL


def _name_leftovers(journal: Journal, script: Sequence[Statement]) -> None:
    """Written where the status of the target is read."""
    connection = journal.tracking.connection
    in_question = (s for s in script if journal.last_outcome(s) is StatementOutcome.STARTED and concurrent(s))
    for statement in in_question:
        if left := leftovers.standing_of(connection, script, statement).leftovers:
            error = failures.at(
                statement, "", f"its worker was lost. {leftovers.FOUND_THEN}{leftovers.sentences(left)}"
            )
            journal.tracking.record_failure(journal.step, error, outcome=Outcome.PARTIAL)


def _is_recorded(tracking: RunTracking, step: Step) -> bool:
    """Record a step whose statements are all done; where someone has written or removed its row by hand meanwhile,
    only the log is missing. False where something else stands under its number."""
    row = history.of(tracking).row(step.identity)
    stands = row is not None and row.success
    with tracking.connection.transaction():
        if stands == (step.action is not Action.ROLLBACK):
            tracking.log(step, outcome=Outcome.SUCCEEDED, message="its row was written by someone else meanwhile")
            return True
        try:
            with tracking.connection.transaction():
                tracking.record(step, ms=0)
        except PlanChanged:
            return False
    return True


def _outside_transaction(step: Step) -> tuple[Statement, ...]:
    if not step.sql:
        return ()
    shape = shape_of(step.sql)
    if shape.mode is not TransactionMode.NONE:
        return ()
    return tuple(s for s in shape.sent if s.number >= step.first_statement)


def _is_done(journal: Journal, statement: Statement, script: Sequence[Statement]) -> bool:
    """A statement that was started and has no end in the journal is looked up in the catalog where that can tell, and
    the journal is completed."""
    outcome = journal.last_outcome(statement)
    if outcome is StatementOutcome.STARTED:
        happened = _probe(journal.tracking.connection, statement, script)
        if happened is not None:
            outcome = StatementOutcome.DONE if happened else StatementOutcome.UNDONE
            journal.write(statement, outcome)
    return outcome is StatementOutcome.DONE


def _probe(connection: Connection, statement: Statement, script: Sequence[Statement]) -> bool | None:
    """What the catalog says of a statement whose end nobody saw: done, not done, or None where it cannot tell."""
    if concurrent(statement):
        progress = leftovers.standing_of(connection, script, statement).progress
        return {Progress.DONE: True, Progress.NOT_DONE: False}.get(progress)
    if not is_bare(statement) or is_repeatable(statement):
        return False  # its own transaction would have held the word `done`; or it may simply run again
    return None
