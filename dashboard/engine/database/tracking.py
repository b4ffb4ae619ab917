"""The tracking tables in a target: `schema_migrations` (what stands) and `migration_audit_log` (every attempt).

A row with success always means that the migration's own statements committed, because both commit together;
a row of kind `skipped` or `baseline` records a decision instead. `history` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import psycopg

from dashboard.engine.database import sql
from dashboard.engine.database.connection import Connection
from dashboard.engine.errors import PlanChanged, ServerError, TrackingTableUnusable
from dashboard.engine.migration import Kind
from dashboard.engine.plan import Action, Step

HISTORY = "schema_migrations"
LOG = "migration_audit_log"

#: Without these a table is not a history that can be adopted: a migration is known by version and name.
REQUIRED_COLUMNS = frozenset({"version", "name", "checksum", "success", "applied_at"})

#: By which a row is known to be of one attempt of one Signalbox.
IDENTIFYING_COLUMNS = frozenset({"attempt_id", "installation"})
#: Without these the log does not tell what an attempt did.
WITNESS_COLUMNS = IDENTIFYING_COLUMNS | {"version", "name", "action", "outcome", "run_id", "statement"}


class Outcome(StrEnum):
    """What one row of the log says of an attempt at a step. Of single statements: run.journal.StatementOutcome."""

    SUCCEEDED = "succeeded"  # the step, with its row in the history
    FAILED = "failed"  # nothing of it remains
    PARTIAL = "partial"  # it ran outside a transaction, and something of it remains
    CANCELLED = "cancelled"  # a person stopped it
    INTERRUPTED = "interrupted"  # its worker was lost; noted by whoever found out what remains
    RETRIED = "retried"  # undone because of a lock or a deadlock, and begun again


#: What is made, in order; with a query that tells whether it is there already, only where it is not.
_PREPARATION: tuple[tuple[str | None, tuple[str, ...]], ...] = (
    ("schema_exists", ("create_schema",)),
    (None, ("create_history", "extend_history", "comment_history", "create_log", "extend_log", "comment_log")),
    ("has_log_trigger", ("refuse_log_changes", "create_log_trigger")),
    (None, ("create_fuse", "comment_fuse", "create_fuse_function")),
    ("has_fuse_pair", ("create_fuse_pair",)),
    ("has_fuse_trigger", ("create_fuse_trigger", "always_fuse_trigger")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherInstallation:
    """Another Signalbox that works on this target, and its last deed here."""

    identity: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TrackingTables:
    """Those of one target, over one connection to it. Reading them creates nothing."""

    connection: Connection
    schema: str

    def prepare(self) -> None:
        """Create or adopt the tables, in one transaction. Only under the target lock: IF NOT EXISTS races."""
        if existing := self.columns(HISTORY):
            self.check_columns(existing)
        try:
            with self.connection.transaction():
                for presence, queries in _PREPARATION:
                    if presence is None or not self._exists(presence):
                        for query in queries:
                            self.connection.execute(sql.query(query, self.schema))
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.DuplicateObject) as error:
            raise TrackingTableUnusable(table=self.history_table, reason=error.diag.message_primary) from None

    def is_prepared(self) -> bool:
        """Both tables with our columns, and both fuses."""
        return (
            self.columns(HISTORY) >= {"kind", *IDENTIFYING_COLUMNS}
            and self.columns(LOG) >= {"outcome", *IDENTIFYING_COLUMNS}
            and all(self._exists(fuse) for fuse in ("has_fuse_pair", "has_fuse_trigger"))
        )

    def is_ours(self) -> bool:
        """Whether a Signalbox of whatever version has made or adopted the tables."""
        return "kind" in self.columns(HISTORY)

    def fingerprint(self) -> str:
        """What the history says, in one word."""
        row = self.connection.execute(sql.query("fingerprint", self.schema)).fetchone()
        return str(row[0]) if row else ""

    @property
    def history_table(self) -> str:
        return f"{self.schema}.{HISTORY}"

    @property
    def log_table(self) -> str:
        return f"{self.schema}.{LOG}"

    def columns(self, table: str) -> set[str]:
        """Empty where there is no such table."""
        rows = self.connection.execute(sql.query("columns"), {"schema": self.schema, "table": table}).fetchall()
        return {str(row[0]) for row in rows}

    def check_columns(self, columns: set[str]) -> None:
        """Raises TrackingTableUnusable where these are not the columns of a history."""
        if missing := sorted(REQUIRED_COLUMNS - columns):
            raise TrackingTableUnusable(table=self.history_table, reason=f"it has no column {', '.join(missing)}")

    def other_installations(self, own: str) -> tuple[OtherInstallation, ...]:
        """Every other Signalbox that has written here; none where the log does not say."""
        if not self.columns(LOG) >= IDENTIFYING_COLUMNS:
            return ()
        rows = self.connection.execute(sql.query("other_installations", self.schema), {"installation": own})
        return tuple(OtherInstallation(identity=str(i), by=str(by), at=at) for i, by, at in rows)  # type: ignore[arg-type]

    def _exists(self, query: str) -> bool:
        row = self.connection.execute(sql.query(query), {"schema": self.schema}).fetchone()
        return bool(row and row[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Who runs: what every row written by a run says.

    `attempt_id` never repeats, as the number of a run does once the control database is restored or made anew, or two
    installations work on one target. It is empty for a run that an older Signalbox began, whose rows have only the
    number.
    """

    run_id: str
    by: str
    source_ip: str | None = None
    attempt_id: str = ""
    installation: str = ""

    @property
    def session_name(self) -> str:
        """The application_name of the run's session, by which it is found after a crash: within the 63 characters that
        PostgreSQL keeps, and only ASCII."""
        return f"signalbox:{self.run_id}:{self.attempt_id}" if self.attempt_id else f"signalbox:{self.run_id}"

    @property
    def identity(self) -> dict[str, object]:
        """What rows of this attempt are found by."""
        return {"run_id": self.run_id, "attempt_id": self.attempt_id}

    @property
    def origin(self) -> dict[str, object]:
        """What its rows say of where they come from."""
        return {**self.identity, "installation": self.installation, "by": self.by}


