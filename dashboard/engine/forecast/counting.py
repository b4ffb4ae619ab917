"""How much a plan would destroy: the rows that hold data now, counted on the live target within a few seconds.

Only reads, and gives up rather than waits: a count that takes too long becomes the server's estimate, and what cannot
be known is said to be unknown, never zero.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg import sql as composing

from dashboard.engine.database import connection as connections
from dashboard.engine.database import sql, statistics, tables
from dashboard.engine.database.connection import Address, Connection
from dashboard.engine.database.statistics import Written
from dashboard.engine.database.tables import Relation, TableColumn
from dashboard.engine.errors import EngineError
from dashboard.engine.forecast import doubts
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
from dashboard.engine.sql.type_changes import keeps_values

#: Seconds for everything, the connection included: a person waits for the page.
BUDGET = 5.0
CONNECT_TIMEOUT = 3
#: Seconds for one table, and for a lock on it.
COUNT_TIMEOUT = 2.0
LOCK_TIMEOUT = 0.5

#: Of those that a session of ours sets otherwise: how a date, an interval and `= NULL` are read.
_DECIDE_CONDITIONS = ("DateStyle", "IntervalStyle", "transform_null_equals")

#: The rows that had nothing there cannot be told from the others afterwards.
_OF_EVERY_ROW = frozenset({Fate.OVERWRITTEN, Fate.REWRITTEN})

TOO_LONG = "counting took too long, and the server has no estimate"
LOCKED = "the table was locked just now"
FORBIDDEN = "the role of Signalbox may not read all of it"
CONDITIONAL = "which rows that are shows only when it runs"


def take(address: Address, reading: PlanReading, *, then: Mapping[MigrationId, Written]) -> Forecast:
    """Count what the plan threatens. Never raises for a target that does not answer: `failure` says why.

    `then` is what had been written to each table when the migration was applied, by step.
    """
    if not reading.asks_target:
        return Forecast(unseen=reading.unseen)
    deadline = time.monotonic() + BUDGET
    try:
        with (
            connections.reading(address, timeout=CONNECT_TIMEOUT) as connection,
            connections.cut_off_after(BUDGET + 1, connection),
        ):
            return _forecast(connection, reading, then, deadline, _given(address))
    except EngineError as error:
        return Forecast(unseen=reading.unseen, failure=str(error))
    except psycopg.Error as error:
        return Forecast(unseen=reading.unseen, failure=not_counted(error, address))


def not_counted(error: psycopg.Error, address: Address) -> str:
    """The sentence for a `failure`."""
    return f"The rows could not be counted: {connections.reason_of(error, address)}"


@dataclass(frozen=True, kw_only=True)
class _Given:
    """What the database and the role give the session that the files run in."""

    path: str  # the schemas in which names of the files are looked up, as an array
    readings: Mapping[str, str]  # settings that decide what a condition means


def _given(address: Address) -> _Given:
    asked = composing.SQL(", ").join(
        composing.SQL("pg_catalog.current_setting({})").format(composing.Literal(name)) for name in _DECIDE_CONDITIONS
    )
    query = composing.SQL("SELECT pg_catalog.current_schemas(false)::pg_catalog.text, {}").format(asked)
    with connections.as_given(address) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None, "a query without FROM always has a row"
    path, *values = map(str, row)
    return _Given(path=path, readings=dict(zip(_DECIDE_CONDITIONS, values, strict=True)))


def _forecast(
    connection: Connection,
    reading: PlanReading,
    then: Mapping[MigrationId, Written],
    deadline: float,
    given: _Given,
) -> Forecast:
    with _looking(connection, deadline):
        connection.execute("SELECT pg_catalog.set_config('signalbox.given_path', %s, true)", (given.path,))
        endangered = [part for threat in reading.threats for part in _endangered_by(connection, threat)]
        unseen = (*reading.unseen, *doubts.on_target(connection, reading))
    now = statistics.read(connection) if then else None
    losses = []
    for part in _with_kept_keys(_grouped(endangered)):
        written = _written_since(part.relation, then.get(part.step), now)
        losses.append(_loss(_Count(connection, deadline, given.readings), part, written))
    cannot_save = _cannot_save(connection) if any(loss.copy for loss in losses) else ""
    return Forecast(losses=tuple(losses), unseen=tuple(dict.fromkeys(unseen)), cannot_save=cannot_save)


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
class _Endangered:
    """What of one table goes at one step in one way: these columns, or whole rows."""

    step: MigrationId
    fate: Fate
    relation: Relation
    columns: tuple[str, ...] = ()
    some: bool = False  # of the rows, those that meet a condition
    condition: str = ""  # which, where it can be counted
    alias: str = ""
    referring: tuple[str, ...] = ()  # the rows that have something in these columns, which refer to what goes
    own: bool = True  # its children are parts of their own
    keeps_key: bool = True  # no step changes what stands in the primary key


def _endangered_by(connection: Connection, threat: Threat) -> Iterable[_Endangered]:
    if threat.fate is Fate.DROPPED:
        return _endangered_by_drop(connection, threat)
    endangered: list[_Endangered] = []
    for oid in _named(connection, threat):
        threat = _as_counted(connection, threat, oid)
        endangered += _in_tables(connection, threat, _with_children(connection, threat, oid))
        endangered += _what_follows(connection, threat, oid)
    return endangered


def _named(connection: Connection, threat: Threat) -> list[int]:
    """Every table that the name can mean: one, except where neither script nor session say which schema."""
    for schema in threat.path or (threat.name.schema,):
        if oids := tables.named(connection, schema, threat.name.text):
            return oids
    return []


def _as_counted(connection: Connection, threat: Threat, oid: int) -> Threat:
    """Once the plan has changed rows, nobody knows what a view shows, or which rows of related tables meet a
    condition."""
    relation = tables.facts(connection, oid)
    if not threat.after_changes or relation is None:
        return threat
    is_alone = not relation.ancestors and tables.oids(connection, "beneath", oid=oid) == [oid]
    if relation.kind == "v" or (threat.condition and not is_alone):
        return replace(threat, some=True, condition="")
    return threat


def _with_children(connection: Connection, threat: Threat, oid: int) -> list[int]:
    """Rows of children that a condition picks are counted with those of the table."""
    counts_all = threat.only or bool(threat.condition)
    return [oid] if counts_all else [oid, *tables.oids(connection, "children", oid=oid)]


def _in_tables(connection: Connection, threat: Threat, oids: Iterable[int]) -> list[_Endangered]:
    relations = [relation for oid in oids if (relation := tables.facts(connection, oid))]
    columns = (threat.column,) if threat.column else ()
    return [
        _Endangered(
            step=threat.step,
            fate=threat.fate,
            relation=r,
            columns=columns,
            some=threat.some,
            condition=threat.condition,
            alias=threat.alias,
            own=threat.only or not threat.condition,
        )
        for r in relations
        if not columns or _loses_values(connection, threat, r)
    ]


def _loses_values(connection: Connection, threat: Threat, relation: Relation) -> bool:
    """Whether there is such a column, it is not computed, and the new type does not hold all that the old one holds."""
    columns = tables.columns(connection, relation.schema, relation.name)
    column = next((c for c in columns if c.name == threat.column and not c.is_computed), None)
    if column is None or threat.wanted is None:
        return column is not None
    return not (_is_known_type(column) and keeps_values(column.column_type, threat.wanted))


def _is_known_type(column: TableColumn) -> bool:
    """The name of a type of the project tells nothing by itself: another schema may have a type of that name."""
    return column.is_builtin or column.type_name.removeprefix("_") in {"text", "varchar", "citext"}


def _endangered_by_drop(connection: Connection, threat: Threat) -> list[_Endangered]:
    """Everything that DROP removes, through all that depends on it."""
    endangered: list[_Endangered] = []
    for classid, objid, sub in doubts.located(connection, threat):
        values = {"classid": classid, "objid": objid, "sub": sub, "cascade": threat.cascade}
        for oid, column in connection.execute(sql.query("dropped_with"), values).fetchall():
            is_itself = int(str(oid)) == objid and (column or "") == threat.column
            endangered += _gone(connection, threat, int(str(oid)), str(column or ""), is_itself=is_itself)
    return endangered


def _gone(connection: Connection, threat: Threat, oid: int, column: str, *, is_itself: bool) -> list[_Endangered]:
    """A column that can be computed again loses nothing, unless the columns it is computed from go as well."""
    relation = tables.facts(connection, oid)
    if relation is None or relation.is_window:
        return []
    if column and is_itself and not _loses_values(connection, threat, relation):
        return []
    oids = [oid]
    if column and not threat.only:
        oids += tables.oids(connection, "children", oid=oid)
    relations = [r for each in oids if (r := tables.facts(connection, each))]
    columns = (column,) if column else ()
    return [_Endangered(step=threat.step, fate=threat.fate, relation=r, columns=columns) for r in relations]


def _what_follows(connection: Connection, threat: Threat, oid: int) -> list[_Endangered]:
    """Rows of other tables that go with those of this one, or no longer refer to them."""
    if threat.fate is Fate.EMPTIED and threat.cascade:
        others = [o for t in [oid] for o in tables.oids(connection, "tables_emptied", oid=t)]
        return _in_tables(connection, threat, others)
    if threat.fate in {Fate.EMPTIED, Fate.REDUCED}:
        return _referring(connection, threat, oid, visited=frozenset())
    if threat.fate is Fate.OVERWRITTEN:
        return _referring(connection, threat, oid, visited=frozenset(), changed=threat.column)
    return []


def _referring(
    connection: Connection, threat: Threat, oid: int, *, visited: frozenset[int], changed: str = ""
) -> list[_Endangered]:
    """Follows foreign keys through as many tables as they lead. Without CASCADE, TRUNCATE is refused where there are
    any."""
    endangered: list[_Endangered] = []
    for table in tables.oids(connection, "beneath", oid=oid):
        values = {"oid": table, "deleted": not changed}
        rows: list[tuple[Any, ...]] = connection.execute(sql.query("references_to"), values).fetchall()
        for child, action, columns, keys in rows:
            relation = tables.facts(connection, int(str(child)))
            if relation is None or (changed and changed not in keys) or relation.oid in visited:
                continue
            deleted = action == "c" and not changed
            some = threat.some or bool(visited)
            endangered.append(
                _Endangered(
                    step=threat.step,
                    fate=Fate.REDUCED if deleted else Fate.OVERWRITTEN,
                    relation=relation,
                    columns=() if deleted else tuple(columns),
                    some=some,
                    referring=() if some else tuple(columns),
                )
            )
            if deleted:
                further = replace(threat, some=True)
                endangered += _referring(
                    connection, further, relation.oid, visited=visited | {oid, table, relation.oid}
                )
    return endangered


def _grouped(endangered: Iterable[_Endangered]) -> list[_Endangered]:
    """Each table once for each step and fate. What goes with the whole of its table or parent is not repeated."""
    endangered = list(dict.fromkeys(endangered))
    gone = {(part.step, part.relation.oid) for part in endangered if part.fate is Fate.DROPPED and not part.columns}
    groups: dict[object, _Endangered] = {}
    for part in endangered:
        above = {(part.step, oid) for oid in part.relation.ancestors if part.relation.is_partition}
        if above & gone or (part.columns and (part.step, part.relation.oid) in gone):
            continue
        group = (part.step, part.fate, part.relation.oid, bool(part.columns), part.some, part.condition, part.referring)
        known = groups.get(group, part)
        groups[group] = replace(known, columns=tuple(dict.fromkeys((*known.columns, *part.columns))))
    return list(groups.values())


def _with_kept_keys(endangered: Sequence[_Endangered]) -> list[_Endangered]:
    """With whether a value can be found again by its key: not where any step of the plan changes the key."""
    changed = [part.relation for part in endangered if set(part.columns) & set(part.relation.key)]
    oids = {oid for relation in changed for oid in (relation.oid, *relation.ancestors)}
    return [replace(h, keeps_key=oids.isdisjoint({h.relation.oid, *h.relation.ancestors})) for h in endangered]


# How much it is


@dataclass(frozen=True)
class _Count:
    connection: Connection
    deadline: float
    readings: Mapping[str, str]

    def rows(self, query: composing.Composed) -> int | None:
        """None where the server did not count within the time there is. A condition reads as it will in the run."""
        if time.monotonic() >= self.deadline:
            return None
        with _looking(self.connection, self.deadline):
            for name, value in self.readings.items():
                self.connection.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))
            row = self.connection.execute(query).fetchone()
        assert row is not None, "count(*) always has a row"
        return int(str(row[0]))


def _loss(count: _Count, part: _Endangered, written: int | None) -> Loss:
    relation = part.relation
    loss = Loss(
        step=part.step,
        fate=part.fate,
        kind=MATVIEW if relation.kind == "m" else "table",
        schema=relation.schema,
        table=relation.name,
        columns=part.columns,
        size=relation.size,
        written_since=written,
    )
    loss = _savable(count, part, loss)
    if part.some and not part.condition:
        return replace(loss, why_unknown=CONDITIONAL)
    try:
        rows = count.rows(_counting(count.connection, part))
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


def _savable(count: _Count, part: _Endangered, loss: Loss) -> Loss:
    """With the copy that would be made, if this role may make it."""
    relation = part.relation
    if relation.kind == "m" or relation.is_window or (part.fate is Fate.REDUCED and part.some):
        return loss
    row = count.connection.execute(sql.query("can_copy"), {"oid": relation.oid}).fetchone()
    reads, sees_all = row or (False, False)
    if not reads:
        return replace(loss, why_unsaved="the role of Signalbox may not read and lock this table")
    if not sees_all:
        return replace(loss, why_unsaved="row-level security hides rows of it from the role of Signalbox")
    return replace(loss, copy=_copy(count.connection, part))


def _estimated(loss: Loss, relation: Relation, why: str) -> Loss:
    """The server estimates whole tables: no more rows than that can hold a value in a column."""
    if relation.estimate < 0 or loss.fate is Fate.REDUCED or relation.estimate == 0:
        return replace(loss, why_unknown=why)
    return replace(loss, rows=relation.estimate, is_estimate=True)


def _counting(connection: Connection, part: _Endangered) -> composing.Composed:
    relation = part.relation
    rows = relation.own if part.own else relation.identifier
    query = composing.SQL("SELECT pg_catalog.count(*) FROM {}").format(rows)
    if part.alias:
        query += composing.SQL(" AS {}").format(composing.Identifier(part.alias))
    known = {c.name: c for c in tables.columns(connection, relation.schema, relation.name)}
    place = composing.Identifier(part.alias or relation.name)
    conditions = [composing.SQL("({})").format(composing.SQL(_escaped(part.condition)))] if part.condition else []
    if part.referring:
        held = [composing.SQL("{}.{} IS NOT NULL").format(place, known[n].identifier) for n in part.referring]
        conditions.append(composing.SQL("({})").format(composing.SQL(" AND ").join(held)))
    elif part.columns:
        held = [composing.SQL("{}.{} IS NOT NULL").format(place, known[n].identifier) for n in part.columns]
        if part.fate not in _OF_EVERY_ROW:
            conditions.append(composing.SQL("({})").format(composing.SQL(" OR ").join(held)))
    if not conditions:
        return query
    return composing.SQL("{} WHERE {}").format(query, composing.SQL(" AND ").join(conditions))


def _escaped(condition: str) -> Any:
    """As part of a format text, in which a brace would be a placeholder."""
    return condition.replace("{", "{{").replace("}", "}}")


def _copy(connection: Connection, part: _Endangered) -> Copy:
    relation = part.relation
    key = relation.key if part.keeps_key or not part.columns else ()
    numbers = {c.name: c.number for c in tables.columns(connection, relation.schema, relation.name)}
    return Copy(
        schema=relation.schema,
        table=relation.name,
        columns=part.columns,
        key=key,
        oid=relation.oid,
        numbers=tuple(numbers[name] for name in (*part.columns, *key)),
        with_nulls=bool(part.columns),
    )


def _written_since(relation: Relation, then: Written | None, now: Written | None) -> int | None:
    """None where nothing was counted then, where counting has begun anew since, or where the table did not exist."""
    if then is None or now is None or then.since != now.since:
        return None
    before, after = (written.rows.get(relation.qualified) for written in (then, now))
    return None if before is None or after is None else max(0, after - before)


def _cannot_save(connection: Connection) -> str:
    row = connection.execute(sql.query("may_save")).fetchone()
    return "" if row and row[0] else "The role of Signalbox may not create the schema signalbox_saved in this database."
