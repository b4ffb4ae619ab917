"""The identity of a target and its history, read at one moment. Creates nothing, changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from typing import Any

from dashboard.engine.database import connection as connections
from dashboard.engine.database import sql, tool_tables
from dashboard.engine.database.connection import Access, Connection
from dashboard.engine.database.pinned import pinned
from dashboard.engine.database.tracking import Outcome, StatementOutcome, TablesShape, TrackingTables
from dashboard.engine.errors import OtherDatabase, TrackingTableUnusable
from dashboard.engine.migration import (
    UNKNOWN_CHECKSUMS,
    AppliedMigration,
    History,
    InstallationSeen,
    JournalEntry,
    Kind,
    LoggedSuccess,
    MigrationId,
    Unfinished,
    repeatable_version,
)
from dashboard.engine.plan import Action, Target, TargetIdentity


def read(access: Access, *, scripts: bool = False, expected: TargetIdentity | None = None) -> Target:
    """Read a target's identity and history.

    Raises OtherDatabase, before any of the history is read, where it is not the expected database;
    TrackingTableUnusable; and for what the target refuses what `connection.naming_errors` does.
    """
    with connections.reading(access.address) as connection, connections.naming_errors(connection, access):
        identity = connections.identity(connection)
        if expected is not None and identity != expected:
            raise OtherDatabase(
                environment=access.address.name,
                variable=access.address.variable,
                change=expected.change_to(identity),
            )
        read_now = target(connection, access, identity, scripts=scripts)
        if access.dual_write is None and not _may_have_others(read_now.history):
            return read_now
        others = tool_tables.elsewhere(connection, tool_tables.declared(access))
        return replace(read_now, history=replace(read_now.history, elsewhere=others))


def _may_have_others(history: History) -> bool:
    """Nothing is recorded yet, or another tool had run some of it and may go on."""
    standing = [row for row in history.rows if row.success]
    return not standing or any(row.was_imported for row in standing)


def target(
    connection: Connection,
    access: Access,
    identity: TargetIdentity,
    *,
    scripts: bool = False,
    shape: TablesShape | None = None,
) -> Target:
    """`shape` is that of the tracking tables, where it is known."""
    return Target(
        environment=access.address.environment,
        name=access.address.name,
        identity=identity,
        policy=access.policy,
        dual_write=access.dual_write,
        history=of(TrackingTables(connection, access.schema), scripts=scripts, shape=shape),
    )


def protecting_elsewhere(access: Access) -> tuple[tuple[str, InstallationSeen], ...]:
    """Every Signalbox that asks for approvals in this database and keeps its log in another schema than ours, with that
    schema. Raises what `read` does."""
    with connections.reading(access.address) as connection, pinned(connection):
        schemas = connection.execute(sql.query("other_logs"), {"schema": access.schema}).fetchall()
        return tuple(
            (str(schema), installation)
            for (schema,) in schemas
            for installation in TrackingTables(connection, str(schema)).installations()
            if installation.protects
        )


def of(tables: TrackingTables, *, scripts: bool = False, shape: TablesShape | None = None) -> History:
    """What the tracking tables say; the texts of the migrations only with `scripts`. `shape` is that of the tables,
    where it is known. Raises TrackingTableUnusable for a table that is something else."""
    with pinned(tables.connection):
        shape = shape or tables.shape()
        rows = _rows(tables, shape, scripts=scripts) if shape.history else ()
        entries = _entries(tables, shape.log)
        return History(
            exists=bool(shape.history),
            rows=rows,
            rolled_back=_rolled_back(tables, shape.log),
            unfinished=_unfinished(tables, shape.log),
            contradicted=tuple(_contradicted(entries, rows)),
            last_deeds=_last_deeds(entries),
            installations=tables.installations(shape.log),
        )


def _rows(tables: TrackingTables, shape: TablesShape, *, scripts: bool) -> tuple[AppliedMigration, ...]:
    tables.check_shape(for_reading=True, shape=shape)
    tables.check_row_security()
    rows = tables.connection.execute(sql.query("read_history", tables.schema), {"scripts": scripts}).fetchall()
    return tuple(_applied(tables, row[0]) for row in rows)  # type: ignore[arg-type]


def _applied(tables: TrackingTables, row: Mapping[str, Any]) -> AppliedMigration:
    _check_row(tables, row)
    kind = Kind(row.get("kind") or Kind.APPLIED)
    key, name = row["version"].rstrip(" "), row["name"].rstrip(" ")  # char(n) fills up with blanks
    # A file that shares its number with others is kept under its whole name, because version is the key. Of rows that
    # something else has written the key is the version, whatever it looks like.
    is_ours = kind is Kind.SKIPPED or bool(row.get("run_id"))
    version = key.removesuffix(f"_{name}") if is_ours and key != repeatable_version(name) else key
    return AppliedMigration(
        version=version,
        name=name,
        key=key,
        applied_at=_moment(row.get("applied_at")),
        checksum=(row.get("checksum") or "").rstrip(" "),
        checksum_sql=row.get("checksum_sql") or "",
        execution_time_ms=row.get("execution_time_ms"),
        success=bool(row.get("success", True)),
        error_message=row.get("error_message"),
        kind=kind,
        applied_by=row.get("applied_by") or "",
        run_id=row.get("run_id") or "",
        attempt_id=row.get("attempt_id") or "",
        has_rollback=bool(row.get("has_rollback")),
        forward_script=row.get("forward_script"),
        rollback_script=row.get("rollback_script"),
    )


_FILL_IN = {
    "version": "fill in the number of the file that each is about",
    "name": "fill in the name of the file that each is about",
    "success": "find out whether what each is about stands in the database, then set success to true or false",
}


def _check_row(tables: TrackingTables, row: Mapping[str, Any]) -> None:
    """Nothing can be decided by a row that does not say which migration it is about, or whether it succeeded."""
    table = tables.history_table
    for column in ("version", "name", "success"):
        if row.get(column) is None:
            raise TrackingTableUnusable(
                table=table,
                reason=f"a row of it (version {row.get('version')}, name {row.get('name')}) has no {column}",
                remedy=f"Look at the rows of {table} WHERE {column} IS NULL, and {_FILL_IN[column]}. Delete none of "
                "them: each is the record of a migration that may have run. "
                f"Then ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL;",
            )
    if (kind := row.get("kind") or Kind.APPLIED) not in set(Kind):
        raise TrackingTableUnusable(
            table=table,
            reason=f"its row {row['version']} is of the kind {kind}, which Signalbox does not know",
            remedy=f"Where another tool keeps that column: ALTER TABLE {table} RENAME COLUMN kind TO kind_before;",
        )


def _moment(text: str | None) -> datetime | None:
    """None where no time was written down, and for a time that Python has no date for, such as infinity."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def _rolled_back(tables: TrackingTables, columns: Set[str]) -> frozenset[MigrationId]:
    if not {"id", "version", "name", "action", "outcome"} <= columns:
        return frozenset()
    rows = tables.connection.execute(sql.query("read_rolled_back", tables.schema)).fetchall()
    return frozenset(MigrationId(str(version), str(name)) for version, name in rows)


