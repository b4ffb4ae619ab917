"""How much a plan would destroy: the rows that hold data now, counted on the live target within a few seconds.

Only reads, and gives up rather than waits: a count that takes too long becomes the server's estimate, and what cannot
be known is said to be unknown, never zero.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psycopg
from psycopg import sql as composing

from dashboard.engine.database import connection as connections
from dashboard.engine.database import sql, statistics, tables
from dashboard.engine.database.connection import Address, Connection
from dashboard.engine.database.statistics import Written
from dashboard.engine.database.tables import Relation, TableColumn
from dashboard.engine.errors import EngineError
from dashboard.engine.forecast.values import (
    MATVIEW,
    Fate,
    Forecast,
    Loss,
    PlanReading,
    Threat,
)
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Copy
from dashboard.engine.sql.trees import ColumnType
from dashboard.engine.sql.type_changes import narrows

#: Seconds for everything, the connection included: a person waits for the page.
BUDGET = 5.0
CONNECT_TIMEOUT = 3
#: Seconds for one table, and for a lock on it.
COUNT_TIMEOUT = 2.0
LOCK_TIMEOUT = 0.5

TOO_LONG = "counting took too long, and the server has no estimate"
LOCKED = "the table was locked just now"
FORBIDDEN = "the role of Signalbox may not read all of it"
CONDITIONAL = "which rows that are shows only when it runs"


def take(address: Address, reading: PlanReading, *, then: Mapping[MigrationId, Written]) -> Forecast:
    """Count what the plan threatens. Never raises for a target that does not answer: `failure` says why.

    `then` is what had been written to each table when the migration was applied, by step.
    """
    if not reading.threats:
        return Forecast(unseen=reading.unseen)
    deadline = time.monotonic() + BUDGET
    try:
        with (
            connections.reading(address, timeout=CONNECT_TIMEOUT) as connection,
            connections.cut_off_after(BUDGET + 1, connection),
        ):
            return _forecast(connection, reading, then, deadline)
    except EngineError as error:
        return Forecast(unseen=reading.unseen, failure=str(error))
    except psycopg.Error as error:
        reason = connections.reason_of(error, address)
        return Forecast(unseen=reading.unseen, failure=f"The rows could not be counted: {reason}")


def _forecast(
    connection: Connection, reading: PlanReading, then: Mapping[MigrationId, Written], deadline: float
) -> Forecast:
    with _looking(connection, deadline):
        hits = [hit for threat in reading.threats for hit in _hits_of(connection, threat)]
    now = statistics.read(connection) if then else None
    losses = []
    for hit in _grouped(hits):
        written = _written_since(hit.relation, then.get(hit.step), now)
        losses.append(_loss(_Count(connection, deadline), hit, written))
    cannot_save = _cannot_save(connection) if any(loss.copy for loss in losses) else ""
    return Forecast(losses=tuple(losses), unseen=reading.unseen, cannot_save=cannot_save)


@contextmanager
def _looking(connection: Connection, deadline: float) -> Iterator[None]:
    """A transaction that reads, within what is left of the budget. Its settings end with it: behind a pooler the
    session is somebody else's next. Where the role sees only some rows, an error is better than calling them all."""
    left = max(0.05, min(COUNT_TIMEOUT, deadline - time.monotonic()))
    limits = [f"{round(seconds * 1000)}ms" for seconds in (left, min(left, LOCK_TIMEOUT))]
    with connection.transaction():
        connection.execute("SET TRANSACTION READ ONLY")
        connection.execute(
            "SELECT pg_catalog.set_config('statement_timeout', %s, true), "
            "pg_catalog.set_config('lock_timeout', %s, true), pg_catalog.set_config('row_security', 'off', true)",
            limits,
        )
        yield


# What is there


@dataclass(frozen=True, kw_only=True)
class _Hit:
    """What of one table goes at one step in one way: these columns, or whole rows."""

    step: MigrationId
    fate: Fate
    relation: Relation
    columns: tuple[str, ...] = ()
    counted_by: str = ""


