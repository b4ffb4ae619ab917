"""Rows kept in the schema `signalbox_saved` before they are destroyed, and put back from there.

A copy depends on nothing of the project: a type or collation of its own becomes text, or the migration could not drop
it. Nobody but the role of Signalbox may read a copy. Copies are never dropped by Signalbox.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from psycopg import sql as composing
from psycopg.sql import SQL, Composed, Identifier

from dashboard.engine.database import sql, tables
from dashboard.engine.database.connection import Connection
from dashboard.engine.database.tables import TableColumn
from dashboard.engine.database.tracking import Attempt
from dashboard.engine.errors import PlanBlocked
from dashboard.engine.plan import Action, Copy, Step

SCHEMA = "signalbox_saved"
#: PostgreSQL cuts longer names, in bytes.
LONGEST_NAME = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Save:
    """One line of the register."""

    copy: Copy
    rows: int
    action: str  # what destroyed them: apply or rollback
    version: str
    name: str
    run_id: str
    by: str
    at: datetime
    brought_back_at: datetime | None
    brought_back_by: str | None
    brought_back_in: str | None
    exists: bool  # the copy has not been dropped by hand

    @property
    def label(self) -> str:
        return f"{self.version}_{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """Rows that were saved, or brought back: then `gone` had no row to return to, and `kept` hold something newer."""

    what: str  # platform.users (plan)
    saved: str  # the table in signalbox_saved
    rows: int  # of copied columns that were brought back: values
    columns: tuple[str, ...] = ()  # those that were copied; empty: whole rows
    gone: int = 0
    kept: int = 0


def work(connection: Connection, step: Step, attempt: Attempt) -> tuple[Copied, ...]:
    """Copy what the step destroys, or bring back what it names. Inside a transaction of the caller's.

    Raises PlanBlocked, naming the copy, where rows no longer fit; then nothing must be committed.
    """
    before = _one(connection, "SELECT pg_catalog.current_setting('row_security')")
    connection.execute("SET LOCAL row_security = off")  # a part of the rows would pass for all of them
    if step.action is Action.BRING_BACK:
        copied = tuple(_bring_back(connection, step, copy, attempt) for copy in _parents_first(connection, step.copies))
    else:
        _prepare(connection)
        copied = tuple(_save(connection, step, copy, attempt) for copy in step.copies)
    connection.execute("SELECT pg_catalog.set_config('row_security', %s, true)", (before,))
    return copied


def read(connection: Connection) -> tuple[Save, ...]:
    """The register, newest first; empty where nothing was ever saved."""
    if not _one(connection, sql.query("saved_schema_exists")):
        return ()
    return tuple(_from_register(row) for row in connection.execute(sql.query("read_saves")).fetchall())


def obstacle(connection: Connection, copy: Copy) -> str:
    """Why a copy cannot be put back as things stand; empty where it can."""
    copied = _columns_of_copy(connection, copy)
    columns = {column.name: column for column in tables.columns(connection, copy.schema, copy.table)}
    place = f"{copy.schema}.{copy.table}"
    if not copied:
        return "the copy is not there any more"
    if not columns:
        return f"there is no table {place} now"
    if missing := [name for name in copied if name not in columns]:
        return f"{place} has no column {', '.join(missing)} now"
    if copy.columns and not copy.key:
        return f"{place} has no primary key, so nothing tells which value belongs to which row"
    if copy.columns:
        return ""
    if needed := [c.name for c in columns.values() if c.needs_value and not c.is_computed and c.name not in copied]:
        return f"{place} has a new column {', '.join(needed)} that needs a value in every row"
    if not copy.key and _one(connection, SQL("SELECT EXISTS (SELECT FROM {})").format(_place(copy))):
        return f"{place} has no primary key and is not empty, so rows could come back twice"
    return ""


# Saving


def _prepare(connection: Connection) -> None:
    if _one(connection, sql.query("saved_schema_exists")):
        return
    for name in ("create_saved_schema", "comment_saved_schema", "create_saves"):
        connection.execute(sql.query(name))
    _close_to_others(connection, "SCHEMA", SCHEMA)
    _close_to_others(connection, "TABLE", f"{SCHEMA}.saves")


def _save(connection: Connection, step: Step, copy: Copy, attempt: Attempt) -> Copied:
    number = int(_one(connection, sql.query("next_save")))
    name = _name(number, step, copy, attempt)
    saved = Identifier(SCHEMA, name)
    # Nobody writes between the copy and what destroys the rows; readers go on.
    connection.execute(SQL("LOCK TABLE {} IN SHARE MODE").format(_place(copy)))
    columns = [c for c in tables.columns(connection, copy.schema, copy.table) if _is_kept(c, copy)]
    query = SQL("CREATE TABLE {} AS SELECT {} FROM {}").format(saved, _list(map(_as_kept, columns)), _place(copy))
    if copy.columns:
        query += SQL(" WHERE {}").format(
            SQL(" OR ").join(SQL("{} IS NOT NULL").format(Identifier(c)) for c in copy.columns)
        )
    rows = connection.execute(query).rowcount
    connection.execute(SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(saved))
    _close_to_others(connection, "TABLE", saved.as_string(connection))
    values = {
        "id": number,
        "saved": name,
        "schema": copy.schema,
        "table": copy.table,
        "columns": list(copy.columns),
        "key": list(copy.key),
        "rows": rows,
        "action": step.action.value,
        "version": step.version,
        "name": step.name,
        "run_id": attempt.run_id,
        "by": attempt.by,
    }
    connection.execute(sql.query("register_save"), values)
    return Copied(what=copy.label, saved=f"{SCHEMA}.{name}", rows=rows, columns=copy.columns)


def _is_kept(column: TableColumn, copy: Copy) -> bool:
    """The key and the columns that go; without a key whole rows, for whoever puts them back by hand."""
    everything = not copy.columns or not copy.key
    return not column.is_computed and (everything or column.name in {*copy.key, *copy.columns})


def _as_kept(column: TableColumn) -> Composed:
    kept = "{0}" if column.is_builtin else '{0}::pg_catalog.text COLLATE pg_catalog."default" AS {0}'
    return SQL(kept).format(column.identifier)


def _name(number: int, step: Step, copy: Copy, attempt: Attempt) -> str:
    """run42_008_users_7: found by people, and never twice."""
    tail = f"_{number}"
    whole = f"run{attempt.run_id}_{step.version}_{copy.table}".encode()
    return whole[: LONGEST_NAME - len(tail)].decode(errors="ignore") + tail


def _close_to_others(connection: Connection, kind: str, name: str) -> None:
    for (revoke,) in connection.execute(sql.query("revoke_from_everyone"), {"kind": kind, "name": name}).fetchall():
        connection.execute(SQL(str(revoke)))


# Bringing back


def _bring_back(connection: Connection, step: Step, copy: Copy, attempt: Attempt) -> Copied:
    if tables.named(connection, copy.schema, copy.table):
        connection.execute(SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(_place(copy)))
    if reason := obstacle(connection, copy):
        raise PlanBlocked(
            version=step.label,
            reason=f"{reason}.",
            state_now="No row of it was brought back.",
            remedy=f"The rows are in {SCHEMA}.{copy.saved}: put them back by hand.",
        )
    fill = _fill_columns if copy.columns else _insert_rows
    copied = fill(connection, copy)
    connection.execute(
        sql.query("mark_brought_back"), {"saved": copy.saved, "by": attempt.by, "run_id": attempt.run_id}
    )
    return copied


def _insert_rows(connection: Connection, copy: Copy) -> Copied:
    columns = _filled(connection, copy)
    absent = SQL("NOT EXISTS (SELECT FROM {} here WHERE {})").format(_place(copy), _same_row(copy, columns))
    query = SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {} kept WHERE {}").format(
        _place(copy),
        _list(c.identifier for c in columns),
        _list(map(_value, columns)),
        Identifier(SCHEMA, copy.saved),
        absent if copy.key else SQL("true"),
    )
    rows = connection.execute(query).rowcount
    _move_sequences(connection, copy, columns)
    saved = int(_one(connection, SQL("SELECT pg_catalog.count(*) FROM {}").format(Identifier(SCHEMA, copy.saved))))
    return Copied(what=copy.label, saved=f"{SCHEMA}.{copy.saved}", rows=rows, kept=saved - rows)


def _fill_columns(connection: Connection, copy: Copy) -> Copied:
    """Row by row and column by column, where nobody has written anything since."""
    columns = _filled(connection, copy)
    same = _same_row(copy, columns)
    place, saved = _place(copy), Identifier(SCHEMA, copy.saved)
    gone = int(
        _one(
            connection,
            SQL("SELECT pg_catalog.count(*) FROM {} kept WHERE NOT EXISTS (SELECT FROM {} here WHERE {})").format(
                saved, place, same
            ),
        )
    )
    kept = rows = 0
    for column in (c for c in columns if c.name in copy.columns):
        values = {"place": place, "saved": saved, "same": same, "column": column.identifier, "value": _value(column)}
        untouched = _is_untouched(column)
        other = SQL(
            "SELECT pg_catalog.count(*) FROM {place} here, {saved} kept WHERE {same} AND kept.{column} IS NOT NULL "
            "AND NOT {untouched} AND here.{column}::text IS DISTINCT FROM kept.{column}::text"
        ).format(**values, untouched=untouched)
        kept += int(_one(connection, other))
        update = SQL(
            "UPDATE {place} here SET {column} = {value} FROM {saved} kept WHERE {same} AND kept.{column} IS NOT NULL "
            "AND {untouched} AND here.{column}::text IS DISTINCT FROM kept.{column}::text"
        ).format(**values, untouched=untouched)
        rows += connection.execute(update).rowcount
    _move_sequences(connection, copy, columns)
    return Copied(
        what=copy.label, saved=f"{SCHEMA}.{copy.saved}", rows=rows, columns=copy.columns, gone=gone, kept=kept
    )


def _filled(connection: Connection, copy: Copy) -> list[TableColumn]:
    copied = _columns_of_copy(connection, copy)
    return [c for c in tables.columns(connection, copy.schema, copy.table) if c.name in copied and not c.is_computed]


def _columns_of_copy(connection: Connection, copy: Copy) -> set[str]:
    return {column.name for column in tables.columns(connection, SCHEMA, copy.saved)}


def _value(column: TableColumn) -> Composed:
    return SQL("kept.{}::{}").format(column.identifier, SQL(column.type))


def _same_row(copy: Copy, columns: Sequence[TableColumn]) -> Composed:
    keys = [c for c in columns if c.name in copy.key]
    return SQL(" AND ").join(SQL("here.{} = {}").format(c.identifier, _value(c)) for c in keys)


def _is_untouched(column: TableColumn) -> Composed:
    """Empty, or what the column was added with: that nobody wrote, as far as can be told."""
    empty = SQL("here.{} IS NULL").format(column.identifier)
    if column.constant is None:
        return SQL("({})").format(empty)
    default = SQL("here.{0}::text IS NOT DISTINCT FROM (({1})::{2})::text").format(
        column.identifier, SQL(column.constant), SQL(column.type)
    )
    return SQL("({} OR {})").format(empty, default)


def _move_sequences(connection: Connection, copy: Copy, columns: Iterable[TableColumn]) -> None:
    """Past what came back, or the next insert would collide with it."""
    for column in columns:
        if column.sequence:
            query = SQL(
                "SELECT pg_catalog.setval({}, highest) FROM (SELECT max({}) AS highest FROM {}) m "
                "WHERE highest >= (SELECT last_value FROM {})"
            ).format(composing.Literal(column.sequence), column.identifier, _place(copy), SQL(column.sequence))
            connection.execute(query)


def _parents_first(connection: Connection, copies: Sequence[Copy]) -> list[Copy]:
    """Rows that refer to others come back after those."""
    oids = {copy: next(iter(tables.named(connection, copy.schema, copy.table)), None) for copy in copies}
    existing = [oid for oid in oids.values() if oid is not None]
    references = connection.execute(sql.query("refers_to"), {"tables": existing}).fetchall()
    ordered: list[Copy] = []
    while rest := [copy for copy in copies if copy not in ordered]:
        waiting = {oids[copy] for copy in rest}
        held_up = {child for child, parent in references if parent in waiting}
        ordered += [copy for copy in rest if oids[copy] not in held_up] or rest  # a circle has no right order
    return ordered


def _place(copy: Copy) -> Identifier:
    return Identifier(copy.schema, copy.table)


def _list(parts: Iterable[composing.Composable]) -> Composed:
    return SQL(", ").join(parts)


def _one(connection: Connection, query: Any) -> Any:
    row = cast(tuple[Any, ...] | None, connection.execute(query).fetchone())
    return row[0] if row else None


def _from_register(row: tuple[Any, ...]) -> Save:
    saved, schema, table, columns, key, rows, action, version, name, run_id, by, at, *back, exists = row
    return Save(
        copy=Copy(schema=schema, table=table, columns=tuple(columns), key=tuple(key), saved=saved),
        rows=rows,
        action=action,
        version=version,
        name=name,
        run_id=run_id,
        by=by,
        at=at,
        brought_back_at=back[0],
        brought_back_by=back[1],
        brought_back_in=back[2],
        exists=exists,
    )