# What the log says, and the rows do not


#: By these a migration came to stand.
_APPLYING = frozenset({Action.APPLY, Action.MARK_APPLIED, Action.BASELINE, Action.IMPORT})
#: After the last of these a migration stands, or does not.
_LASTING = _APPLYING | {Action.SKIP, Action.RESTORE_RECORD, Action.ROLLBACK, Action.UNSKIP}
#: These say which text of it stands.
_TELLING = _APPLYING | {Action.ACCEPT, Action.ACCEPT_CHANGE, Action.RESTORE_RECORD}


type LogEntries = Mapping[MigrationId, Sequence[Mapping[str, Any]]]


def _entries(tables: TrackingTables, columns: Set[str]) -> LogEntries:
    """What the log says last of each migration, of each of its ends."""
    if not {"id", "version", "name", "action", "outcome"} <= columns:
        return {}
    entries: dict[MigrationId, list[Mapping[str, Any]]] = {}
    for (entry,) in tables.connection.execute(sql.query("read_successes", tables.schema)):
        said: Mapping[str, Any] = entry  # type: ignore[assignment]
        entries.setdefault(MigrationId(said["version"], said["name"]), []).append(said)
    return entries


def _last_deeds(entries: LogEntries) -> Mapping[MigrationId, int]:
    """The last entry about each that changed where it stands, by its number in the log."""
    done = {
        identity: [int(entry["id"]) for entry in said if entry["outcome"] == Outcome.SUCCEEDED]
        for identity, said in entries.items()
    }
    return {identity: max(ids) for identity, ids in done.items() if ids}