def _hits_of(connection: Connection, threat: Threat) -> Iterable[_Hit]:
    name = threat.name
    match threat.kind:
        case "schema":
            return _hits(connection, threat, tables.oids(connection, "relations_in_schema", schema=name.text))
        case "type":
            return _columns_of_type(connection, threat)
        case _:
            oids = _named(connection, threat)
            followers = [hit for oid in oids for hit in _what_follows(connection, threat, oid)]
            return [*_hits(connection, threat, oids), *followers]


def _named(connection: Connection, threat: Threat) -> list[int]:
    """Every table it can be: one, but where neither script nor session say in which schema."""
    for schema in threat.path or (threat.name.schema,):
        if oids := tables.named(connection, schema, threat.name.text):
            return oids
    return []


def _hits(connection: Connection, threat: Threat, oids: Iterable[int]) -> list[_Hit]:
    relations = [relation for oid in oids if (relation := tables.facts(connection, oid))]
    columns = (threat.column,) if threat.column else ()
    return [
        _Hit(step=threat.step, fate=threat.fate, relation=r, columns=columns, counted_by=threat.counted_by)
        for r in relations
        if not (threat.fate is Fate.DROPPED and r.is_window) and (not columns or _loses_values(connection, threat, r))
    ]


def _loses_values(connection: Connection, threat: Threat, relation: Relation) -> bool:
    """There is such a column, it is no computed one, and a new type does not hold all that the old one holds."""
    columns = tables.columns(connection, relation.schema, relation.name)
    column = next((c for c in columns if c.name == threat.column and not c.is_computed), None)
    return column is not None and (threat.wanted is None or narrows(_type_of(column), threat.wanted))


def _type_of(column: TableColumn) -> ColumnType:
    numbers = re.search(r"\(([\d,]+)\)", column.type)
    return ColumnType(
        name=column.type_name.removeprefix("_"),
        numbers=tuple(int(n) for n in numbers[1].split(",")) if numbers else (),
        is_array=column.type_name.startswith("_"),
    )


def _columns_of_type(connection: Connection, threat: Threat) -> list[_Hit]:
    names = {"schema": threat.name.schema, "name": threat.name.text}
    rows = connection.execute(sql.query("columns_of_type"), names).fetchall()
    return [
        hit
        for oid, column in rows
        for hit in _hits(connection, replace(threat, kind="column", column=str(column)), [int(str(oid))])
    ]


def _what_follows(connection: Connection, threat: Threat, oid: int) -> list[_Hit]:
    """Rows of other tables that go with those of this one."""
    if threat.fate is Fate.DROPPED and threat.cascade:
        views = tables.oids(connection, "views_built_on", oid=oid)
        return _hits(connection, replace(threat, kind=MATVIEW, column=""), views)
    if threat.fate in {Fate.EMPTIED, Fate.REDUCED}:
        others = tables.oids(connection, "tables_referring", oid=oid, every=threat.cascade)
        follows = threat if threat.cascade else replace(threat, fate=Fate.REDUCED, counted_by="")
        return _hits(connection, follows, others)
    return []


def _grouped(hits: Iterable[_Hit]) -> list[_Hit]:
    """Each table once a step and a fate. What goes with the whole of its table or parent is not said again."""
    hits = list(dict.fromkeys(hits))
    gone = {(hit.step, hit.relation.oid) for hit in hits if hit.fate is Fate.DROPPED and not hit.columns}
    groups: dict[object, _Hit] = {}
    for hit in hits:
        above = {(hit.step, oid) for oid in hit.relation.ancestors}
        if above & gone or (hit.columns and (hit.step, hit.relation.oid) in gone):
            continue
        group = (hit.step, hit.fate, hit.relation.oid, bool(hit.columns), hit.counted_by)
        known = groups.get(group, hit)
        groups[group] = replace(known, columns=tuple(dict.fromkeys((*known.columns, *hit.columns))))
    return list(groups.values())


