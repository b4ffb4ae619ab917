"""Exactly what a run would send, without sending anything: the executor's own code, on a connection that only records.

It keeps each message and answers as a target does when all goes well. A secret, the milliseconds and the number of the
run are not known before a run, so they are written in angle brackets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from psycopg import sql as composing
from psycopg.pq import TransactionStatus

from dashboard.engine.database import connection as connections
from dashboard.engine.database import locks, pinned
from dashboard.engine.database import sql as own_queries
from dashboard.engine.database.connection import Access, Connection
from dashboard.engine.database.pinned import PinsOwnQueries
from dashboard.engine.database.tracking import Attempt, TrackingTables
from dashboard.engine.database.wire import Reply
from dashboard.engine.plan import Plan, Step
from dashboard.engine.run import executor
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.run.events import Observer, RunEvent, StepStarted
from dashboard.engine.run.monitor import Monitor
from dashboard.engine.run.session import Session

_ATTEMPT = Attempt(run_id="<number of the run>", by="<who starts it>", source_ip="<their address>")
_PLACEHOLDER = re.compile(r"%\((\w+)\)s|%(s)|%(%)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to the server, with its parameters; or a remark, which is not sent."""

    sql: str
    values: Mapping[str, Any] | Sequence[Any] | None = None
    is_remark: bool = False

    def __str__(self) -> str:
        if self.is_remark:
            return f"\n-- {self.sql}"
        return f"{self._filled() if self.values is not None else self.sql};"

    def _filled(self) -> str:
        """As the server takes it. Parameters are sent beside the statement; here they are written into it."""
        positional = iter(self.values if isinstance(self.values, Sequence) else ())
        named = self.values if isinstance(self.values, Mapping) else {}

        def value(placeholder: re.Match[str]) -> str:
            if placeholder[3]:
                return "%"
            return composing.Literal(next(positional) if placeholder[2] else named[placeholder[1]]).as_string(None)

        return _PLACEHOLDER.sub(value, self.sql)


def messages(plan: Plan, access: Access) -> list[Message]:
    """Reads the target once, to see whether the tracking tables have to be made first."""
    with connections.reading(access.address) as reading:
        is_prepared = TrackingTables(reading, access.schema).is_prepared()
    recording = _RecordingConnection(access)
    recording.remark(_connected(access))
    recording.remark("One run at a time:")
    connection = cast(Connection, recording)
    with locks.held(connection, access.address.name):
        recording.remark("Then only queries: what server, what database, what history. Another plan would end here.")
        if not is_prepared:
            recording.prepare()
        session = _RecordingSession(
            connection=connection,
            access=access,
            attempt=_ATTEMPT,
            observer=recording.step_titles(plan),
            cancellation=Cancellation(),
        )
        executor.run_steps(plan, session, cast(Monitor, _NoMonitor()))
        recording.remark("Every step is committed, and the log has to say the same:")
        session.tracking.succeeded_steps()
    return recording.messages


def text(plan: Plan, access: Access) -> str:
    head = f"-- {access.address.name}, digest {plan.digest}\n-- Nothing of this was sent.\n"
    return head + "\n".join(str(message) for message in messages(plan, access)) + "\n"


def _connected(access: Access) -> str:
    options = ", ".join(f"{name} = {value}" for name, value in connections.startup_options(access).items())
    return f"Connected to {access.address.shown}, as {_ATTEMPT.session_name}, with {options}."


class _NoMonitor:
    position = 0


class _RecordingSession(Session):
    def send(self, sql: str) -> Reply:
        self.connection.execute(sql.encode())
        return Reply(tag="COMMIT" if sql == "COMMIT" else "", rows=0)

    def copy_rows(self, position: int, step: Step) -> None:
        for copy in step.copies:
            cast(_RecordingConnection, self.connection).remark(
                f"Here {copy.label} is copied into the schema signalbox_saved."
            )


class _AssumedRow:
    """An answer that means yes: one row, or none, or one row changed, whatever was asked."""

    rowcount = 1

    def __init__(self, row: tuple[Any, ...] | None) -> None:
        self._row = row

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._row

    def fetchall(self) -> list[tuple[Any, ...]]:
        return []


@dataclass
class _RecordingConnection(PinsOwnQueries):
    access: Access
    messages: list[Message] = field(default_factory=list)
    transaction_status: TransactionStatus = TransactionStatus.IDLE
    closed: bool = False
    _row: tuple[Any, ...] | None = ("1", "1", "")  # what every query answers
    _is_built: bool = False  # an index that a statement builds: asked before it, and once after it

    @property
    def info(self) -> _RecordingConnection:
        return self

    def get_parameters(self) -> dict[str, str]:
        return {"application_name": _ATTEMPT.session_name}

    def parameter_status(self, name: str) -> str:
        return "UTF8"

    def add_notice_handler(self, handler: object) -> None:
        """No server raises one."""

    def _status(self) -> TransactionStatus:
        return self.transaction_status

    def _send(self, query: Any, params: Any = None, **options: Any) -> _AssumedRow:
        sql = query.as_string(None) if isinstance(query, composing.Composable) else query
        sql = sql.decode() if isinstance(sql, bytes) else sql
        self.messages.append(Message(sql=sql.strip(), values=params))
        if sql.startswith("BEGIN"):
            self.transaction_status = TransactionStatus.INTRANS
        if sql.endswith("COMMIT"):
            self.transaction_status = TransactionStatus.IDLE
        if sql.startswith("SELECT pg_catalog.current_setting('search_path')"):
            return _AssumedRow(("<as it was>",) * len(pinned.SETTINGS))
        if query == own_queries.query("index_built"):
            self._is_built = not self._is_built
            return _AssumedRow(None if self._is_built else self._row)
        if "pg_get_indexdef" in sql:
            return _AssumedRow(None)
        if "current_setting('lock_timeout')" in sql:
            options = connections.startup_options(self.access)
            return _AssumedRow((options["lock_timeout"], options["statement_timeout"]))
        return _AssumedRow(self._row)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.execute("BEGIN")
        yield
        self.execute("COMMIT")

    def remark(self, sentence: str) -> None:
        self.messages.append(Message(sql=sentence, is_remark=True))

    def prepare(self) -> None:
        self.remark("The tracking tables, which are not there yet or not complete:")
        self._row = None  # nothing is there
        TrackingTables(cast(Connection, self), self.access.schema).prepare()
        self._row = type(self)._row

    def step_titles(self, plan: Plan) -> Observer:
        def observe(event: RunEvent) -> None:
            if isinstance(event, StepStarted):
                step = plan.steps[event.position]
                self.remark(f"{event.position + 1} of {len(plan.steps)}: {step.action} {step.label}")

        return observe
