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
from dashboard.engine.database.tracking import Attempt, Outcome, RunTracking
from dashboard.engine.errors import OtherDatabase, TargetBusy
from dashboard.engine.plan import Plan, Step
from dashboard.engine.run import autocommit, failures
from dashboard.engine.run.faultpoints import faultpoint
from dashboard.engine.run.journal import Journal, StatementOutcome
from dashboard.engine.sql.concurrently import concurrent
from dashboard.engine.sql.statements import Statement
from dashboard.engine.sql.transaction import TransactionMode, shape_of

#: Seconds a session of the run gets to notice that its client is gone before it is terminated.
GRACE = 4.0
#: Seconds in all until the run stays unresolved for now.
PATIENCE = 20.0
POLL = 0.25
#: Seconds in all until a silent connection is given up.
AT_MOST = 120.0

#: Statements that do no harm when they run a second time, so one that was only started counts as not done.
REPEATABLE = frozenset({"vacuum_stmt", "reindex_stmt", "cluster_stmt", "alter_system_stmt"})


class StepVerdict(StrEnum):
    COMMITTED = "committed"  # the step and its tracking row stand
    UNDONE = "undone"  # nothing of it remains
    PARTIAL = "partial"  # some of its statements stand; a person goes on from there


@dataclass(frozen=True, slots=True, kw_only=True)
class RunVerdict:
    """What became of each step of the plan: facts, read under the lock."""

    steps: tuple[StepVerdict, ...]


def resolve(plan: Plan, *, access: Access, attempt: Attempt) -> RunVerdict:
    """Raises TargetUnreachable, or TargetBusy while the run's session cannot be got rid of: then ask again later.
    Raises OtherDatabase when the URL leads to another one than the run worked on."""
    with (
        connections.working(access, name="signalbox recovery") as connection,
        connections.cut_off_after(AT_MOST, connection),
        connections.naming_errors(connection, access),
    ):
        doctor.examine(connection, access.address)
        _check_identity(connection, access.address, plan)
        _wait_until_gone(connection, access.address, attempt.run_id)
        with locks.held(connection, access.address.name, wait=PATIENCE):
            faultpoint("recovering")
            tracking = RunTracking(connection, access.schema, attempt)
            return RunVerdict(steps=_verdicts(tracking, plan.steps))


def _check_identity(connection: Connection, address: Address, plan: Plan) -> None:
    identity = connections.identity(connection)
    if identity != plan.identity:
        change = plan.identity.change_to(identity)
        raise OtherDatabase(environment=address.name, variable=address.variable, change=change)


def _wait_until_gone(connection: Connection, address: Address, run_id: str) -> None:
    begun = time.monotonic()
    values = {"name": connections.session_name(run_id)}
    while connection.execute(sql.query("sessions_of_run"), values).fetchall():
        waited = time.monotonic() - begun
        if waited > PATIENCE:
            raise TargetBusy(environment=address.name, holder=f"the session of run {run_id}, which will not end")
        if waited > GRACE:
            connection.execute(sql.query("terminate_run"), values)
        time.sleep(POLL)


def _verdicts(tracking: RunTracking, steps: Sequence[Step]) -> tuple[StepVerdict, ...]:
    if not tracking.is_prepared():
        return tuple(StepVerdict.UNDONE for _ in steps)
    succeeded = tracking.succeeded_steps()
    return tuple(
        StepVerdict.COMMITTED if step.identity in succeeded else _left_behind(tracking, step) for step in steps
    )


def _left_behind(tracking: RunTracking, step: Step) -> StepVerdict:
    """A step without its row: nothing in a transaction; outside one, what the journal and the catalog say."""
    sent = _outside_transaction(step)
    journal = Journal(tracking=tracking, step=step)
    if not any(journal.last_outcome(statement) for statement in sent):
        return StepVerdict.UNDONE
    script = shape_of(step.sql).sent
    done = [_is_done(journal, statement, script) for statement in sent]
    if all(done):
        with tracking.connection.transaction():
            tracking.record(step, ms=0)
        return StepVerdict.COMMITTED
    if not any(unfinished.identity == step.identity for unfinished in history.of(tracking).unfinished):
        return StepVerdict.UNDONE
    _name_leftovers(journal, script)
    return StepVerdict.PARTIAL


def _name_leftovers(journal: Journal, script: Sequence[Statement]) -> None:
    """Where whoever asks for the status of the target reads them."""
    connection = journal.tracking.connection
    in_question = (s for s in script if journal.last_outcome(s) is StatementOutcome.STARTED and concurrent(s))
    for statement in in_question:
        if left := leftovers.standing_of(connection, script, statement).leftovers:
            error = failures.at(statement, "", f"its worker was lost. {leftovers.sentences(left)}")
            journal.tracking.record_failure(journal.step, error, outcome=Outcome.PARTIAL)


def _outside_transaction(step: Step) -> tuple[Statement, ...]:
    if not step.sql:
        return ()
    shape = shape_of(step.sql)
    if shape.mode is not TransactionMode.NONE:
        return ()
    return tuple(s for s in shape.sent if s.number >= step.first_statement)


def _is_done(journal: Journal, statement: Statement, script: Sequence[Statement]) -> bool:
    """One that was only started is looked up where the catalog can tell, and the journal completed."""
    outcome = journal.last_outcome(statement)
    if outcome is StatementOutcome.STARTED:
        happened = _probe(journal.tracking.connection, statement, script)
        if happened is not None:
            outcome = StatementOutcome.DONE if happened else StatementOutcome.UNDONE
            journal.write(statement, outcome)
    return outcome is StatementOutcome.DONE


def _probe(connection: Connection, statement: Statement, script: Sequence[Statement]) -> bool | None:
    """What the catalog says of a statement whose end nobody saw: done, not done, or nothing (None)."""
    if concurrent(statement):
        progress = leftovers.standing_of(connection, script, statement).progress
        return {Progress.DONE: True, Progress.NOT_DONE: False}.get(progress)
    if not autocommit.is_bare(statement) or statement.node in REPEATABLE:
        return False  # its own transaction would have held the word `done`; or it may simply run again
    return None
