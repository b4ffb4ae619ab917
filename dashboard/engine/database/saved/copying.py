"""Rows are copied before a step destroys them."""

from __future__ import annotations

from dataclasses import replace

from psycopg.sql import SQL, Composed, Identifier

from dashboard.engine.database import sql, tables
from dashboard.engine.database.connection import Connection
from dashboard.engine.database.saved.queries import (
    comma_separated,
    is_text_in_copy,
    one_value,
    own_rows,
    set_locally,
    table_name,
)
from dashboard.engine.database.saved.register import close_to_others
from dashboard.engine.database.saved.values import SCHEMA, Copied
from dashboard.engine.database.tables import TableColumn
from dashboard.engine.database.tracking import Attempt
from dashboard.engine.errors import PlanBlocked
from dashboard.engine.plan import Copy, Step

#: PostgreSQL cuts longer names, in bytes.
LONGEST_NAME = 63


def save(connection: Connection, step: Step, copy: Copy, attempt: Attempt) -> Copied:
    copy = _locked(connection, step, copy)
    number = int(one_value(connection, sql.query("next_save")))
    name = _name(number, step, copy, attempt)
    saved = Identifier(SCHEMA, name)
    columns = [c for c in tables.columns(connection, copy.schema, copy.table) if _is_kept(c, copy)]
    query = SQL("CREATE TABLE {} AS SELECT {} FROM {}").format(
        saved, comma_separated(map(_as_kept, columns)), own_rows(connection, copy)
    )
    if copy.columns and not copy.with_nulls:
        query += SQL(" WHERE {}").format(
            SQL(" OR ").join(SQL("{} IS NOT NULL").format(Identifier(c)) for c in copy.columns)
        )
    with set_locally(connection, "search_path", ""):  # text names an object with its schema, wherever it is read
        rows = connection.execute(query).rowcount
    connection.execute(SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(saved))
    close_to_others(connection, "TABLE", saved.as_string(connection))
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
        "attempt_id": attempt.attempt_id,
        "by": attempt.by,
        "oid": next(iter(tables.named(connection, copy.schema, copy.table)), 0),
        "numbers": [column.number for column in columns],
        "with_nulls": copy.with_nulls,
        "planned_as": copy.planned_as,
    }
    connection.execute(sql.query("register_save"), values)
    return Copied(what=copy.label, saved=f"{SCHEMA}.{name}", rows=rows, columns=copy.columns)


def _locked(connection: Connection, step: Step, copy: Copy) -> Copy:
    """The copy under the names of now, with its table locked: nobody writes between the copy and the step that destroys
    the rows, and readers go on. Raises PlanBlocked where what would be lost is not there."""
    present = _as_called_now(connection, copy)
    if present is not None:
        connection.execute(SQL("LOCK TABLE {} IN SHARE MODE").format(table_name(present)))
    if present is None or _as_called_now(connection, copy) != present:
        raise PlanBlocked(
            version=step.label,
            reason=f"{copy.label} was counted to be saved first, and is not there any more as it was then.",
            state_now="None of its statements was sent.",
            remedy="Look what has become of it, and make the plan again.",
        )
    return present


def _as_called_now(connection: Connection, copy: Copy) -> Copy | None:
    """None where the table, or a column that loses its values, is not there. Whole rows can be copied without their
    key."""
    if not copy.oid:
        return copy
    relation = tables.facts(connection, copy.oid)
    if relation is None:
        return None
    names = {column.number: column.name for column in tables.columns(connection, relation.schema, relation.name)}
    count = len(copy.columns)
    columns, key = ([names.get(n) for n in part] for part in (copy.numbers[:count], copy.numbers[count:]))
    if None in columns:
        return None
    now = replace(
        copy,
        schema=relation.schema,
        table=relation.name,
        columns=tuple(filter(None, columns)),
        key=() if None in key else tuple(filter(None, key)),
    )
    return replace(now, planned_as=copy.label if copy.label != now.label else "")


def _is_kept(column: TableColumn, copy: Copy) -> bool:
    """The key and the columns that go; without a key whole rows, so that somebody can put them back by hand."""
    everything = not copy.columns or not copy.key
    return not column.is_computed and (everything or column.name in {*copy.key, *copy.columns})


def _as_kept(column: TableColumn) -> Composed:
    kept = '{0}::pg_catalog.text COLLATE pg_catalog."default" AS {0}' if is_text_in_copy(column) else "{0}"
    return SQL(kept).format(column.identifier)


def _name(number: int, step: Step, copy: Copy, attempt: Attempt) -> str:
    """run42_008_users_7: people can find it, and it never repeats."""
    tail = f"_{number}"
    whole = f"run{attempt.run_id}_{step.version}_{copy.table}".encode()
    return whole[: LONGEST_NAME - len(tail)].decode(errors="ignore") + tail