# How much it is


@dataclass(frozen=True)
class _Count:
    connection: Connection
    deadline: float

    def rows(self, query: composing.Composed | bytes) -> int | None:
        """None where the server did not count within the time there is."""
        if time.monotonic() >= self.deadline:
            return None
        with _looking(self.connection, self.deadline):
            row = self.connection.execute(query).fetchone()
        assert row is not None, "count(*) always has a row"
        return int(str(row[0]))


def _loss(count: _Count, hit: _Hit, written: int | None) -> Loss:
    relation = hit.relation
    is_view = relation.kind == "m"
    loss = Loss(
        step=hit.step,
        fate=hit.fate,
        kind=MATVIEW if is_view else "table",
        schema=relation.schema,
        table=relation.name,
        columns=hit.columns,
        size=relation.size,
        written_since=written,
        copy=None if is_view or relation.is_window or hit.fate is Fate.REDUCED else _copy(hit),
    )
    if hit.fate is Fate.REDUCED and not hit.counted_by:
        return replace(loss, why_unknown=CONDITIONAL)
    try:
        rows = count.rows(hit.counted_by.encode() or _counting(count.connection, hit))
    except psycopg.errors.LockNotAvailable:
        return _estimated(loss, relation, LOCKED)
    except psycopg.errors.QueryCanceled:
        return _estimated(loss, relation, TOO_LONG)
    except psycopg.errors.InsufficientPrivilege:
        return replace(loss, why_unknown=FORBIDDEN)
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        return replace(loss, why_unknown=error.diag.message_primary or TOO_LONG)
    return replace(loss, rows=rows) if rows is not None else _estimated(loss, relation, TOO_LONG)


def _estimated(loss: Loss, relation: Relation, why: str) -> Loss:
    """The server's own guess is of whole tables: no more rows than that hold anything in a column."""
    if relation.estimate < 0 or loss.fate is Fate.REDUCED:
        return replace(loss, why_unknown=why)
    return replace(loss, rows=relation.estimate, is_estimate=True)


def _counting(connection: Connection, hit: _Hit) -> composing.Composed:
    relation = hit.relation
    query = composing.SQL("SELECT pg_catalog.count(*) FROM {}").format(relation.identifier)
    if not hit.columns:
        return query
    known = {c.name: c for c in tables.columns(connection, relation.schema, relation.name)}
    held = composing.SQL(" OR ").join(_holds_data(known[name]) for name in hit.columns)
    return composing.SQL("{} WHERE {}").format(query, held)


def _holds_data(column: TableColumn) -> composing.Composed:
    """Something is there that nobody would get back by adding the column again."""
    held = composing.SQL("({0} IS NOT NULL").format(column.identifier)
    if column.constant is None:
        return held + composing.SQL(")")
    default = composing.SQL(" AND {0}::text IS DISTINCT FROM (({1})::{2})::text)").format(
        column.identifier,
        composing.SQL(column.constant),
        composing.SQL(column.type),
    )
    return held + default


def _copy(hit: _Hit) -> Copy:
    key = hit.relation.key
    lost = set(hit.columns) if hit.fate is Fate.DROPPED else set()
    return Copy(
        schema=hit.relation.schema,
        table=hit.relation.name,
        columns=hit.columns,
        key=() if lost & set(key) else key,
    )


def _written_since(relation: Relation, then: Written | None, now: Written | None) -> int | None:
    """None where nobody counted then, the counting began anew since, or the table was not there."""
    if then is None or now is None or then.since != now.since:
        return None
    before, after = (written.rows.get(relation.qualified) for written in (then, now))
    return None if before is None or after is None else max(0, after - before)


def _cannot_save(connection: Connection) -> str:
    row = connection.execute(sql.query("may_save")).fetchone()
    return "" if row and row[0] else "The role of Signalbox may not create the schema signalbox_saved in this database."
