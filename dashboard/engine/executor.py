"""Runs a plan under the target lock, one transaction a step, and tells an observer what happens.

The order, which is the promise: connect, examine, win the lock, read identity and history again, refuse
whatever is not exactly the plan that was approved, then for each step BEGIN, the statements in file order, the
tracking row, COMMIT. A step that fails leaves nothing behind; the steps before it stand.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import psycopg
from psycopg.pq import TransactionStatus

from dashboard.engine import planner, statements
from dashboard.engine.errors import (
    ConnectionLost,
    EngineError,
    NotApproved,
    RunCancelled,
    ServerError,
    StatementFailed,
    TargetUnsuitable,
)
from dashboard.engine.files import directives
from dashboard.engine.planner import Action, Plan, Policy, Step, Target
from dashboard.engine.statements import Statement, TransactionMode, TransactionShape
from dashboard.engine.target import connection as connections
from dashboard.engine.target import doctor, locks, tracking, wire
from dashboard.engine.target.connection import Access, Address, Connection
from dashboard.engine.target.tracking import Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Two people and a digest. The executor checks it; nobody vouches for it."""

    digest: str
    requested_by: str
    approved_by: str
    expires_at: datetime


# What an observer hears. Positions count the steps of the plan from 0.


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted:
    position: int
    statements: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementStarted:
    position: int
    number: int
    line: int
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementFinished:
    position: int
    number: int
    tag: str
    ms: int
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCommitted:
    position: int
    ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEnded:
    """The step did not commit (`committed` False: nothing remains), or nobody knows (None)."""

    position: int
    committed: bool | None
    error: EngineError


type Event = StepStarted | StatementStarted | StatementFinished | StepCommitted | StepEnded
type Observer = Callable[[Event], None]

#: Notices kept of one statement; a migration can raise a million.
NOTICE_LIMIT = 100


class CancelToken:
    """A person's wish to stop, handed to a run from another thread."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._guard = threading.Lock()
        self.by = ""

    @property
    def requested(self) -> bool:
        return bool(self.by)

    def request(self, by: str) -> None:
        """Ask the server to cancel the statement that runs; between statements the run stops by itself."""
        with self._guard:
            self.by = by
            if self._connection is not None and not self._connection.closed:
                self._connection.cancel_safe(timeout=5)

    def attach(self, connection: Connection) -> None:
        with self._guard:
            self._connection = connection

    def detach(self) -> None:
        """From here on nothing is cancelled: the answer to COMMIT must not be lost to a late wish."""
        with self._guard:
            self._connection = None


def execute(
    plan: Plan,
    *,
    access: Access,
    attempt: Attempt,
    approval: Approval | None,
    observer: Observer,
    cancel: CancelToken | None = None,
    lock_wait: float = 0.0,
) -> None:
    """Run the plan to its end. The policy in `access` is the environment's now, not the plan's.

    Raises NotApproved, PlanChanged, TargetUnreachable, TargetUnsuitable, TargetBusy before anything was changed;
    StatementFailed, RunCancelled when a step was undone; ConnectionLost when the answer to COMMIT never came.
    """
    _check_approval(plan, access.policy, approval)
    with connections.working(access, name=connections.session_name(attempt.run_id)) as connection:
        doctor.examine(connection, access.address)
        with locks.held(connection, access.address.environment, wait=lock_wait):
            planner.verify(plan, _target(connection, access))
            if not tracking.is_prepared(connection, access.schema):
                tracking.prepare(connection, access.schema)
            run = _Run(plan, connection, access, attempt, observer, cancel or CancelToken())
            for position in range(len(plan.steps)):
                run.step(position)


def look(access: Access, *, scripts: bool = False) -> Target:
    """Read a target's identity and history. Changes nothing, creates nothing."""
    with connections.reading(access.address) as connection:
        return _target(connection, access, scripts=scripts)


def _target(connection: Connection, access: Access, *, scripts: bool = False) -> Target:
    return Target(
        environment=access.address.environment,
        identity=connections.identity(connection),
        policy=access.policy,
        history=tracking.read(connection, access.schema, scripts=scripts),
    )


def _check_approval(plan: Plan, policy: Policy, approval: Approval | None) -> None:
    if not policy.protected:
        return
    reason = _missing_approval(plan, approval)
    if reason:
        raise NotApproved(environment=plan.environment, reason=reason)


