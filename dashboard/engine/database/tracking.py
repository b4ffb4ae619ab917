"""The tracking tables in a target: `schema_migrations` (what is applied) and `migration_audit_log` (every attempt).

A row with success always means that the migration's own statements committed, because both commit together; a row of
kind `skipped` or `baseline` records a decision instead. `history` reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum

import psycopg
from psycopg.sql import Identifier

from dashboard.engine.database import adoption, dual_writing, encoding, sql
from dashboard.engine.database.adoption import Fault
from dashboard.engine.database.connection import Connection
from dashboard.engine.database.pinned import pinned
from dashboard.engine.errors import PlanChanged, ServerError, TrackingTablesNotMade, TrackingTableUnusable
from dashboard.engine.migration import InstallationSeen, MigrationId
from dashboard.engine.plan import Action, DualWrite, Step
from dashboard.engine.sql.tokens import checksum_sql

HISTORY = "schema_migrations"
LOG = "migration_audit_log"

#: Without these a table is not a history that can be adopted: a migration is known by version and name.
REQUIRED_COLUMNS = frozenset({"version", "name", "checksum", "success", "applied_at"})

#: By which a row is known to be of one attempt of one Signalbox.
IDENTIFYING_COLUMNS = frozenset({"attempt_id", "installation"})
#: Without these the log does not tell what an attempt did.
WITNESS_COLUMNS = IDENTIFYING_COLUMNS | {"version", "name", "action", "outcome", "run_id", "statement"}


class Outcome(StrEnum):
    """What one row of the log says of an attempt at a step. For single statements there is StatementOutcome."""

    SUCCEEDED = "succeeded"  # the step, with its row in the history
    FAILED = "failed"  # nothing of it remains
    PARTIAL = "partial"  # it ran outside a transaction, and something of it remains
    CANCELLED = "cancelled"  # a person stopped it
    GLASS_BROKEN = "glass_broken"  # before it: somebody ran it without the approvals that it needs, and says why
    INTERRUPTED = "interrupted"  # its worker was lost; noted by whoever found out what remains
    RETRIED = "retried"  # undone because of a lock or a deadlock, and begun again


class StatementOutcome(StrEnum):
    """What one row of the log says of a statement that runs outside a transaction."""

    STARTED = "started"
    DONE = "done"
    UNDONE = "undone"  # it failed, and nothing of it remains


#: What is made, in order; with a query that tells whether it is there already, only where it is not.
_PREPARATION: tuple[tuple[str | None, tuple[str, ...]], ...] = (
    ("schema_exists", ("create_schema",)),
    (None, ("create_history", "extend_history", "comment_history", "create_log", "extend_log", "comment_log")),
    ("has_log_index", ("create_log_index",)),
    ("has_log_trigger", ("refuse_log_changes", "create_log_trigger")),
    (None, ("create_fuse", "comment_fuse", "create_fuse_function")),
    ("has_fuse_pair", ("create_fuse_pair",)),
    ("has_fuse_trigger", ("create_fuse_trigger", "always_fuse_trigger")),
    (None, ("give_replica_identity", "let_role_pass")),
)

#: Without these an installation is not complete, and the next run mends it.
_PRESENT = ("has_fuse_pair", "has_fuse_trigger", "has_log_index", "has_replica_identity", "passes_row_security")


#: Somebody is at work on them; that says nothing against the tables.
_IN_USE = (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled, psycopg.errors.DeadlockDetected)
_READ_ONLY = psycopg.errors.ReadOnlySqlTransaction


@dataclass(frozen=True, slots=True, kw_only=True)
class TablesShape:
    """What one look saw of both tables; no column where a table is not there."""

    history: frozenset[str]  # its columns
    log: frozenset[str]
    faults: tuple[Fault, ...]  # what forbids to use the history


@dataclass(frozen=True, slots=True)
class TrackingTables:
    """Those of one target, over one connection. Reading them creates nothing."""

    connection: Connection
    schema: str

    def prepare(self) -> None:
        """Create or adopt the tables, in one transaction. Only under the target lock: IF NOT EXISTS races.

        Raises TrackingTableUnusable for a table that is no history, TrackingTablesNotMade where the server refuses.
        """
        self.check_shape()
        try:
            with self.connection.transaction(), pinned(self.connection):
                # A crash must not take them: recovery calls a log that is gone no proof of anything.
                self.connection.execute("SET LOCAL synchronous_commit = on")
                for presence, queries in _PREPARATION:
                    if presence is None or not self._exists(presence):
                        for query in queries:
                            self.connection.execute(sql.query(query, self.schema))
        except psycopg.Error as error:
            if self.connection.closed or isinstance(error, (*_IN_USE, _READ_ONLY)):
                raise
            raise self._not_made(error) from None

    def shape(self) -> TablesShape:
        with pinned(self.connection):
            columns = self._columns(HISTORY, LOG)
            faults = adoption.faults(self.connection, self.schema)
        return TablesShape(history=frozenset(columns[HISTORY]), log=frozenset(columns[LOG]), faults=faults)

    def is_prepared(self, shape: TablesShape | None = None) -> bool:
        """Whether both tables have our columns, both fuses are there, and nothing of the database is in their way;
        `shape` is that of the tables, where it is known."""
        with pinned(self.connection):
            shape = shape or self.shape()
            return (
                shape.history >= {"kind", *IDENTIFYING_COLUMNS}
                and shape.log >= {"outcome", "checksum", "protected", *IDENTIFYING_COLUMNS}
                and not shape.faults
                and self._all_exist(_PRESENT)
            )

    def is_ours(self) -> bool:
        """Whether some version of Signalbox has made or adopted the tables."""
        return "kind" in self.columns(HISTORY)

    def fingerprint(self) -> str:
        """A hash over every row and column of the history."""
        return self._word("fingerprint")

    def log_fingerprint(self, own: Sequence[int] = ()) -> str:
        """A hash over every row and column of the log, but for the one row that each of the transactions `own` wrote.
        It is another one where such a row is not there any more."""
        return self._word("log_fingerprint", {"own": list(own)})

    def set_log_sequence_right(self, shape: TablesShape | None = None) -> bool:
        """Mend the sequence where it was moved so far that the log could not go on. Only under the target lock. Returns
        whether it was so: no transaction undoes that, so it may come from a migration of which nothing else remains.
        `shape` is that of the tables, where it is known."""
        if "id" not in (shape.log if shape else self.columns(LOG)):
            return False
        return self.connection.execute(sql.query("set_log_sequence_right", self.schema)).fetchone() is not None

    def _word(self, query: str, values: Mapping[str, object] | None = None) -> str:
        row = self.connection.execute(sql.query(query, self.schema), values).fetchone()
        return str(row[0]) if row else ""

    @property
    def history_table(self) -> str:
        return f"{self.schema}.{HISTORY}"

    @property
    def log_table(self) -> str:
        return f"{self.schema}.{LOG}"

    def columns(self, table: str) -> set[str]:
        """Empty where there is no such table."""
        return self._columns(table)[table]

    def _columns(self, *tables: str) -> Mapping[str, set[str]]:
        columns: dict[str, set[str]] = {table: set() for table in tables}
        values = {"schema": self.schema, "tables": list(tables)}
        for table, column in self.connection.execute(sql.query("columns"), values).fetchall():
            columns[str(table)].add(str(column))
        return columns

    def check_columns(self, columns: Set[str]) -> None:
        """Raises TrackingTableUnusable where these are not the columns of a history."""
        if missing := sorted(REQUIRED_COLUMNS - columns):
            tool, reason = adoption.kept_by(columns), f"it has no column {', '.join(missing)}"
            if tool:
                reason += f"; {tool} keeps such a table"
                remedy = (
                    f"Leave it to {tool}, and let Signalbox keep its own in another schema: set "
                    "SIGNALBOX_TRACKING_SCHEMA. Then import what it says has run, or record that as a baseline."
                )
                raise TrackingTableUnusable(table=self.history_table, reason=reason, remedy=remedy)
            raise TrackingTableUnusable(table=self.history_table, reason=reason)

    def check_shape(self, *, for_reading: bool = False, shape: TablesShape | None = None) -> None:
        """Raises TrackingTableUnusable, with what to alter, where no history can be kept in such a table. `shape` is
        that of the tables, where it is known."""
        shape = shape or self.shape()
        if shape.history:
            self.check_columns(shape.history)
        faults = [fault for fault in shape.faults if fault.forbids_reading or not for_reading]
        if faults:
            raise TrackingTableUnusable(
                table=self.history_table,
                reason="; ".join(fault.reason for fault in faults),
                remedy=f"Run as its owner: {' '.join(fault.remedy for fault in faults)}",
            )

    def check_row_security(self) -> None:
        """Raises TrackingTableUnusable where a policy hides rows: hidden rows would pass for missing ones."""
        if not self._exists("passes_row_security"):
            role, names = self.connection.info.user, (HISTORY, LOG, "migration_fuse")
            policies = " ".join(
                f"CREATE POLICY signalbox ON {self.schema}.{name} TO {role} USING (true) WITH CHECK (true);"
                for name in names
                if self.columns(name)
            )
            raise TrackingTableUnusable(
                table=self.history_table,
                reason=f"row-level security hides rows from the role {role}",
                remedy=f"Run as its owner: {policies}",
            )

    def _not_made(self, error: psycopg.Error) -> TrackingTablesNotMade:
        if isinstance(error, psycopg.errors.InsufficientPrivilege):
            names = (self.connection.info.user, self.connection.info.dbname, self.schema)
            role, database, schema = (Identifier(name).as_string(self.connection) for name in names)
            remedy = (
                f"Run as the owner of the database: GRANT CREATE ON DATABASE {database} TO {role}; Or make the schema "
                f"for it: CREATE SCHEMA {schema} AUTHORIZATION {role}; Tables that are there already are completed "
                "only by their owner."
            )
        else:
            triggers = [str(name) for (name,) in self.connection.execute(sql.query("event_triggers"))]
            remedy = (
                f"Look at what stands in the schema {self.schema} under the names {HISTORY}, {LOG} and migration_fuse, "
                "and rename what is not of Signalbox."
            )
            if triggers:
                forbidding = (
                    f"Look at what the event trigger {', '.join(triggers)} forbids: let that schema pass, or disable "
                    "it for the first run (ALTER EVENT TRIGGER ... DISABLE)."
                )
                raised = isinstance(error, psycopg.errors.RaiseException)  # PostgreSQL itself raises no such error
                remedy = forbidding if raised else f"{remedy} {forbidding}"
        reason = (error.diag.message_primary or str(error)).rstrip(".")
        return TrackingTablesNotMade(schema=self.schema, reason=reason, remedy=remedy)

    def installations(self, columns: Set[str] | None = None) -> tuple[InstallationSeen, ...]:
        """Every Signalbox that has written here; none where the log has no column for it. `columns` are those of the
        log, where they are known."""
        if not (self.columns(LOG) if columns is None else columns) >= IDENTIFYING_COLUMNS:
            return ()
        rows = self.connection.execute(sql.query("installations", self.schema))
        return tuple(
            InstallationSeen(identity=str(i), by=str(by), at=at, protects=bool(protects))  # type: ignore[arg-type]
            for i, by, at, protects in rows
        )

    def log_number(self) -> int:
        """The oid of the log: a table that is made anew under the same name has another one. 0 where there is none."""
        row = self.connection.execute(sql.query("log_number"), {"schema": self.schema}).fetchone()
        return int(str(row[0])) if row else 0

    def _all_exist(self, queries: Iterable[str]) -> bool:
        """Asked at once: each query is one SELECT of a boolean."""
        together = sql.conjunction(queries)
        row = self.connection.execute(together, {"schema": self.schema}).fetchone()
        return bool(row and row[0])

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
    protected: bool = False  # that installation asks for approvals here
    log: int | None = None  # the number (oid) of the log that it began to write to, where that was kept

    @property
    def session_name(self) -> str:
        """The application_name of the run's session, by which it is found after a crash: within the 63 characters that
        PostgreSQL keeps, and only ASCII."""
        return f"signalbox:{self.run_id}:{self.attempt_id}" if self.attempt_id else f"signalbox:{self.run_id}"

    @property
    def identity(self) -> dict[str, object]:
        """By what the rows of this attempt are found."""
        return {"run_id": self.run_id, "attempt_id": self.attempt_id}

    @property
    def origin(self) -> dict[str, object]:
        """What its rows say about where they come from."""
        return {**self.identity, "installation": self.installation, "by": self.by}


@dataclass(frozen=True, slots=True)
class RunTracking(TrackingTables):
    """The tracking tables as one run writes them, and reads what it wrote."""

    attempt: Attempt
    dual_write: DualWrite | None = None  # the table of another tool that gets its row, too

    def record(self, step: Step, *, ms: int) -> None:
        """Write the history as it is after the step, log the attempt, and tell the tool that is told. Call inside the
        step's transaction."""
        self.note(step, ms=ms)
        self.tell([step])

    def tell(self, steps: Sequence[Step]) -> None:
        """Write these into the table of the other tool, if one is named. Call when all of them are noted, inside the
        same transaction. Raises ToolTableRefused."""
        dual_writing.write(self.connection, self.dual_write, steps, lambda: self._word("own_rows"))

    def note(self, step: Step, *, ms: int) -> None:
        """Our own part of `record`."""
        match step.action:
            case Action.APPLY | Action.SKIP:
                self._record_success(step, ms)
            case Action.MARK_APPLIED | Action.BASELINE | Action.IMPORT:
                self._record_success(step, None)
            case Action.ROLLBACK | Action.UNSKIP:
                self._remove(step)
            case Action.RESET:
                self._execute("remove_failure", {"key": step.key, "name": step.name})
            case Action.ACCEPT:
                self._accept_edit(step)
            case Action.ACCEPT_CHANGE:
                self._accept_change(step)
            case Action.RESTORE_RECORD:
                self._restore_record(step)
        replaced = f"Its checksum was {step.before}." if step.before else ""
        said = f"{step.reason.rstrip('.')}." if step.reason and replaced else step.reason
        message = " ".join(filter(None, (said, replaced, self._escaped(step))))
        self.log(step, outcome=Outcome.SUCCEEDED, message=message)

    def record_failure(self, step: Step, error: ServerError, *, outcome: Outcome = Outcome.FAILED) -> None:
        """After the transaction of the step has ended: log the attempt, and mark the version failed where it is not
        applied."""
        with self.connection.transaction(), pinned(self.connection):
            if step.action is Action.APPLY:
                values = {
                    "key": step.key,
                    "name": step.name,
                    "checksum": step.checksum,
                    "checksum_sql": step.checksum_sql,
                    "message": self._kept(storable(error.message)),
                    "kind": step.kind.value,
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
            "protected": self.attempt.protected,
            "checksum": step.checksum,
            "statement": statement,
            "sqlstate": sqlstate,
            "message": self._kept(storable(message)) or None,
        }
        self._execute("log", values)

    def note_broken_glass(self, steps: Iterable[Step], reason: str) -> None:
        """Before any of them, so that it stands there whatever becomes of the run."""
        with self.connection.transaction(), pinned(self.connection):
            for step in steps:
                self.log(step, outcome=Outcome.GLASS_BROKEN, message=reason)

    def last_outcome(self, step: Step, statement: int) -> str:
        """The last log row of this run about one statement; empty where there is none."""
        values = {"statement": statement, **self._of_this_run(step)}
        row = self.connection.execute(sql.query("last_outcome", self.schema), values).fetchone()
        return str(row[0]) if row else ""

    def missing_witness(self) -> str:
        """Why the log cannot tell what this attempt did, as a clause; empty where it can."""
        columns = self.columns(LOG)
        if not columns:
            return "is not there"
        if missing := sorted(WITNESS_COLUMNS - columns):
            return f"has no column {', '.join(missing)}"
        if self.attempt.log not in {None, self.log_number()}:
            return "is another one than the one that this run wrote to"
        return self._contradicted()

    def _contradicted(self) -> str:
        """Both tables are written in one transaction, so what only the history has was taken out of the log."""
        if not self.columns(HISTORY) >= IDENTIFYING_COLUMNS:
            return ""
        rows = self.connection.execute(sql.query("unsaid_in_run", self.schema), self.attempt.identity).fetchall()
        names = ", ".join(str(name) for (name,) in rows)
        return f"has no row of {names}, which the history says this run applied" if names else ""

    def note_interrupted(self, step: Step, message: str) -> None:
        """The worker was lost during this step, or just before it. Noted once."""
        row = self.connection.execute(sql.query("noted_interrupted", self.schema), self._of_this_run(step)).fetchone()
        if not (row and row[0]):
            self.log(step, outcome=Outcome.INTERRUPTED, message=message)

    def succeeded(self, step: Step) -> bool:
        """Whether the audit log says that this run did the step."""
        row = self.connection.execute(sql.query("succeeded", self.schema), self._of_this_run(step)).fetchone()
        return bool(row and row[0])

    def succeeded_steps(self) -> frozenset[MigrationId]:
        """The steps that the audit log calls done."""
        rows = self.connection.execute(sql.query("succeeded_in_run", self.schema), self.attempt.identity).fetchall()
        return frozenset(MigrationId(str(version), str(name)) for version, name in rows)

    def broken_off_in(self) -> MigrationId | None:
        """The step that the log says this attempt did not bring to its end; None where it says so of none."""
        row = self.connection.execute(sql.query("broken_off_in_run", self.schema), self.attempt.identity).fetchone()
        return MigrationId(str(row[0]), str(row[1])) if row else None

    def _of_this_run(self, step: Step) -> dict[str, object]:
        return {"version": step.version, "name": step.name, **self.attempt.identity}

    def _record_success(self, step: Step, ms: int | None) -> None:
        values = {
            "key": step.key,
            "name": step.name,
            "applied_at": step.applied_at or None,
            "ms": ms,
            "checksum": step.checksum,
            "checksum_sql": step.checksum_sql,
            "sql": self._kept(step.sql or step.text) or None,
            "down_sql": None if step.down_sql is None else self._kept_rollback(step.down_sql),
            "reason": self._kept(step.reason) or None,
            **self.attempt.origin,
            "kind": step.kind.value,
        }
        if self._execute("record_success", values) != 1:
            raise PlanChanged(what=f"{step.version} is recorded already")

    def _remove(self, step: Step) -> None:
        values = {"key": step.key, "name": step.name, "kind": step.kind.value}
        if self._execute("remove_row", values) != 1:
            raise PlanChanged(what=f"{step.label} is not recorded as {step.kind} any more")

    def _accept_edit(self, step: Step) -> None:
        values = {
            "key": step.key,
            "version": step.version,
            "name": step.name,
            "checksum": step.checksum,
            "checksum_sql": step.checksum_sql,
            "text": self._kept(step.text),
            "before": step.before,
        }
        if self._execute("accept_edit", values) != 1:
            raise PlanChanged(what=f"{step.label} is not recorded with the SQL of its file any more")

    def _accept_change(self, step: Step) -> None:
        values = {
            "key": step.key,
            "name": step.name,
            "checksum": step.checksum,
            "checksum_sql": step.checksum_sql,
            "before": step.before,
        }
        if self._execute("accept_change", values) != 1:
            raise PlanChanged(what=f"{step.label} is not recorded with the checksum {step.before} any more")

    def _restore_record(self, step: Step) -> None:
        """From the log, which says that it was applied: who, when and by which run."""
        values = {
            "key": step.key,
            "version": step.version,
            "name": step.name,
            "checksum": step.checksum,
            "checksum_sql": step.checksum_sql,
            "text": self._kept(step.text) or None,
            "down_sql": None if step.down_sql is None else self._kept_rollback(step.down_sql),
            "kind": step.kind.value,
        }
        if self._execute("restore_record", values) != 1:
            raise PlanChanged(what=f"the history and the log agree on {step.label} by now")

    @property
    def _encoding(self) -> str:
        return self.connection.info.parameter_status("server_encoding") or ""

    def _kept(self, text: str) -> str:
        return encoding.kept(text, self._encoding)

    def _kept_rollback(self, script: str) -> str | None:
        """The captured rollback is what will run, so it is kept only where nothing but comments has to be escaped."""
        kept = self._kept(script)
        return kept if kept == script or checksum_sql(kept) == checksum_sql(script) else None

    def _escaped(self, step: Step) -> str:
        """A note that the rows do not hold the file as it is; empty where they do."""
        scripts = [script for script in (step.sql, step.text, step.down_sql) if script and self._kept(script) != script]
        if not scripts:
            return ""
        said = f"The database stores {self._encoding}: characters that it does not have are kept escaped here."
        if step.down_sql and self._kept_rollback(step.down_sql) is None:
            said += " The rollback holds some outside its comments, and could not be kept."
        return said

    def _execute(self, query: str, values: Mapping[str, object]) -> int:
        """How many rows it changed."""
        return self.connection.execute(sql.query(query, self.schema), values).rowcount


#: Longest error text kept, in characters; a server can send megabytes.
MESSAGE_LIMIT = 8000


def storable(text: str) -> str:
    """Text that PostgreSQL can store: without NUL, and not endless."""
    return text[:MESSAGE_LIMIT].replace("\0", "\N{SYMBOL FOR NULL}")