@dataclass(frozen=True, slots=True)
class RunTracking(TrackingTables):
    """The tracking tables as one run writes them, and reads what it wrote."""

    attempt: Attempt

    def record(self, step: Step, *, ms: int) -> None:
        """What stands after the step, and the attempt. Call inside the step's transaction."""
        match step.action:
            case Action.APPLY | Action.SKIP:
                self._record_success(step, ms)
            case Action.ROLLBACK | Action.UNSKIP:
                self._remove(step)
            case Action.RESET:
                self._execute("remove_failure", {"key": step.key, "name": step.name})
            case Action.ACCEPT:
                self._accept_edit(step)
        self.log(step, outcome=Outcome.SUCCEEDED, message=step.reason)

    def record_failure(self, step: Step, error: ServerError, *, outcome: Outcome = Outcome.FAILED) -> None:
        """After the step's transaction is gone: log the attempt, and mark the version failed where no success
        stands."""
        with self.connection.transaction():
            if step.action is Action.APPLY:
                values = {
                    "key": step.key,
                    "name": step.name,
                    "checksum": step.checksum,
                    "checksum_sql": step.checksum_sql,
                    "message": storable(error.message),
                    **self.attempt.origin,
                }
                self._execute("record_failure", values)
            self.log(step, outcome=outcome, message=error.message, statement=error.statement, sqlstate=error.sqlstate)

    def log(
        self,
        step: Step,
        *,
        outcome: StrEnum,
        message: str = "",
        statement: int | None = None,
        sqlstate: str | None = None,
    ) -> None:
        """A row of the audit log."""
        values = {
            "version": step.version,
            "name": step.name,
            **self.attempt.origin,
            "source_ip": self.attempt.source_ip,
            "action": step.action.value,
            "outcome": outcome.value,
            "statement": statement,
            "sqlstate": sqlstate,
            "message": storable(message) or None,
        }
        self._execute("log", values)

    def last_outcome(self, step: Step, statement: int) -> str:
        """The last word of the log on one statement of this run; empty where there is none."""
        values = {"statement": statement, **self._of_this_run(step)}
        row = self.connection.execute(sql.query("last_outcome", self.schema), values).fetchone()
        return str(row[0]) if row else ""

    def missing_witness(self) -> str:
        """Why the log cannot tell what this attempt did; empty where it can. A clause about the log."""
        columns = self.columns(LOG)
        if not columns:
            return "is not there"
        if missing := sorted(WITNESS_COLUMNS - columns):
            return f"has no column {', '.join(missing)}"
        return ""

    def note_interrupted(self, step: Step, message: str) -> None:
        """Its worker was lost during this step, or just before it. Noted once."""
        row = self.connection.execute(sql.query("noted_interrupted", self.schema), self._of_this_run(step)).fetchone()
        if not (row and row[0]):
            self.log(step, outcome=Outcome.INTERRUPTED, message=message)

    def succeeded(self, step: Step) -> bool:
        """Whether the audit log says that this run did the step."""
        row = self.connection.execute(sql.query("succeeded", self.schema), self._of_this_run(step)).fetchone()
        return bool(row and row[0])

    def succeeded_steps(self) -> frozenset[tuple[str, str]]:
        """The version and name of every step of which the audit log says so."""
        rows = self.connection.execute(sql.query("succeeded_in_run", self.schema), self.attempt.identity).fetchall()
        return frozenset((str(version), str(name)) for version, name in rows)

    def _of_this_run(self, step: Step) -> dict[str, object]:
        return {"version": step.version, "name": step.name, **self.attempt.identity}

    def _record_success(self, step: Step, ms: int) -> None:
        values = {
            "key": step.key,
            "name": step.name,
            "ms": ms,
            "checksum": step.checksum,
            "checksum_sql": step.checksum_sql,
            "sql": step.sql or None,
            "down_sql": step.down_sql,
            "reason": step.reason or None,
            **self.attempt.origin,
            "kind": _kind(step).value,
        }
        if self._execute("record_success", values) != 1:
            raise PlanChanged(what=f"{step.version} is recorded already")

    def _remove(self, step: Step) -> None:
        values = {"key": step.key, "name": step.name, "kind": _kind(step).value}
        if self._execute("remove_row", values) != 1:
            raise PlanChanged(what=f"{step.label} is not recorded as {_kind(step)} any more")

    def _accept_edit(self, step: Step) -> None:
        values = {
            "key": step.key,
            "name": step.name,
            "checksum": step.checksum,
            "checksum_sql": step.checksum_sql,
            "text": step.text,
        }
        if self._execute("accept_edit", values) != 1:
            raise PlanChanged(what=f"{step.label} is not recorded with the SQL of its file any more")

    def _execute(self, query: str, values: Mapping[str, object]) -> int:
        """How many rows it changed."""
        return self.connection.execute(sql.query(query, self.schema), values).rowcount


#: Longest error text kept, in characters; a server can send megabytes.
MESSAGE_LIMIT = 8000


def storable(text: str) -> str:
    """Text as PostgreSQL can keep it: no NUL, not endless."""
    return text[:MESSAGE_LIMIT].replace("\0", "\N{SYMBOL FOR NULL}")


def _kind(step: Step) -> Kind:
    return Kind.SKIPPED if step.action in {Action.SKIP, Action.UNSKIP} else Kind.APPLIED
