"""The row that another tool would have written, beside ours: in that tool's own table, in the same transaction.

So whoever still asks the tool hears what is true. Each writer leaves the row that its tool leaves, and takes it away as
the tool does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import Cursor, errors
from psycopg import sql as composing
from psycopg.rows import TupleRow

from dashboard.engine.database import sql, tool_tables
from dashboard.engine.database.connection import Connection
from dashboard.engine.database.sql import OwnQuery
from dashboard.engine.imports import catalogue
from dashboard.engine.plan import DUAL_WRITTEN, Action, DualWrite, Step
from dashboard.engine.sql import statements

type Values = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class DualWriter:
    """How one tool writes. `values`: what a step gives to the queries; `columns`: those that the table must have;
    `rows`: which rows are about it."""

    columns: frozenset[str]
    insert: LiteralString
    rows: LiteralString
    values: Callable[[Step], Values]


def _by_version(step: Step) -> Values:
    return {"version": step.version}


def _by_number(step: Step) -> Values:
    return {"number": int(step.version)}


def _by_name(step: Step) -> Values:
    """The name of the file without its ending. A rollback has no file, so each way to write the name counts."""
    stem = step.file.removesuffix(".sql").removesuffix(".up")
    spellings = [f"{step.version}{mark}{step.name}" for mark in "_-"]
    return {"name": stem or spellings[0], "names": [name + end for name in spellings for end in ("", ".up")]}


def _with_statements(step: Step) -> Values:
    sent = [statement.sql for statement in statements.split(step.sql or step.text)]
    return {"version": step.version, "name": step.name, "statements": sent}


_VERSION_ONCE: LiteralString = (
    "INSERT INTO {table} (version) SELECT %(version)s::pg_catalog.text "
    "WHERE NOT EXISTS (SELECT FROM {table} WHERE version = %(version)s)"
)
_OF_VERSION: LiteralString = "version = %(version)s"

WRITERS: Mapping[str, DualWriter] = {
    "dbmate": DualWriter(columns=frozenset({"version"}), insert=_VERSION_ONCE, rows=_OF_VERSION, values=_by_version),
    "diesel": DualWriter(
        columns=frozenset({"version", "run_on"}), insert=_VERSION_ONCE, rows=_OF_VERSION, values=_by_version
    ),
    "supabase": DualWriter(
        columns=frozenset({"version", "name", "statements"}),
        insert="INSERT INTO {table} (version, name, statements) "
        "SELECT %(version)s::pg_catalog.text, %(name)s::pg_catalog.text, %(statements)s::pg_catalog.text[] "
        "WHERE NOT EXISTS (SELECT FROM {table} WHERE version = %(version)s)",
        rows=_OF_VERSION,
        values=_with_statements,
    ),
    "goose": DualWriter(
        columns=frozenset({"id", "version_id", "is_applied"}),
        insert="INSERT INTO {table} (version_id, is_applied) SELECT %(number)s, true WHERE NOT coalesce("
        "(SELECT is_applied FROM {table} WHERE version_id = %(number)s ORDER BY id DESC LIMIT 1), false)",
        rows="version_id = %(number)s",
        values=_by_number,
    ),
    "node-pg-migrate": DualWriter(
        columns=frozenset({"name", "run_on"}),
        insert="INSERT INTO {table} (name, run_on) SELECT %(name)s::pg_catalog.text, pg_catalog.now() "
        "WHERE NOT EXISTS (SELECT FROM {table} WHERE name = ANY (%(names)s))",
        rows="name = ANY (%(names)s)",
        values=_by_name,
    ),
}


class ToolTableRefused(errors.TriggeredDataChangeViolation):
    """The row of the other tool could not be written, or writing it changed our own record. `table` is that table."""

    def __init__(self, table: str, reason: str) -> None:
        super().__init__(reason)
        self.table = table


def write(connection: Connection, to: DualWrite | None, steps: Iterable[Step], own_rows: Callable[[], str]) -> None:
    """What the tool would have written for these steps, as far as it knows them. Call inside their transaction, under
    our own role, when all of them are recorded; `own_rows` changes with every row of our own tables.

    Raises ToolTableRefused, also where a trigger or a rule there keeps a row out or touches what was recorded.
    """
    lasting = [step for step in steps if step.action in DUAL_WRITTEN and not step.is_repeatable]
    if to is None or not lasting:
        return
    before = own_rows()
    try:
        for step in lasting:
            _write(connection, to, step)
        for _ in _ROUNDS:  # what a trigger puts off to the end of the transaction happens before the rows are compared
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        after = own_rows()
    except ToolTableRefused:
        raise
    except psycopg.Error as error:
        if connection.closed or isinstance(error, errors.QueryCanceled):
            raise
        labels = lasting[0].label if len(lasting) == 1 else f"{lasting[0].label} and those behind it"
        said = (error.diag.message_primary or str(error)).rstrip(".")
        raise ToolTableRefused(to.label, f"the row of {labels} could not be written to {to.label}: {said}") from error
    if before != after:
        reason = (
            f"when the row was written to {to.label}, rows in the tracking tables of Signalbox were changed or "
            "deleted: a trigger or a rule of that table may do that"
        )
        raise ToolTableRefused(to.label, reason)


#: A trigger may put off once more what it was put off to.
_ROUNDS = range(2)


def _write(connection: Connection, to: DualWrite, step: Step) -> None:
    writer = WRITERS[to.tool]
    is_removed, values = step.action is Action.ROLLBACK, writer.values(step)
    table, rows = composing.Identifier(to.schema, to.table), composing.SQL(writer.rows)

    def send(template: LiteralString) -> Cursor[TupleRow]:
        return connection.execute(OwnQuery([composing.SQL(template).format(table=table, rows=rows)]), values)

    send("DELETE FROM {table} WHERE {rows}" if is_removed else writer.insert)
    stands = send("SELECT EXISTS (SELECT FROM {table} WHERE {rows})").fetchone()
    if stands is not None and stands[0] is is_removed:
        did = "is still there after it was deleted" if is_removed else "is not there after it was inserted"
        reason = f"the row of {step.label} in {to.label} {did}: a trigger or a rule of that table may do that"
        raise ToolTableRefused(to.label, reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why it cannot be written there: a clause about the database, and what to do."""

    finding: str
    remedy: str
    grants: tuple[str, ...] = ()


