"""The tables in which other tools keep their histories: found by their shape, read row by row, never written.

Only ordinary tables are read: the query of a view would run somebody's code with the rights of this role, and so would
a policy of row-level security or a type that is not PostgreSQL's own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
from psycopg import sql as composing

from dashboard.engine.database import sql
from dashboard.engine.database.connection import Access, Connection
from dashboard.engine.database.pinned import pinned
from dashboard.engine.database.sql import OwnQuery
from dashboard.engine.errors import ToolTableUnreadable
from dashboard.engine.imports import catalogue
from dashboard.engine.imports.values import Importer, Stand, TableSeen, ToolRow
from dashboard.engine.migration import OtherHistory
from dashboard.engine.plan import ImportOrigin

#: Tables that a person calls histories, whatever they are called, by their labels: of which tools each can be.
type NamedTables = Mapping[str, Collection[str]]

#: Rows of one table that are read. A folder has less by far; what has more is no history.
ROWS = 50_000
#: Characters kept of one value.
_LENGTH = 2000
_TABLES = frozenset({"r", "p"})


@dataclass(frozen=True, kw_only=True)
class ToolTable:
    """A table of another tool, and who keeps it."""

    importer: Importer
    table: TableSeen
    role: str

    @property
    def label(self) -> str:
        return self.table.label

    @property
    def is_ordinary(self) -> bool:
        """Nothing but rows stands behind it."""
        return self.table.kind in _TABLES

    @property
    def obstacle(self) -> str:
        """Why its rows cannot be taken, as a sentence; empty where they can."""
        if self.importer.explained:
            return self.importer.explained
        if not self.is_ordinary:
            return f"{self.label} is no ordinary table, and what stands behind it is not run to read it."
        if not self.table.may_read:
            return f"The role {self.role} may not read {self.label}."
        if self.table.hides_rows:
            return f"Row-level security of {self.label} may hide rows from the role {self.role}."
        return ""

    @property
    def remedy(self) -> str:
        """What takes the obstacle away; empty where nothing does."""
        schema, name = (composing.Identifier(part).as_string(None) for part in (self.table.schema, self.table.name))
        role = composing.Identifier(self.role).as_string(None)
        if self.importer.explained or not self.is_ordinary:
            return ""
        if not self.table.may_read:
            grants = f"GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT SELECT ON {schema}.{name} TO {role};"
            return f"Run as its owner: {grants}"
        if self.table.hides_rows:
            return f"Run as its owner: CREATE POLICY signalbox ON {schema}.{name} FOR SELECT TO {role} USING (true);"
        return ""


@dataclass(frozen=True, kw_only=True)
class ToolHistory:
    """What stands in such a table."""

    tool: ToolTable
    rows: tuple[ToolRow, ...]
    fingerprint: str  # of all that was read

    @property
    def origin(self) -> ImportOrigin:
        table = self.tool.table
        return ImportOrigin(
            tool=self.tool.importer.name, schema=table.schema, table=table.name, fingerprint=self.fingerprint
        )


def declared(access: Access) -> NamedTables:
    """Those that the declaration of a source or an environment calls histories."""
    written, tables = access.dual_write, dict[str, Collection[str]]()
    if access.history_table:
        tables[access.history_table] = catalogue.READ
    if written is not None:
        tables[written.label] = {written.tool}
    return tables


def find(connection: Connection, named: NamedTables = MappingProxyType({})) -> tuple[ToolTable, ...]:
    """Every table of a tool that is known, also those that cannot be read; by schema and name. Of those that are
    `named` the columns decide, and not the name."""
    with pinned(connection):
        tables = [*_tables(connection)]
    tools = (
        ToolTable(importer=importer, table=table, role=connection.info.user)
        for table in tables
        if (importer := catalogue.named(table, named.get(table.label, ())))
    )
    return tuple(_told_by_rows(connection, tool) for tool in tools)


def _told_by_rows(connection: Connection, tool: ToolTable) -> ToolTable:
    """The same, or that of the tool which has the same columns where its rows say so."""
    other = tool.importer.lookalike
    if other is None or tool.obstacle:
        return tool
    query = composing.SQL("SELECT pg_catalog.bool_and(pg_catalog.strpos({}::text, {}) > 0) FROM {}").format(
        composing.Identifier(other.column), composing.Literal(other.part), _rows_of(tool)
    )
    try:
        with connection.transaction(), pinned(connection):
            row = connection.execute(OwnQuery([query])).fetchone()
    except psycopg.Error:
        if connection.closed:
            raise
        return tool
    return replace(tool, importer=other.importer) if row and row[0] else tool


def read(connection: Connection, tool: ToolTable) -> ToolHistory:
    """Raises ToolTableUnreadable where its rows cannot be taken, or there are too many of them."""
    if tool.obstacle:
        raise ToolTableUnreadable(finding=tool.obstacle, remedy=tool.remedy)
    with pinned(connection):
        zone = _zone(connection)
        given = connection.execute(_query(tool)).fetchall()
    if len(given) > ROWS:
        finding = f"{tool.label} has more than {ROWS:,} rows, which no history of {tool.importer.title} has."
        raise ToolTableUnreadable(finding=finding)
    columns = _columns(tool)
    plain = [tuple(None if value is None else str(value) for value in row) for row in given]
    return ToolHistory(
        tool=tool,
        rows=tuple(_row(columns, tool.table, values, zone) for values in plain),
        fingerprint=_fingerprint(tool, columns, plain),
    )


def elsewhere(connection: Connection, named: NamedTables = MappingProxyType({})) -> tuple[OtherHistory, ...]:
    """What the tables of other tools call applied or begun, in short; those of tools that are only recognised aside."""
    tables = find(connection, named)
    return tuple(_in_short(connection, tool) for tool in tables if not tool.importer.explained)


def _in_short(connection: Connection, tool: ToolTable) -> OtherHistory:
    try:
        with connection.transaction():
            rows = read(connection, tool).rows
    except (ToolTableUnreadable, psycopg.Error):
        if connection.closed:
            raise
        return OtherHistory(tool=tool.importer.name, title=tool.importer.title, table=tool.label, keys=None)
    entries = tool.importer.entries(rows, ())
    keys = dict.fromkeys(key for entry in entries if entry.stand in _BEGUN for key in entry.keys)
    return OtherHistory(tool=tool.importer.name, title=tool.importer.title, table=tool.label, keys=tuple(keys))


_BEGUN = frozenset({Stand.APPLIED, Stand.FAILED, Stand.DIRTY})


def change_since(connection: Connection, origin: ImportOrigin) -> str:
    """What is different from when it was read, as a clause; empty where nothing is."""
    label, place = origin.label, (origin.schema, origin.table)
    tools = find(connection, {label: {origin.tool}})
    tool = next((t for t in tools if (t.table.schema, t.table.name) == place), None)
    if tool is None or tool.importer.name != origin.tool:
        return f"{label} is not the table of {catalogue.BY_NAME[origin.tool].title} any more"
    try:
        if read(connection, tool).fingerprint != origin.fingerprint:
            return f"{tool.importer.title} has written to {label} since it was read, or somebody else has"
    except ToolTableUnreadable as error:
        return str(error).rstrip(".")
    return ""


def _tables(connection: Connection) -> Iterator[TableSeen]:
    values = {
        "shapes": [" ".join(sorted(shape)) for shape in catalogue.SHAPES],
        "marks": sorted({catalogue.mark_of(shape) for shape in catalogue.SHAPES} | catalogue.BESIDE_COLUMNS),
        "beside": sorted(catalogue.BESIDE),
    }
    rows = connection.execute(sql.query("tool_tables"), values).fetchall()
    neighbours: dict[str, set[str]] = {}
    for schema, name, *_ in rows:
        neighbours.setdefault(str(schema), set()).add(str(name))
    for schema, name, kind, columns, types, may_read, hides_rows in rows:
        assert isinstance(columns, list)
        assert isinstance(types, list), "both are aggregated"
        yield TableSeen(
            schema=str(schema),
            name=str(name),
            kind=str(kind),
            columns=dict(zip(columns, types, strict=True)),
            may_read=bool(may_read),
            hides_rows=bool(hides_rows),
            neighbours=frozenset(neighbours[str(schema)]),
        )


def _columns(tool: ToolTable) -> Sequence[str]:
    """Those that are read: what its importer asks for, of PostgreSQL's own types."""
    return sorted(name for name, type_name in tool.table.columns.items() if name in tool.importer.columns and type_name)


