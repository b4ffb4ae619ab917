"""Whether a copy can be put back: what the catalog says, and then the saved values themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from dashboard.engine.database import tables
from dashboard.engine.database.connection import Connection
from dashboard.engine.database.saved.queries import (
    any_of,
    columns_of_copy,
    filled_columns,
    is_text_in_copy,
    one_value,
    own_rows,
    saved_value,
)
from dashboard.engine.database.saved.values import SCHEMA
from dashboard.engine.database.tables import TableColumn
from dashboard.engine.plan import Copy
from dashboard.engine.sql.type_changes import keeps_values


def obstacle(connection: Connection, copy: Copy) -> str:
    """Why a copy cannot be put back now; empty where it can, as far as the catalog tells. `misfit` looks at the
    values."""
    copied = {column.name: column for column in tables.columns(connection, SCHEMA, copy.saved)}
    columns = {column.name: column for column in tables.columns(connection, copy.schema, copy.table)}
    place = f"{copy.schema}.{copy.table}"
    if not copied:
        return "the copy is not there any more"
    if reason := _renamed(connection, copy, list(copied)):
        return reason
    if not columns:
        return f"there is no table {place} now"
    if missing := [name for name in copied if name not in columns]:
        return f"{place} has no column {', '.join(missing)} now"
    if copy.columns and not copy.key:
        return f"no primary key of {place} stayed as it was, so nothing tells which value belongs to which row"
    return _changed(place, copied, columns) or _rekeyed(connection, copy) or _refuses_rows(connection, copy, columns)


def misfit(connection: Connection, copy: Copy) -> str:
    """Why some saved values would not be the same in their old place. Reads the copy; only for one without an
    obstacle."""
    for column in filled_columns(connection, copy):
        conditions = list(_unfitting(copy, column))
        if not conditions:
            continue
        query = SQL("SELECT pg_catalog.count(*) FROM {} kept WHERE {}").format(
            Identifier(SCHEMA, copy.saved), any_of(conditions)
        )
        place = f"{copy.schema}.{copy.table}.{column.name}"
        try:
            with connection.transaction():
                values = int(one_value(connection, query))
        except (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError) as error:
            return f"{place} does not take every saved value now ({error.diag.message_primary})"
        if values:
            return f"{place} does not take {values:,} of the saved values as they are"
    return ""


def _renamed(connection: Connection, copy: Copy, copied: Sequence[str]) -> str:
    """Since then a name can have come to mean another table or column."""
    if copy.planned_as:
        return f"it was {copy.planned_as} until its run renamed it, so where it belongs now is not known"
    relation = tables.facts(connection, copy.oid) if copy.oid else None
    if relation is None:
        return ""
    if (relation.schema, relation.name) != (copy.schema, copy.table):
        return f"the table it was saved from is called {relation.schema}.{relation.name} now"
    names = {column.number: column.name for column in tables.columns(connection, relation.schema, relation.name)}
    for number, name in zip(copy.numbers, copied, strict=False):
        if names.get(number, name) != name:
            return f"the column {name} that it was saved from is called {names[number]} now"
        if number not in names and name in copy.key:
            return f"the column {name} of its primary key was made anew"
    return ""


def _changed(place: str, copied: Mapping[str, TableColumn], columns: Mapping[str, TableColumn]) -> str:
    """A cast into another type cuts and rounds without an error."""
    for name, was in copied.items():
        now = columns[name]
        if now.is_computed:
            return f"{place}.{name} is computed now"
        wider = keeps_values(was.column_type, now.column_type)
        if was.type != "text" if is_text_in_copy(now) else was.type != now.type and not wider:
            return f"{place}.{name} is {now.type} now, and was {was.type}"
    return ""


def _rekeyed(connection: Connection, copy: Copy) -> str:
    keys = [r.key for oid in tables.named(connection, copy.schema, copy.table) if (r := tables.facts(connection, oid))]
    if copy.key and not any(set(key) == set(copy.key) for key in keys):
        return f"the primary key of {copy.schema}.{copy.table} is not ({', '.join(copy.key)}) now"
    return ""


def _refuses_rows(connection: Connection, copy: Copy, columns: Mapping[str, TableColumn]) -> str:
    if copy.columns:
        return ""
    place, copied = f"{copy.schema}.{copy.table}", columns_of_copy(connection, copy)
    if needed := [c.name for c in columns.values() if c.needs_value and not c.is_computed and c.name not in copied]:
        return f"{place} has a new column {', '.join(needed)} that needs a value in every row"
    if not copy.key and one_value(connection, SQL("SELECT EXISTS (SELECT FROM {})").format(own_rows(connection, copy))):
        return f"{place} has no primary key and is not empty, so rows could come back twice"
    return ""


def _unfitting(copy: Copy, column: TableColumn) -> Iterator[Composed]:
    """Conditions that a value meets which its column would refuse or change."""
    if column.refuses_null and (copy.with_nulls or not copy.columns):
        yield SQL("kept.{} IS NULL").format(column.identifier)
    if column.is_reference:  # an object has several names; the cast fails where there is none
        yield SQL("kept.{} IS NOT NULL AND {} IS NULL").format(column.identifier, saved_value(column))
    elif is_text_in_copy(column):
        yield SQL("{}::pg_catalog.text IS DISTINCT FROM kept.{}").format(saved_value(column), column.identifier)
