"""The schema of the copies, and the table in it that says what each of them is."""

from __future__ import annotations

from typing import Any

from psycopg.sql import SQL

from dashboard.engine.database import sql, tables
from dashboard.engine.database.connection import Connection
from dashboard.engine.database.saved.queries import one_value
from dashboard.engine.database.saved.values import SCHEMA, Save
from dashboard.engine.plan import Copy


def read(connection: Connection) -> tuple[Save, ...]:
    """The register, newest first; empty where nothing was ever saved."""
    if not one_value(connection, sql.query("saved_schema_exists")):
        return ()
    return tuple(_from_register(row) for row in connection.execute(sql.query("read_saves")).fetchall())


def prepare(connection: Connection) -> None:
    if one_value(connection, sql.query("saved_schema_exists")):
        extend(connection)
        return
    for name in ("create_saved_schema", "comment_saved_schema", "create_saves"):
        connection.execute(sql.query(name))
    close_to_others(connection, "SCHEMA", SCHEMA)
    close_to_others(connection, "TABLE", f"{SCHEMA}.saves")


def extend(connection: Connection) -> None:
    """Add columns that an older version did not make. Only where some are missing, because readers of the register have
    to wait for it."""
    columns = {column.name for column in tables.columns(connection, SCHEMA, "saves")}
    if not columns >= {"brought_back_left", "attempt_id", "planned_as"}:
        connection.execute(sql.query("extend_saves"))


def close_to_others(connection: Connection, kind: str, name: str) -> None:
    for (revoke,) in connection.execute(sql.query("revoke_from_everyone"), {"kind": kind, "name": name}).fetchall():
        connection.execute(SQL(str(revoke)))


def _from_register(row: tuple[Any, ...]) -> Save:
    saved, schema, table, columns, key, rows, action, version, name, run_id, attempt_id, by, at, *more = row
    *back, left, oid, numbers, with_nulls, planned_as, exists = more
    return Save(
        copy=Copy(
            schema=schema,
            table=table,
            columns=tuple(columns),
            key=tuple(key),
            saved=saved,
            oid=oid,
            numbers=tuple(numbers),
            with_nulls=with_nulls,
            planned_as=planned_as,
        ),
        rows=rows,
        action=action,
        version=version,
        name=name,
        run_id=run_id,
        attempt_id=attempt_id,
        by=by,
        at=at,
        brought_back_at=back[0],
        brought_back_by=back[1],
        brought_back_in=back[2],
        exists=exists,
        left=left or 0,
    )
