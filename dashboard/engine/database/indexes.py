"""Invalid indexes: what a failed CREATE INDEX CONCURRENTLY leaves behind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dashboard.engine.database import sql
from dashboard.engine.database.connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    oid: int
    name: str
    qualified: str  # schema and name, quoted where they need it


def invalid(connection: Connection, table: str) -> frozenset[Index]:
    """The invalid indexes of a table that nobody is building just now. `table` as it would stand in SQL."""
    rows = connection.execute(sql.query("invalid_indexes"), {"table": table}).fetchall()
    return frozenset(Index(oid=int(str(o)), name=str(n), qualified=str(q)) for o, n, q in rows)


def named(indexes: Iterable[Index], name: str) -> Index | None:
    return next((index for index in indexes if name and index.name == name), None)


def beside(connection: Connection, table: str, name: str) -> str:
    """The qualified name of an index: it lives in the schema of its table."""
    row = connection.execute(sql.query("index_beside"), {"table": table, "name": name}).fetchone()
    return str(row[0]) if row else name


def is_valid(connection: Connection, qualified: str) -> bool | None:
    """None where there is no such index."""
    row = connection.execute(sql.query("index_state"), {"index": qualified}).fetchone()
    return bool(row[0]) if row else None
