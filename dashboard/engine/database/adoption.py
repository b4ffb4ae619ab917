"""Whether a `schema_migrations` that something else made can be used as the history of a target, and what to alter
where it cannot. Reads the catalog only."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from dashboard.engine.database import sql
from dashboard.engine.database.connection import Connection

#: Columns by the type they must have; of those that are missing here the first run adds what it needs.
_TEXTS = frozenset(
    {"version", "name", "checksum", "error_message", "rollback_script"}
    | {"forward_script", "checksum_sql", "applied_by", "run_id", "kind"}
)
#: Without these being what they should be, no row means what it says.
_READ = frozenset({"version", "name", "checksum", "applied_at", "success", "kind"})
#: Every row that a run writes has a value in these.
_WRITTEN = frozenset({"version", "name", "checksum", "checksum_sql", "applied_at", "success", "applied_by", "run_id"})
_CHECKSUM_LENGTH = 64
#: A number of a moment from here on counts milliseconds since 1970; as seconds it would be the year 5138.
_MILLISECONDS = 100_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`reason` follows the name of the table and a colon; `remedy` is a statement that takes the fault away."""

    reason: str
    remedy: str
    forbids_reading: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _ForeignColumn:
    name: str
    type: str  # as SQL writes it
    type_name: str  # as the catalog calls it, below a domain
    category: str
    limit: int | None  # the longest text it takes
    needs_value: bool


#: By the columns that their `schema_migrations` has, and no other.
_TOOLS = {
    frozenset({"version", "dirty"}): "golang-migrate",
    frozenset({"version"}): "Rails or dbmate",
    frozenset({"version", "inserted_at"}): "Ecto",
}


def kept_by(columns: Set[str]) -> str:
    """The tool whose table has these columns; "" where none is known."""
    return _TOOLS.get(frozenset(columns), "")


def faults(connection: Connection, schema: str) -> tuple[Fault, ...]:
    """What keeps the table from being used; nothing where there is no such table, or where it can be used."""
    values = {"schema": schema}
    row = connection.execute(sql.query("history_kind"), values).fetchone()
    if row is None:
        return ()
    kind, has_key = row
    table = f"{schema}.schema_migrations"
    columns = map(_column, connection.execute(sql.query("history_columns"), values).fetchall())
    return (*_of_table(table, str(kind), has_key=bool(has_key)), *(f for c in columns for f in _of_column(table, c)))


def _column(row: tuple[object, ...]) -> _ForeignColumn:
    name, written, type_name, category, limit, needs_value = row
    return _ForeignColumn(
        name=str(name),
        type=str(written),
        type_name=str(type_name),
        category=str(category),
        limit=None if limit is None else int(str(limit)),
        needs_value=bool(needs_value),
    )


def _of_table(table: str, kind: str, *, has_key: bool) -> Iterator[Fault]:
    if kind not in {"r", "p"}:
        other = {"v": "a view", "m": "a materialized view", "f": "a foreign table"}.get(kind, "no table")
        remedy = (
            f"ALTER TABLE {table} RENAME TO schema_migrations_before; "
            "/* then record what it lists as a baseline: without that everything would run again */"
        )
        yield Fault(reason=f"it is {other}, into which nothing can be recorded", remedy=remedy)
    elif not has_key:
        reason = "nothing makes its versions unique"
        yield Fault(reason=reason, remedy=f"ALTER TABLE {table} ADD PRIMARY KEY (version);")


def _of_column(table: str, column: _ForeignColumn) -> Iterator[Fault]:
    if wanted := _other_type(column):
        using = f"USING {_conversion(column, wanted)}"
        yield Fault(
            reason=f"its column {column.name} is {column.type} and should be {wanted}",
            remedy=f"ALTER TABLE {table} ALTER COLUMN {column.name} TYPE {wanted} {using};",
            forbids_reading=column.name in _READ and column.type_name != "bpchar",
        )
    elif column.name == "checksum" and column.limit is not None and column.limit < _CHECKSUM_LENGTH:
        reason = f"its column checksum takes {column.limit} characters and a checksum has {_CHECKSUM_LENGTH}"
        yield Fault(reason=reason, remedy=f"ALTER TABLE {table} ALTER COLUMN checksum TYPE text;")
    if column.needs_value and column.name not in _WRITTEN:
        reason = f"every row of it needs a value in {column.name}, which Signalbox does not always have"
        yield Fault(reason=reason, remedy=f"ALTER TABLE {table} ALTER COLUMN {column.name} DROP NOT NULL;")


def _other_type(column: _ForeignColumn) -> str:
    """The type it should have; empty where the one it has will do."""
    if column.name in _TEXTS:
        return "" if column.category == "S" and column.type_name != "bpchar" else "text"
    if column.name == "applied_at":
        return "" if column.type_name in {"date", "timestamp", "timestamptz"} else "timestamptz"
    if column.name == "success":
        return "" if column.type_name == "bool" else "boolean"
    if column.name == "execution_time_ms":
        return "" if column.category == "N" else "integer"
    return ""


def _conversion(column: _ForeignColumn, wanted: str) -> str:
    if column.type_name == "bpchar":
        return f"rtrim({column.name})"
    if column.name == "version":
        length = "greatest(3, length(version::text))"  # lpad cuts what is longer
        return f"lpad(version::text, {length}, '0') /* as the files write their numbers */"
    if wanted == "timestamptz" and column.category == "N":
        seconds = f"CASE WHEN {column.name} < {_MILLISECONDS} THEN {column.name} ELSE {column.name} / 1000.0 END"
        return f"to_timestamp({seconds}) /* seconds, or milliseconds */"
    if wanted == "boolean" and column.category == "N":
        return f"{column.name} <> 0"
    return f"{column.name}::text::{wanted}" if wanted != "text" else f"{column.name}::text"
