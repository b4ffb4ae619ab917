"""The tracking tables in a target: `schema_migrations` (what stands) and `migration_audit_log` (every attempt).

A row with success always means that the migration's own statements committed, because both commit together;
a row of kind `skipped` or `baseline` records a decision instead. Reads never create anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import psycopg

from dashboard.engine.database import sql
from dashboard.engine.database.connection import Connection
from dashboard.engine.errors import PlanChanged, ServerError, TrackingTableUnusable
from dashboard.engine.migration import AppliedMigration, History, JournalEntry, Kind, Unfinished
from dashboard.engine.plan import Action, Step

#: Without these a table is not a history that can be adopted: a migration is known by version and name.
REQUIRED_COLUMNS = frozenset({"version", "name", "checksum", "success", "applied_at"})


class Outcome(StrEnum):
    """What one row of the log says: of an attempt at a step, or of one statement that runs outside a transaction."""

    SUCCEEDED = "succeeded"  # the step, with its row in the history
    FAILED = "failed"  # nothing of it remains
    PARTIAL = "partial"  # it ran outside a transaction, and something of it remains
    CANCELLED = "cancelled"  # a person stopped it
    RETRIED = "retried"  # undone because of a lock or a deadlock, and begun again
    STARTED = "started"  # a statement; without a later word nobody knows what it did
    DONE = "done"  # a statement; its work is committed
    UNDONE = "undone"  # a statement; nothing of it remains


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Who runs: what every row written by a run says."""

    run_id: str
    by: str
    source_ip: str | None = None


def read(connection: Connection, schema: str, *, scripts: bool = False) -> History:
    """What this target remembers. Raises TrackingTableUnusable for a table that is something else."""
    columns = _columns(connection, schema, "schema_migrations")
    if not columns:
        return History(exists=False)
    _require(columns, schema)
    rows = connection.execute(sql.query("read_history", schema), {"scripts": scripts}).fetchall()
    return History(
        exists=True,
        rows=tuple(_applied(row[0]) for row in rows),  # type: ignore[arg-type]
        rolled_back=_rolled_back(connection, schema),
        unfinished=_unfinished(connection, schema),
    )


#: What is made, in order; with a query that tells whether it is there already, only where it is not.
_PREPARATION: tuple[tuple[str | None, tuple[str, ...]], ...] = (
    ("schema_exists", ("create_schema",)),
    (None, ("create_history", "extend_history", "comment_history", "create_log", "extend_log", "comment_log")),
    ("has_log_trigger", ("refuse_log_changes", "create_log_trigger")),
    (None, ("create_fuse", "comment_fuse", "create_fuse_function")),
    ("has_fuse_pair", ("create_fuse_pair",)),
    ("has_fuse_trigger", ("create_fuse_trigger", "always_fuse_trigger")),
)


def prepare(connection: Connection, schema: str) -> None:
    """Create or adopt the tables, in one transaction. Only under the target lock: IF NOT EXISTS races."""
    existing = _columns(connection, schema, "schema_migrations")
    if existing:
        _require(existing, schema)
    try:
        with connection.transaction():
            for missing, names in _PREPARATION:
                if missing is None or not _exists(connection, missing, schema):
                    for name in names:
                        connection.execute(sql.query(name, schema))
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.DuplicateObject) as error:
        raise TrackingTableUnusable(table=f"{schema}.schema_migrations", reason=error.diag.message_primary) from None


def is_prepared(connection: Connection, schema: str) -> bool:
    """Both tables with our columns, and both fuses."""
    history = _columns(connection, schema, "schema_migrations")
    log_columns = _columns(connection, schema, "migration_audit_log")
    return (
        "kind" in history
        and "outcome" in log_columns
        and all(_exists(connection, fuse, schema) for fuse in ("has_fuse_pair", "has_fuse_trigger"))
    )


def record(connection: Connection, schema: str, step: Step, attempt: Attempt, *, ms: int) -> None:
    """What stands after the step, and the attempt. Call inside the step's transaction."""
    match step.action:
        case Action.APPLY | Action.SKIP:
            _record_success(connection, schema, step, attempt, ms)
        case Action.ROLLBACK | Action.UNSKIP:
            _remove(connection, schema, step)
        case Action.RESET:
            connection.execute(sql.query("remove_failure", schema), {"key": step.key, "name": step.name})
        case Action.ACCEPT:
            _accept_edit(connection, schema, step)
    log(connection, schema, step, attempt, outcome=Outcome.SUCCEEDED, message=step.reason)


def record_failure(
    connection: Connection,
    schema: str,
    step: Step,
    attempt: Attempt,
    error: ServerError,
    *,
    outcome: Outcome = Outcome.FAILED,
) -> None:
    """After the step's transaction is gone: log the attempt, and mark the version failed where no success stands."""
    with connection.transaction():
        if step.action is Action.APPLY:
            values = {
                "key": step.key,
                "name": step.name,
                "checksum": step.checksum,
                "checksum_sql": step.checksum_sql,
                "message": storable(error.message),
                "by": attempt.by,
                "run_id": attempt.run_id,
            }
            connection.execute(sql.query("record_failure", schema), values)
        log(
            connection,
            schema,
            step,
            attempt,
            outcome=outcome,
            message=error.message,
            statement=error.statement,
            sqlstate=error.sqlstate,
        )


def log(
    connection: Connection,
    schema: str,
    step: Step,
    attempt: Attempt,
    *,
    outcome: Outcome,
    message: str = "",
    statement: int | None = None,
    sqlstate: str | None = None,
) -> None:
    values = {
        "version": step.version,
        "name": step.name,
        "by": attempt.by,
        "source_ip": attempt.source_ip,
        "action": step.action.value,
        "outcome": outcome.value,
        "run_id": attempt.run_id,
        "statement": statement,
        "sqlstate": sqlstate,
        "message": storable(message) or None,
    }
    connection.execute(sql.query("log", schema), values)