def _contradicted(entries: LogEntries, rows: Sequence[AppliedMigration]) -> Iterator[LoggedSuccess]:
    """History and log are written together, so where they disagree something else has changed one of them."""
    standing = {row.identity: row for row in rows if row.success}
    for identity, said_of_it in entries.items():
        success = _logged_success(identity, sorted(said_of_it, key=lambda said: int(said["id"])))
        if success is not None and _disagrees(standing.get(identity), success):
            yield success


def _logged_success(identity: MigrationId, entries: Sequence[Mapping[str, Any]]) -> LoggedSuccess | None:
    """None where the log says that the migration is not applied. `entries` are in the order of the log."""
    done = [entry for entry in entries if entry["outcome"] == Outcome.SUCCEEDED]
    last = next((entry for entry in reversed(done) if entry["action"] in _LASTING), None)
    if last is None or last["action"] in {Action.ROLLBACK, Action.UNSKIP}:
        return None
    was_skipped = last["action"] == Action.SKIP
    applied = next((entry for entry in reversed(done) if entry["action"] in _APPLYING), last)
    origin = last if was_skipped else applied
    text = next((entry for entry in reversed(done) if entry["action"] in _TELLING), last)
    return LoggedSuccess(
        version=identity.version,
        name=identity.name,
        at=_moment(origin.get("executed_at")),
        by=origin.get("executed_by") or "",
        run_id=origin.get("run_id") or "",
        checksum=text.get("checksum") or "",
        was_skipped=was_skipped,
        failed_since=any(
            entry["action"] == Action.APPLY and entry["id"] > last["id"]
            for entry in entries
            if entry["outcome"] != Outcome.SUCCEEDED
        ),
        was_changed=any(entry["action"] == Action.ACCEPT_CHANGE and entry["id"] > applied["id"] for entry in done),
    )


def _disagrees(row: AppliedMigration | None, success: LoggedSuccess) -> bool:
    if row is None:
        return True
    checksums = {row.checksum, success.checksum}
    return not success.was_skipped and len(checksums) > 1 and not checksums & UNKNOWN_CHECKSUMS


def _unfinished(tables: TrackingTables, columns: Set[str]) -> tuple[Unfinished, ...]:
    if not {"id", "version", "name", "action", "outcome", "statement", "message"} <= columns:
        return ()
    journals: dict[tuple[MigrationId, str], list[JournalEntry]] = {}
    rows = tables.connection.execute(sql.query("read_unfinished", tables.schema))
    for version, name, action, number, outcome, digest in rows:
        entry = JournalEntry(statement=int(str(number)), checksum=str(digest), done=outcome == StatementOutcome.DONE)
        journals.setdefault((MigrationId(str(version), str(name)), str(action)), []).append(entry)
    return tuple(
        Unfinished(version=version, name=name, action=action, entries=tuple(entries))
        for ((version, name), action), entries in journals.items()
    )