def _query(tool: ToolTable) -> OwnQuery:
    """Every value as text. A moment with a zone is of the whole world: it is asked for in UTC."""
    values = [_value(name, tool.table.columns[name]) for name in _columns(tool)]
    query = composing.SQL("SELECT {} FROM {} LIMIT {}").format(
        composing.SQL(", ").join(values), _rows_of(tool), composing.Literal(ROWS + 1)
    )
    return OwnQuery([query])


def _rows_of(tool: ToolTable) -> composing.Composed:
    own = composing.SQL("ONLY {}" if tool.table.kind == "r" else "{}")
    return own.format(composing.Identifier(tool.table.schema, tool.table.name))


def _value(name: str, type_name: str) -> composing.Composed:
    column = composing.Identifier(name)
    if type_name == "timestamptz":
        column_as_text = composing.SQL("(pg_catalog.timezone('UTC', {})::text || 'Z')").format(column)
    else:
        column_as_text = composing.SQL("({}::text)").format(column)
    return composing.SQL("pg_catalog.left({}, {})").format(column_as_text, composing.Literal(_LENGTH))


def _zone(connection: Connection) -> ZoneInfo | None:
    """That of a moment which says none: the one that sessions there have."""
    row = connection.execute("SELECT pg_catalog.current_setting('TimeZone')").fetchone()
    try:
        return ZoneInfo(str(row[0])) if row else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _row(columns: Sequence[str], table: TableSeen, values: Sequence[str | None], zone: ZoneInfo | None) -> ToolRow:
    """Columns whose name says so are in UTC already."""
    return {
        name: _in_utc(value, zone) if value and table.columns[name] == "timestamp" and "utc" not in name else value
        for name, value in zip(columns, values, strict=True)
    }


def _in_utc(value: str, zone: ZoneInfo | None) -> str:
    try:
        return datetime.fromisoformat(value).replace(tzinfo=zone or UTC).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return value


def _fingerprint(tool: ToolTable, columns: Sequence[str], rows: Iterable[tuple[str | None, ...]]) -> str:
    facts = [tool.importer.name, tool.label, columns, sorted(json.dumps(row) for row in rows)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
