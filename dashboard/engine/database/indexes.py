"""Invalid indexes: what a failed CREATE INDEX CONCURRENTLY leaves behind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from dashboard.engine.database import sql
from dashboard.engine.database.connection import Connection
from dashboard.engine.database.tables import written_as
from dashboard.engine.sql.indexes import IndexBuild, is_as_asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    oid: int
    name: str
    qualified: str  # schema and name, quoted where they need it


class Built(StrEnum):
    """What is there where a statement was to build an index."""

    AS_ASKED = "as asked"  # valid, on the table and as the statement says
    NOT_THERE = "not there"  # no such index, or another one of its name
    INVALID = "invalid"
    NOT_KNOWN = "not known"  # a valid one, and whether it is the one that was asked for does not show


def built(connection: Connection, build: IndexBuild) -> Built:
    """The name proves nothing: an older index of that name may be why the statement failed."""
    if not build.name:
        return Built.NOT_KNOWN
    values = {"table": written_as(connection, build.table), "name": build.name}
    row = connection.execute(sql.query("index_built"), values).fetchone()
    if row is None:
        return Built.NOT_THERE
    is_valid, is_of_table, number = row
    if not is_of_table:
        return Built.NOT_THERE
    if not is_valid:
        return Built.INVALID
    # Names in it are written as this session has to write them, like those of the statement.
    definition = connection.execute("SELECT pg_catalog.pg_get_indexdef(%s)", (number,)).fetchone()
    if not definition or not definition[0]:
        return Built.NOT_KNOWN
    is_same = is_as_asked(build.sql, str(definition[0]))
    return {True: Built.AS_ASKED, False: Built.NOT_THERE, None: Built.NOT_KNOWN}[is_same]


def invalid(connection: Connection, table: str) -> frozenset[Index]:
    """The invalid indexes of a table that nobody is building at the moment. `table` is written as in SQL."""
    rows = connection.execute(sql.query("invalid_indexes"), {"table": written_as(connection, table)}).fetchall()
    return frozenset(Index(oid=int(str(o)), name=str(n), qualified=str(q)) for o, n, q in rows)


def named(indexes: Iterable[Index], name: str) -> Index | None:
    return next((index for index in indexes if name and index.name == name), None)


def beside(connection: Connection, table: str, name: str) -> str:
    """The qualified name of an index: it lives in the schema of its table."""
    values = {"table": written_as(connection, table), "name": name}
    row = connection.execute(sql.query("index_beside"), values).fetchone()
    return str(row[0]) if row else name


def is_valid(connection: Connection, qualified: str) -> bool | None:
    """None where there is no such index."""
    row = connection.execute(sql.query("index_state"), {"index": written_as(connection, qualified)}).fetchone()
    return bool(row[0]) if row else None
