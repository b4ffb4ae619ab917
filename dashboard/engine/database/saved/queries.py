"""The parts of queries about a copy and the table that it was made from.

In all of them `kept` is a row of the copy, and `here` a row of the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from psycopg import sql as composing
from psycopg.sql import SQL, Composed, Identifier

from dashboard.engine.database import tables
from dashboard.engine.database.connection import Connection
from dashboard.engine.database.saved.values import SCHEMA
from dashboard.engine.database.tables import TableColumn
from dashboard.engine.plan import Copy


def filled_columns(connection: Connection, copy: Copy) -> list[TableColumn]:
    """The columns of the table that the copy has values for."""
    copied = columns_of_copy(connection, copy)
    return [c for c in tables.columns(connection, copy.schema, copy.table) if c.name in copied and not c.is_computed]


def columns_of_copy(connection: Connection, copy: Copy) -> set[str]:
    return {column.name for column in tables.columns(connection, SCHEMA, copy.saved)}


def is_text_in_copy(column: TableColumn) -> bool:
    return not column.is_builtin or column.is_reference


def own_rows(connection: Connection, copy: Copy) -> Composed:
    """The table without the tables that inherit from it: those have copies of their own."""
    for oid in tables.named(connection, copy.schema, copy.table):
        if relation := tables.facts(connection, oid):
            return relation.own
    return SQL("{}").format(table_name(copy))


def table_name(copy: Copy) -> Identifier:
    return Identifier(copy.schema, copy.table)


def saved_value(column: TableColumn) -> Composed:
    return SQL("kept.{}::{}").format(column.identifier, SQL(column.type))


def same_row(copy: Copy, columns: Sequence[TableColumn]) -> Composed:
    keys = [c for c in columns if c.name in copy.key]
    return SQL(" AND ").join(SQL("here.{} = {}").format(c.identifier, saved_value(c)) for c in keys)


def comma_separated(parts: Iterable[composing.Composable]) -> Composed:
    return SQL(", ").join(parts)


def any_of(parts: Sequence[composing.Composable]) -> Composed:
    return SQL("({})").format(SQL(" OR ").join(parts)) if parts else SQL("{}").format(SQL("false"))


def one_value(connection: Connection, query: Any) -> Any:
    row = cast(tuple[Any, ...] | None, connection.execute(query).fetchone())
    return row[0] if row else None


@contextmanager
def set_locally(connection: Connection, setting: str, value: str) -> Iterator[None]:
    """Set it, and set it back afterwards. What fails in between ends the transaction, and the setting with it."""
    before = one_value(connection, SQL("SELECT pg_catalog.current_setting({})").format(setting))
    query = "SELECT pg_catalog.set_config(%s, %s, true)"
    connection.execute(query, (setting, value))
    yield
    connection.execute(query, (setting, before))
