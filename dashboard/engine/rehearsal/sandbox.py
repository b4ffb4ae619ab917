"""Scripts on a throw-away database, run by the engine that will run them on the target, and watched meanwhile."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import ExitStack

from dashboard.engine.database import connection as connections
from dashboard.engine.database import history, locks, sql
from dashboard.engine.database.connection import Access
from dashboard.engine.database.pinned import pinned
from dashboard.engine.database.tracking import Attempt, TrackingTables
from dashboard.engine.errors import EngineError, RehearsalImpossible, RunCancelled, ServerError, SqlSyntaxError
from dashboard.engine.files.verifications import Verification
from dashboard.engine.plan import Policy, Step
from dashboard.engine.rehearsal import assertions, watching
from dashboard.engine.rehearsal.report import Assertion, ScriptError, ScriptRun
from dashboard.engine.rehearsal.throwaway import Database
from dashboard.engine.rehearsal.watching import Relations, Watch
from dashboard.engine.run import executor
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.run.events import RunEvent
from dashboard.engine.run.monitor import Monitor
from dashboard.engine.run.session import Session
from dashboard.engine.schema import snapshot
from dashboard.engine.schema.objects import SchemaSnapshot
from dashboard.engine.sql import excerpts
from dashboard.engine.sql.transaction import ShapeFault, TransactionMode, TransactionShape, shape_of


def _attempt() -> Attempt:
    """Like that of a real run, so that no script can tell a rehearsal by it."""
    number = str(secrets.randbelow(9000) + 1)
    return Attempt(run_id=number, by="ada", attempt_id=str(uuid.uuid4()), installation=str(uuid.uuid4()))


class Sandbox:
    """One throw-away database with the session that works on it; `with` closes it. A session that broke is opened
    again. `schema` is where the tracking tables are, which no snapshot holds."""

    def __init__(self, database: Database, *, policy: Policy, schema: str, cancellation: Cancellation) -> None:
        self.database, self.cancellation = database, cancellation
        self.access = Access(address=database.address, policy=policy, schema=schema)
        self._attempt = _attempt()
        self.left_out = snapshot.tracking_tables(schema)
        self._opened = ExitStack()
        self._session: Session | None = None
        self._snapshot: SchemaSnapshot | None = None
        self._fill: Callable[[], None] = _nothing

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._close()

    def begin(self, fill: Callable[[], None]) -> None:
        """Have `fill` make the state that everything here begins with; the database is empty."""
        self._fill = fill
        fill()

    def begin_anew(self) -> None:
        """As it was when it began."""
        self._close()
        self._snapshot = None
        self.database.renew()
        self._fill()

    @property
    def _name(self) -> str:
        """The name of the session that runs scripts: what it would be on the target."""
        return self._attempt.session_name

    @property
    def session(self) -> Session:
        if self._session is None or self._session.connection.closed:
            self._close()
            self._session = self._open()
        return self._session

    def schema(self) -> SchemaSnapshot:
        """The schema as it is; read again only after a script has run."""
        if self._snapshot is None:
            self._snapshot = snapshot.take(self.session.connection, exclude_tables=self.left_out)
        return self._snapshot

    def catalogs(self) -> str:
        """All that the catalogs of the database hold, in one word; what PostgreSQL changes there by itself left out."""
        connection = self.session.connection
        with pinned(connection):
            look = connection.execute(sql.query("catalog_look")).fetchone()
            assert look is not None, "there are catalogs"
            answer = connection.execute(str(look[0]).encode()).fetchone()
        return str(answer[0]) if answer else ""

    def forced_row_security(self) -> frozenset[str]:
        """Relations whose row security holds for their owner too."""
        rows = self.session.connection.execute(sql.query("forced_row_security")).fetchall()
        return frozenset(str(row[0]) for row in rows)

    def run(self, step: Step) -> ScriptRun:
        """Run it to its end, or leave the database as it was. Raises RunCancelled once the cancellation is drawn."""
        try:
            shape = shape_of(step.sql)
        except SqlSyntaxError as error:
            place = {part: error.facts[part] for part in ("line", "column", "excerpt")}
            return not_run(ScriptError(sentence=error.facts["message"], remedy=error.remedy, **place))
        if shape.fault:
            return not_run(_fault(step, shape.fault))
        if shape.mode is TransactionMode.NONE:
            return self._run_outside(step, shape)
        return self._run(step, shape)

    def record(self, steps: Iterable[Step]) -> None:
        """Have the history here say that these are applied, as the target's does."""
        tracking = self.session.tracking
        recorded = history.of(tracking)
        with tracking.connection.transaction():
            for step in steps:
                if recorded.row(step.identity) is None:
                    tracking.record(step, ms=0)

    def verify(self, check: Verification) -> Assertion:
        """Run a verification file; nothing of it remains."""
        connection = self.session.connection
        self.database.check(connection)
        connections.reset(connection, self.access)
        self.cancellation.attach(connection)
        try:
            with self._monitor():
                assertion = assertions.run(connection, check)
        finally:
            self.cancellation.detach()
        self._stop_if_told(check.file)
        return assertion

    def _run_outside(self, step: Step, shape: TransactionShape) -> ScriptRun:
        """A failure half way through leaves something behind, so the database before it is kept and brought back."""
        self._close()
        self.database.keep()
        run = self._run(step, shape)
        if run.ok:
            self.database.forget()
        else:
            self._close()
            self.database.restore()
        return run

    def _run(self, step: Step, shape: TransactionShape) -> ScriptRun:
        session = self.session
        self.database.check(session.connection)
        session.observer = watch = self._watch(session, shape)
        started = time.perf_counter()
        error = None
        try:
            with self._monitor():
                executor.run_step(session, 0, step)
        except EngineError as raised:
            self._stop_if_told(step.label)
            error = _error(raised)
        finally:
            watch.close()
        ms = (time.perf_counter() - started - watch.spent) * 1000
        if error is None:
            self._snapshot = None
        return ScriptRun(
            ok=error is None,
            ms=ms,
            error=error,
            statements=tuple(watch.times),
            locks=watch.locks,
            rewritten=watching.rewritten(watch.known, self._relations()) if error is None else (),
            notices=tuple(watch.notices),
            read=tuple(sorted(watch.read)),
            wrote=watch.wrote,
        )

    def _monitor(self) -> Monitor:
        return Monitor(self.session.connection, self.access, self._name, self.cancellation, _ignore)

    def _stop_if_told(self, script: str) -> None:
        if self.cancellation.is_expired:
            raise RehearsalImpossible(
                reason=f"{script} took longer than a run may take ({self.access.policy.deadline_s} s).",
                remedy="Look for what it waits for, or allow more time.",
            ) from None
        if self.cancellation.stopped_by:
            raise RunCancelled(by=self.cancellation.stopped_by, version=script) from None

    def _watch(self, session: Session, shape: TransactionShape) -> Watch:
        return Watch(
            watched=session.connection,
            connection=self._watcher,
            known=self._relations(),
            statements={statement.number: statement for statement in shape.sent},
            in_one_transaction=shape.mode is TransactionMode.SINGLE,
        )

    def _relations(self) -> Relations:
        return watching.relations(self._watcher, self.left_out)

    def _open(self) -> Session:
        connection = self._opened.enter_context(connections.working(self.access, name=self._name))
        self._watcher = self._opened.enter_context(connections.working(self.access, name=connections.LOOK))
        self.database.check(connection)
        self._opened.enter_context(locks.held(connection, self.database.name))
        tables = TrackingTables(connection, self.access.schema)
        if not tables.is_prepared():
            tables.prepare()
        return Session(
            connection=connection,
            access=self.access,
            attempt=self._attempt,
            observer=_ignore,
            cancellation=self.cancellation,
        )

    def _close(self) -> None:
        self._opened.close()
        self._session = None


def _nothing() -> None:
    """It begins empty."""


def _ignore(event: RunEvent) -> None:
    """Nobody listens between two scripts."""


def not_run(error: ScriptError) -> ScriptRun:
    return ScriptRun(ok=False, ms=0.0, error=error)


def _error(error: EngineError) -> ScriptError:
    server_error = error.facts.get("error")
    if isinstance(server_error, ServerError):
        return assertions.script_error(server_error, remedy=error.facts.get("remedy", ""))
    return ScriptError(sentence=str(error), remedy=error.remedy)


def _fault(step: Step, fault: ShapeFault) -> ScriptError:
    place = excerpts.locate(step.sql, fault.statement.offset + 1)
    return ScriptError(
        sentence=fault.sentence,
        remedy=fault.advice,
        statement=fault.statement.number,
        line=place.line,
        column=place.column,
        excerpt=place.excerpt,
    )