def last_outcome(connection: Connection, schema: str, step: Step, number: int, attempt: Attempt) -> Outcome | None:
    """The last word of the journal on one statement of a run; None where there is none."""
    values = {"version": step.version, "name": step.name, "statement": number, "run_id": attempt.run_id}
    row = connection.execute(sql.query("last_outcome", schema), values).fetchone()
    return Outcome(str(row[0])) if row else None


def succeeded(connection: Connection, schema: str, step: Step, attempt: Attempt) -> bool:
    """Whether the audit log says that this run did the step."""
    values = {"version": step.version, "name": step.name, "run_id": attempt.run_id}
    row = connection.execute(sql.query("succeeded", schema), values).fetchone()
    return bool(row and row[0])


def fingerprint(connection: Connection, schema: str) -> str:
    """What the history says, in one word."""
    row = connection.execute(sql.query("fingerprint", schema)).fetchone()
    return str(row[0]) if row else ""


#: Longest error text kept, in characters; a server can send megabytes.
MESSAGE_LIMIT = 8000


def storable(text: str) -> str:
    """Text as PostgreSQL can keep it: no NUL, not endless."""
    return text[:MESSAGE_LIMIT].replace("\0", "\N{SYMBOL FOR NULL}")


def _record_success(connection: Connection, schema: str, step: Step, attempt: Attempt, ms: int) -> None:
    values = {
        "key": step.key,
        "name": step.name,
        "ms": ms,
        "checksum": step.checksum,
        "checksum_sql": step.checksum_sql,
        "sql": step.sql or None,
        "down_sql": step.down_sql,
        "reason": step.reason or None,
        "by": attempt.by,
        "run_id": attempt.run_id,
        "kind": _kind(step).value,
    }
    if connection.execute(sql.query("record_success", schema), values).rowcount != 1:
        raise PlanChanged(what=f"{step.version} is recorded already")


def _remove(connection: Connection, schema: str, step: Step) -> None:
    values = {"key": step.key, "name": step.name, "kind": _kind(step).value}
    if connection.execute(sql.query("remove_row", schema), values).rowcount != 1:
        raise PlanChanged(what=f"{step.label} is not recorded as {_kind(step)} any more")


def _accept_edit(connection: Connection, schema: str, step: Step) -> None:
    values = {
        "key": step.key,
        "name": step.name,
        "checksum": step.checksum,
        "checksum_sql": step.checksum_sql,
        "text": step.text,
    }
    if connection.execute(sql.query("accept_edit", schema), values).rowcount != 1:
        raise PlanChanged(what=f"{step.label} is not recorded with the SQL of its file any more")


# Reading


def _applied(row: Mapping[str, Any]) -> AppliedMigration:
    kind = Kind(row.get("kind") or Kind.APPLIED)
    key, name = row["version"], row["name"]
    # A skipped file that shares its number with others is kept under its whole name, because version is the key.
    version = key.removesuffix(f"_{name}") if kind is Kind.SKIPPED else key
    return AppliedMigration(
        version=version,
        name=name,
        key=key,
        applied_at=datetime.fromisoformat(row["applied_at"]) if row.get("applied_at") else None,
        checksum=row.get("checksum") or "",
        checksum_sql=row.get("checksum_sql") or "",
        execution_time_ms=row.get("execution_time_ms"),
        success=bool(row.get("success", True)),
        error_message=row.get("error_message"),
        kind=kind,
        applied_by=row.get("applied_by") or "",
        run_id=row.get("run_id") or "",
        has_rollback=bool(row.get("has_rollback")),
        forward_script=row.get("forward_script"),
        rollback_script=row.get("rollback_script"),
    )


def _rolled_back(connection: Connection, schema: str) -> frozenset[tuple[str, str]]:
    if not {"name", "action", "outcome"} <= _columns(connection, schema, "migration_audit_log"):
        return frozenset()
    rows = connection.execute(sql.query("read_rolled_back", schema)).fetchall()
    return frozenset((str(version), str(name)) for version, name in rows)


def _unfinished(connection: Connection, schema: str) -> tuple[Unfinished, ...]:
    if not {"name", "action", "outcome", "statement"} <= _columns(connection, schema, "migration_audit_log"):
        return ()
    found: dict[tuple[str, str, str], list[JournalEntry]] = {}
    for version, name, action, number, outcome, digest in connection.execute(sql.query("read_unfinished", schema)):
        entry = JournalEntry(statement=int(str(number)), checksum=str(digest), done=outcome == Outcome.DONE)
        found.setdefault((str(version), str(name), str(action)), []).append(entry)
    return tuple(Unfinished(version=v, name=n, action=a, entries=tuple(e)) for (v, n, a), e in found.items())


def _require(columns: set[str], schema: str) -> None:
    if missing := sorted(REQUIRED_COLUMNS - columns):
        raise TrackingTableUnusable(
            table=f"{schema}.schema_migrations", reason=f"it has no column {', '.join(missing)}"
        )


def _columns(connection: Connection, schema: str, table: str) -> set[str]:
    rows = connection.execute(sql.query("columns"), {"schema": schema, "table": table}).fetchall()
    return {str(row[0]) for row in rows}


def _exists(connection: Connection, query: str, schema: str) -> bool:
    row = connection.execute(sql.query(query), {"schema": schema}).fetchone()
    return bool(row and row[0])


def _kind(step: Step) -> Kind:
    return Kind.SKIPPED if step.action in {Action.SKIP, Action.UNSKIP} else Kind.APPLIED