def obstacle(connection: Connection, to: DualWrite) -> Obstacle | None:
    """What would make a run fail at its first row there; None where nothing is known."""
    tables = tool_tables.find(connection, {to.label: {to.tool}})
    table = next((t for t in tables if t.label == to.label and t.is_ordinary), None)
    if table is None or table.importer.name != to.tool or not WRITERS[to.tool].columns <= table.table.columns.keys():
        title = catalogue.BY_NAME[to.tool].title
        finding = f"it has no table {to.label} as {title} keeps it, which `dual_write` names."
        remedy = f"Let {title} make it, name the right one in `dual_write`, or take that out."
        return Obstacle(finding=finding, remedy=remedy)
    row = connection.execute(sql.query("dual_write"), {"schema": to.schema, "table": to.table}).fetchone()
    if row is None:
        return Obstacle(finding=f"its table {to.label} is gone.", remedy="Try again.")
    may_use, may_write, hides, sequences, schema, name, role = row
    grants = [] if may_use else [f"GRANT USAGE ON SCHEMA {schema} TO {role};"]
    grants += [] if may_write else [f"GRANT SELECT, INSERT, DELETE ON {schema}.{name} TO {role};"]
    grants += [f"GRANT USAGE ON SEQUENCE {sequence} TO {role};" for sequence in sequences or ()]  # type: ignore[attr-defined]
    if grants:
        finding = f"the role {connection.info.user} may not write to {to.label}, which `dual_write` names."
        return Obstacle(finding=finding, remedy=f"Run as its owner: {' '.join(grants)}", grants=tuple(grants))
    if hides:
        finding = f"row-level security of {to.label} applies to the role {connection.info.user}."
        policy = f"CREATE POLICY signalbox ON {schema}.{name} TO {role} USING (true) WITH CHECK (true);"
        return Obstacle(finding=finding, remedy=f"Run as its owner: {policy}", grants=(policy,))
    return None