def _missing_approval(plan: Plan, approval: Approval | None) -> str:
    if approval is None:
        return "nobody approved it"
    if approval.digest != plan.digest:
        return "what was approved has another digest"
    if approval.approved_by == approval.requested_by:
        return "it was approved by the person who asked for it"
    if approval.expires_at <= datetime.now(UTC):
        return f"the approval expired at {approval.expires_at:%Y-%m-%d %H:%M} UTC"
    return ""


class _Run:
    """One run's steps on one connection, under the lock."""

    def __init__(
        self,
        plan: Plan,
        connection: Connection,
        access: Access,
        attempt: Attempt,
        observer: Observer,
        cancel: CancelToken,
    ) -> None:
        self.plan, self.connection, self.address, self.schema = plan, connection, access.address, access.schema
        self.attempt, self.observer, self.cancel = attempt, observer, cancel
        self.notices: list[str] = []
        connection.add_notice_handler(self._keep_notice)

    def step(self, position: int) -> None:
        step = self.plan.steps[position]
        shape = _shape(step)
        self.observer(StepStarted(position=position, statements=len(shape.sent)))
        try:
            ms = self._transaction(position, step, shape)
        except EngineError as error:
            committed = None if isinstance(error, ConnectionLost) and error.facts["phase"] == "commit" else False
            self._after_failure(step, error)
            self.observer(StepEnded(position=position, committed=committed, error=error))
            raise
        self.observer(StepCommitted(position=position, ms=ms))

    def _transaction(self, position: int, step: Step, shape: TransactionShape) -> int:
        started = time.monotonic()
        self._begin(step)
        self.cancel.attach(self.connection)
        try:
            for statement in shape.sent:
                self._statement(position, step, statement)
            ms = _ms_since(started)
            self._guarded(step, "recording", lambda: self._record(step, ms))
        finally:
            self.cancel.detach()
        self._stop_if_cancelled(step)
        self._commit(step)
        return ms

    def _begin(self, step: Step) -> None:
        self._guarded(step, "begin", lambda: self._open_transaction(step))

    def _open_transaction(self, step: Step) -> None:
        connections.reset(self.connection)
        if not locks.is_held(self.connection):
            raise TargetUnsuitable(
                environment=self.address.environment,
                finding="the migration before released the target lock.",
                remedy="Take pg_advisory_unlock_all or DISCARD ALL out of it.",
            )
        self.connection.execute("BEGIN")
        locks.hold_in_transaction(self.connection)
        for name, value in directives.values_in(step.sql).items():
            if name in {"lock_timeout", "statement_timeout"}:
                self.connection.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))

    def _statement(self, position: int, step: Step, statement: Statement) -> None:
        self._stop_if_cancelled(step)
        self.observer(
            StatementStarted(position=position, number=statement.number, line=statement.line, summary=statement.summary)
        )
        started, self.notices = time.monotonic(), []
        reply = self._send(step, statement)
        self._check_still_ours(step, statement)
        self.observer(
            StatementFinished(
                position=position,
                number=statement.number,
                tag=reply.tag,
                ms=_ms_since(started),
                notices=tuple(self.notices),
            )
        )

    def _send(self, step: Step, statement: Statement) -> wire.Reply:
        try:
            return wire.send(self.connection, statement.sql)
        except wire.CopyRefused:
            error = ServerError(
                sqlstate="0A000",
                message="COPY from or to the client cannot run here",
                statement=statement.number,
                line=statement.line,
                column=statement.column,
            )
            raise _failed(step, error, remedy="Write the rows as INSERT statements.") from None
        except psycopg.Error as error:
            raise self._refused(step, statement, error) from None

    def _refused(self, step: Step, statement: Statement, error: psycopg.Error) -> EngineError:
        if self.connection.closed:
            reason = connections.reason_of(error, self.address)
            return _lost(step, self.address, f"statement {statement.number}", reason)
        if isinstance(error, psycopg.errors.QueryCanceled) and self.cancel.requested:
            return RunCancelled(by=self.cancel.by, version=step.label)
        return _failed(step, server_error(error, step.sql, statement))

    def _check_still_ours(self, step: Step, statement: Statement) -> None:
        """A statement that ended our transaction by itself is stopped before anything more is sent."""
        if self.connection.info.transaction_status is TransactionStatus.INTRANS:
            return
        error = ServerError(
            sqlstate="25000",
            message="the statement ended the transaction of the run",
            statement=statement.number,
            line=statement.line,
            column=statement.column,
        )
        raise _failed(step, error, remedy="Take the transaction control out of the file.")

    def _record(self, step: Step, ms: int) -> None:
        """The tracking row, in the migration's own transaction, under our own name whatever role it switched to."""
        for statement in ("RESET SESSION AUTHORIZATION", "RESET ROLE", "SET CONSTRAINTS ALL IMMEDIATE"):
            self.connection.execute(statement)
        if step.action in {Action.APPLY, Action.SKIP}:
            tracking.record_success(self.connection, self.schema, step, self.attempt, ms=ms)
        else:
            tracking.remove(self.connection, self.schema, step, self.attempt)
        self.connection.execute("SET LOCAL synchronous_commit = on")

    def _commit(self, step: Step) -> None:
        try:
            reply = wire.send(self.connection, "COMMIT")
        except psycopg.Error as error:
            if self.connection.closed:
                reason = connections.reason_of(error, self.address)
                raise _lost(step, self.address, "commit", reason) from None
            raise _failed(step, _bare_error(error)) from None
        if reply.tag != "COMMIT":
            error_found = ServerError(sqlstate="25P02", message=f"COMMIT was answered with {reply.tag}")
            raise _failed(step, error_found)

    def _guarded(self, step: Step, phase: str, act: Callable[[], None]) -> None:
        """Our own statements around the migration's can fail too: a lost connection, a deferred constraint."""
        try:
            act()
        except psycopg.Error as error:
            if self.connection.closed:
                reason = connections.reason_of(error, self.address)
                raise _lost(step, self.address, phase, reason) from None
            if isinstance(error, psycopg.errors.QueryCanceled) and self.cancel.requested:
                raise RunCancelled(by=self.cancel.by, version=step.label) from None
            raise _failed(step, _bare_error(error)) from None

    def _stop_if_cancelled(self, step: Step) -> None:
        if self.cancel.requested:
            raise RunCancelled(by=self.cancel.by, version=step.label)

    def _after_failure(self, step: Step, error: EngineError) -> None:
        """Undo, then record the attempt. If the connection is gone the server has undone it already."""
        if self.connection.closed:
            return
        try:
            self.connection.rollback()
            connections.reset(self.connection)
            if isinstance(error, StatementFailed):
                tracking.record_failure(self.connection, self.schema, step, self.attempt, error.facts["error"])
            elif isinstance(error, RunCancelled):
                tracking.log(
                    self.connection,
                    self.schema,
                    step,
                    self.attempt,
                    outcome="cancelled",
                    message=f"by {error.facts['by']}",
                )
        except psycopg.Error:
            # The migration is undone either way; the run's own record still tells of the failure.
            return

    def _keep_notice(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        if len(self.notices) < NOTICE_LIMIT:
            text = f"{diagnostic.severity}: {diagnostic.message_primary}"
            self.notices.append(tracking.storable(text))


def server_error(error: psycopg.Error, script: str, statement: Statement) -> ServerError:
    """What the server said, with the place in the file: where it pointed, else where the statement starts."""
    position = error.diag.statement_position
    offset = statement.offset + (int(position) if position else 1)
    place = statements.locate(script, offset)
    return replace(
        _bare_error(error),
        statement=statement.number,
        line=place.line,
        column=place.column,
        excerpt=place.excerpt,
    )


def _shape(step: Step) -> TransactionShape:
    if not step.sql:
        return TransactionShape(mode=TransactionMode.SINGLE, sent=())
    return statements.plan_transaction(statements.split(step.sql), directives.values_in(step.sql))


def _bare_error(error: psycopg.Error) -> ServerError:
    diagnostic = error.diag
    return ServerError(
        sqlstate=diagnostic.sqlstate or "",
        message=tracking.storable(diagnostic.message_primary or " ".join(str(error).split())),
        detail=tracking.storable(diagnostic.message_detail or ""),
        hint=tracking.storable(diagnostic.message_hint or ""),
        constraint=diagnostic.constraint_name or "",
        table=".".join(part for part in (diagnostic.schema_name, diagnostic.table_name) if part),
        context=tracking.storable(diagnostic.context or ""),
    )


def _failed(step: Step, error: ServerError, *, remedy: str = "") -> StatementFailed:
    return StatementFailed(
        version=step.label,
        number=error.statement,
        message=error.message,
        error=error,
        remedy=remedy or "Nothing of it remains. Correct the file, or the data it stumbled over, and apply again.",
    )


def _lost(step: Step, address: Address, phase: str, reason: str) -> ConnectionLost:
    remedy = (
        "Whether it committed is being found out; until then the environment is frozen."
        if phase == "commit"
        else "It had not been committed, so PostgreSQL undid it. Start a new run."
    )
    return ConnectionLost(
        environment=address.environment, version=step.label, phase=phase, reason=reason, remedy=remedy
    )


def _ms_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
