"""Tables of a target as its catalog tells them: their facts and their columns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from psycopg import sql as composing

from dashboard.engine.database import sql
from dashboard.engine.database.connection import Connection
from dashboard.engine.sql.trees import ColumnType, Name


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    oid: int
    schema: str
    name: str
    qualified: str  # both, quoted where they need it
    kind: str  # as in pg_class: r, p, m, v or f
    estimate: int  # rows; -1 where the server never counted
    size: int  # bytes, indexes too
    key: tuple[str, ...]  # columns of the primary key
    is_partition: bool  # its rows are those of its parent
    ancestors: frozenset[int]  # it is a partition or a child of these

    @property
    def identifier(self) -> composing.Identifier:
        return composing.Identifier(self.schema, self.name)

    @property
    def own(self) -> composing.Composed:
        """Where its own rows are read: for a table without those of its children."""
        return composing.SQL("ONLY {}" if self.kind == "r" else "{}").format(self.identifier)

    @property
    def is_window(self) -> bool:
        """It shows rows that are kept elsewhere: a view, a foreign table. To drop it loses none of them."""
        return self.kind in {"v", "f"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableColumn:
    name: str
    type: str  # as SQL writes it: character varying(20)
    type_name: str  # as the catalog calls it: varchar
    is_builtin: bool  # type and collation are PostgreSQL's own
    constant: str | None  # the default, as SQL, where it is the same for every row
    needs_value: bool
    is_computed: bool
    sequence: str | None
    number: int  # in pg_attribute: a rename keeps it
    refuses_null: bool
    is_always_identity: bool  # takes only what its sequence says

    @property
    def identifier(self) -> composing.Identifier:
        return composing.Identifier(self.name)

    @property
    def is_reference(self) -> bool:
        """regclass and its like: the number of an object, which changes when the object is made anew."""
        return self.is_builtin and self.type_name.removeprefix("_").startswith("reg")

    @property
    def column_type(self) -> ColumnType:
        numbers = re.search(r"\(([\d,]+)\)", self.type)
        return ColumnType(
            name=self.type_name.removeprefix("_"),
            numbers=tuple(int(n) for n in numbers[1].split(",")) if numbers else (),
            is_array=self.type_name.startswith("_"),
        )


def named(connection: Connection, schema: str, name: str) -> list[int]:
    """The oid of a table or materialized view; several where the search path would decide and is not known."""
    return oids(connection, "relation_named", schema=schema, name=name)


def written_as(connection: Connection, name: str) -> int | None:
    """The oid of the relation that a statement of this session would find under a name; None where there is none. The
    query calls one function and nothing else, because the search path that decides is the session's and not ours."""
    row = connection.execute("SELECT pg_catalog.to_regclass(%s)::pg_catalog.oid", (name,)).fetchone()
    return None if row is None or row[0] is None else int(str(row[0]))


def oids(connection: Connection, query: str, **values: object) -> list[int]:
    """The oids that one of the queries for tables returns."""
    return [int(str(row[0])) for row in connection.execute(sql.query(query), values)]


def facts(connection: Connection, oid: int) -> Relation | None:
    row = connection.execute(sql.query("relation_facts"), {"oid": oid}).fetchone()
    if row is None:
        return None
    values: tuple[Any, ...] = row
    schema, name, qualified, kind, estimate, size, key, is_partition, ancestors = values
    return Relation(
        oid=oid,
        schema=schema,
        name=name,
        qualified=qualified,
        kind=kind,
        estimate=estimate,
        size=size,
        key=tuple(key),
        is_partition=is_partition,
        ancestors=frozenset(ancestors),
    )


def columns(connection: Connection, schema: str, table: str) -> tuple[TableColumn, ...]:
    """In order; none where there is no such table."""
    rows = connection.execute(sql.query("table_columns"), {"schema": schema, "table": table})
    return tuple(_column(row) for row in rows)


def _column(row: tuple[Any, ...]) -> TableColumn:
    name, written, type_name, builtin, constant, needs_value, computed, sequence, number, refuses_null, always = row
    return TableColumn(
        name=str(name),
        type=str(written),
        type_name=str(type_name),
        is_builtin=bool(builtin),
        constant=None if constant is None else str(constant),
        needs_value=bool(needs_value),
        is_computed=bool(computed),
        sequence=None if sequence is None else str(sequence),
        number=int(str(number)),
        refuses_null=bool(refuses_null),
        is_always_identity=bool(always),
    )


def absent(connection: Connection, names: Iterable[Name]) -> set[Name]:
    """Those of these tables and views that are not there. A name without its schema may be in any."""
    asked = set(names)
    rows = connection.execute(sql.query("relations_called"), {"names": sorted({name.text for name in asked})})
    there = {Name(str(schema), str(text)) for schema, text in rows}
    texts = {name.text for name in there}
    return {name for name in asked if (name not in there if name.schema else name.text not in texts)}
