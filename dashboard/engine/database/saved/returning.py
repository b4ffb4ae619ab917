"""Rows kept in the schema `signalbox_saved` before they are destroyed, and put back from there.

A table and its columns are known by their numbers, which a rename keeps: by its own step a name may stand for another.

A copy depends on nothing of the project: a type or collation of its own becomes text, or the migration could not drop
it, and so does a reference to an object. Nobody but the role of Signalbox may read a copy. Copies are never dropped by
Signalbox.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql as composing
from psycopg.sql import SQL, Composed, Identifier

from dashboard.engine.database import sql, tables
from dashboard.engine.database.connection import Connection
from dashboard.engine.database.tables import TableColumn
from dashboard.engine.database.tracking import Attempt
from dashboard.engine.errors import PlanBlocked
from dashboard.engine.migration import Identified
from dashboard.engine.plan import Action, Copy, Step
from dashboard.engine.sql.type_changes import keeps_values

SCHEMA = "signalbox_saved"
#: PostgreSQL cuts longer names, in bytes.
LONGEST_NAME = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Save(Identified):
    """One line of the register."""

    copy: Copy
    rows: int
    action: str  # what destroyed them: apply or rollback
    version: str
    name: str
    run_id: str
    attempt_id: str = ""  # empty where an older Signalbox saved it
    by: str
    at: datetime
    brought_back_at: datetime | None
    brought_back_by: str | None
    brought_back_in: str | None
    exists: bool  # the copy has not been dropped by hand
    left: int = 0  # values or rows that did not come back then

    @property
    def run_key(self) -> str:
        """What names the run that saved it: its attempt, or in older rows its number."""
        return self.attempt_id or self.run_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """Rows that were saved, or brought back: then `gone` had no row to return to, and `kept` hold something newer."""

    what: str  # platform.users (plan)
    saved: str  # the table in signalbox_saved
    rows: int  # of copied columns that were brought back: values
    columns: tuple[str, ...] = ()  # those that were copied; empty: whole rows
    gone: int = 0
    kept: int = 0


def work(connection: Connection, step: Step, attempt: Attempt) -> tuple[Copied, ...]:
    """Copy what the step destroys, or bring back what it names. Inside a transaction of the caller's.

    Raises PlanBlocked, naming the copy, where rows no longer fit; then nothing must be committed.
    """
    with _set_locally(connection, "row_security", "off"):  # a part of the rows would pass for all of them
        if step.action is Action.BRING_BACK:
            return _bring_back_all(connection, step, attempt)
        _prepare(connection)
        return tuple(_save(connection, step, copy, attempt) for copy in step.copies)


def read(connection: Connection) -> tuple[Save, ...]:
    """The register, newest first; empty where nothing was ever saved."""
    if not _one(connection, sql.query("saved_schema_exists")):
        return ()
    return tuple(_from_register(row) for row in connection.execute(sql.query("read_saves")).fetchall())


def obstacle(connection: Connection, copy: Copy) -> str:
    """Why a copy cannot be put back as things stand; empty where it can, as far as the catalog tells: see `misfit`."""
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
    """Why not each value of a copy would be the same again in its place. Reads the copy, which has no obstacle."""
    for column in _filled(connection, copy):
        conditions = list(_unfitting(copy, column))
        if not conditions:
            continue
        query = SQL("SELECT pg_catalog.count(*) FROM {} kept WHERE {}").format(
            Identifier(SCHEMA, copy.saved), _list_or(conditions)
        )
        place = f"{copy.schema}.{copy.table}.{column.name}"
        try:
            with connection.transaction():
                values = int(_one(connection, query))
        except (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError) as error:
            return f"{place} does not take every saved value now ({error.diag.message_primary})"
        if values:
            return f"{place} does not take {values:,} of the saved values as they are"
    return ""


# Whether it fits


def _renamed(connection: Connection, copy: Copy, copied: Sequence[str]) -> str:
    """A name can stand for another table or column by now."""
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
    """A cast into another type cuts and rounds, and says nothing."""
    for name, was in copied.items():
        now = columns[name]
        if now.is_computed:
            return f"{place}.{name} is computed now"
        wider = keeps_values(was.column_type, now.column_type)
        if was.type != "text" if _is_text_in_copy(now) else was.type != now.type and not wider:
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
    place, copied = f"{copy.schema}.{copy.table}", _columns_of_copy(connection, copy)
    if needed := [c.name for c in columns.values() if c.needs_value and not c.is_computed and c.name not in copied]:
        return f"{place} has a new column {', '.join(needed)} that needs a value in every row"
    if not copy.key and _one(connection, SQL("SELECT EXISTS (SELECT FROM {})").format(_own(connection, copy))):
        return f"{place} has no primary key and is not empty, so rows could come back twice"
    return ""


def _unfitting(copy: Copy, column: TableColumn) -> Iterator[Composed]:
    """Conditions that a value meets which its column would refuse or change."""
    if column.refuses_null and (copy.with_nulls or not copy.columns):
        yield SQL("kept.{} IS NULL").format(column.identifier)
    if column.is_reference:  # an object has several names; the cast fails where there is none
        yield SQL("kept.{} IS NOT NULL AND {} IS NULL").format(column.identifier, _value(column))
    elif _is_text_in_copy(column):
        yield SQL("{}::pg_catalog.text IS DISTINCT FROM kept.{}").format(_value(column), column.identifier)


# Saving


def _prepare(connection: Connection) -> None:
    if _one(connection, sql.query("saved_schema_exists")):
        _extend(connection)
        return
    for name in ("create_saved_schema", "comment_saved_schema", "create_saves"):
        connection.execute(sql.query(name))
    _close_to_others(connection, "SCHEMA", SCHEMA)
    _close_to_others(connection, "TABLE", f"{SCHEMA}.saves")


def _extend(connection: Connection) -> None:
    """Only where something is missing, because it keeps readers of the register waiting."""
    columns = {column.name for column in tables.columns(connection, SCHEMA, "saves")}
    if not columns >= {"brought_back_left", "attempt_id", "planned_as"}:
        connection.execute(sql.query("extend_saves"))


def _save(connection: Connection, step: Step, copy: Copy, attempt: Attempt) -> Copied:
    copy = _locked(connection, step, copy)
    number = int(_one(connection, sql.query("next_save")))
    name = _name(number, step, copy, attempt)
    saved = Identifier(SCHEMA, name)
    columns = [c for c in tables.columns(connection, copy.schema, copy.table) if _is_kept(c, copy)]
    query = SQL("CREATE TABLE {} AS SELECT {} FROM {}").format(
        saved, _list(map(_as_kept, columns)), _own(connection, copy)
    )
    if copy.columns and not copy.with_nulls:
        query += SQL(" WHERE {}").format(
            SQL(" OR ").join(SQL("{} IS NOT NULL").format(Identifier(c)) for c in copy.columns)
        )
    with _set_locally(connection, "search_path", ""):  # text names an object with its schema, wherever it is read
        rows = connection.execute(query).rowcount
    connection.execute(SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(saved))
    _close_to_others(connection, "TABLE", saved.as_string(connection))
    values = {
        "id": number,
        "saved": name,
        "schema": copy.schema,
        "table": copy.table,
        "columns": list(copy.columns),
        "key": list(copy.key),
        "rows": rows,
        "action": step.action.value,
        "version": step.version,
        "name": step.name,
        "run_id": attempt.run_id,
        "attempt_id": attempt.attempt_id,
        "by": attempt.by,
        "oid": next(iter(tables.named(connection, copy.schema, copy.table)), 0),
        "numbers": [column.number for column in columns],
        "with_nulls": copy.with_nulls,
        "planned_as": copy.planned_as,
    }
    connection.execute(sql.query("register_save"), values)
    return Copied(what=copy.label, saved=f"{SCHEMA}.{name}", rows=rows, columns=copy.columns)


def _locked(connection: Connection, step: Step, copy: Copy) -> Copy:
    """Under the names of now: nobody writes between the copy and what destroys the rows, and readers go on. Raises
    PlanBlocked where what would be lost is not there."""
    present = _as_called_now(connection, copy)
    if present is not None:
        connection.execute(SQL("LOCK TABLE {} IN SHARE MODE").format(_place(present)))
    if present is None or _as_called_now(connection, copy) != present:
        raise PlanBlocked(
            version=step.label,
            reason=f"{copy.label} was counted to be saved first, and is not there any more as it was then.",
            state_now="None of its statements was sent.",
            remedy="Look what has become of it, and make the plan again.",
        )
    return present


def _as_called_now(connection: Connection, copy: Copy) -> Copy | None:
    """None where the table, or a column that loses its values, is not there. Whole rows do not need their key."""
    if not copy.oid:
        return copy
    relation = tables.facts(connection, copy.oid)
    if relation is None:
        return None
    names = {column.number: column.name for column in tables.columns(connection, relation.schema, relation.name)}
    count = len(copy.columns)
    columns, key = ([names.get(n) for n in part] for part in (copy.numbers[:count], copy.numbers[count:]))
    if None in columns:
        return None
    now = replace(
        copy,
        schema=relation.schema,
        table=relation.name,
        columns=tuple(filter(None, columns)),
        key=() if None in key else tuple(filter(None, key)),
    )
    return replace(now, planned_as=copy.label if copy.label != now.label else "")


def _is_kept(column: TableColumn, copy: Copy) -> bool:
    """The key and the columns that go; without a key whole rows, for whoever puts them back by hand."""
    everything = not copy.columns or not copy.key
    return not column.is_computed and (everything or column.name in {*copy.key, *copy.columns})


def _as_kept(column: TableColumn) -> Composed:
    kept = '{0}::pg_catalog.text COLLATE pg_catalog."default" AS {0}' if _is_text_in_copy(column) else "{0}"
    return SQL(kept).format(column.identifier)


def _is_text_in_copy(column: TableColumn) -> bool:
    return not column.is_builtin or column.is_reference


def _name(number: int, step: Step, copy: Copy, attempt: Attempt) -> str:
    """run42_008_users_7: found by people, and never twice."""
    tail = f"_{number}"
    whole = f"run{attempt.run_id}_{step.version}_{copy.table}".encode()
    return whole[: LONGEST_NAME - len(tail)].decode(errors="ignore") + tail


def _close_to_others(connection: Connection, kind: str, name: str) -> None:
    for (revoke,) in connection.execute(sql.query("revoke_from_everyone"), {"kind": kind, "name": name}).fetchall():
        connection.execute(SQL(str(revoke)))


# Bringing back


#: For as long as the transaction lasts.
QUICKLY = "SET LOCAL statement_timeout = '2s'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What bringing a copy back would do now, in rows, or of columns in values."""

    fills: int  # put where nothing stands
    differs: int  # stand there with something else: kept, or overwritten where that is asked for
    gone: int = 0  # have no row to return to
    triggers: tuple[str, ...] = ()  # that this role cannot keep silent


def outlook(connection: Connection, copy: Copy) -> Outlook:
    """Counted on the target. Only for a copy without an obstacle."""
    fills, differs, gone = _counts(connection, copy)
    loud = [trigger for *_, trigger, _, is_owner in _triggers(connection, copy) if not is_owner]
    return Outlook(fills=fills, differs=differs, gone=gone, triggers=tuple(loud))


def quickly[T](connection: Connection, read: Callable[[], T]) -> T | None:
    """What `read` gives; None where a statement of it takes longer than a list of many copies can wait."""
    try:
        with connection.transaction():
            connection.execute(QUICKLY)
            return read()
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable):
        return None


def _bring_back_all(connection: Connection, step: Step, attempt: Attempt) -> tuple[Copied, ...]:
    """Parents first, with triggers silent and circular keys checked at the end. Raises PlanBlocked where none came."""
    for copy in step.copies:
        _check_fits(connection, step, copy)
    ordered = _parents_first(connection, step.copies)
    _extend(connection)
    with (
        _silent(connection, ordered),
        _identities_open(connection, ordered),
        _checked_at_the_end(connection, step, ordered),
    ):
        copied = tuple(_bring_back(connection, copy, attempt) for copy in ordered)
    if not any(c.rows for c in copied) and any(c.kept or c.gone for c in copied):
        left = sum(c.kept + c.gone for c in copied)
        raise PlanBlocked(
            version=step.label,
            reason=f"nothing of it came back: where {left:,} would go, something else stands or the row is gone.",
            state_now="Nothing was changed.",
            remedy="Bring it back with what stands there overwritten, or put it back by hand.",
        )
    return copied


def _check_fits(connection: Connection, step: Step, copy: Copy) -> None:
    if tables.named(connection, copy.schema, copy.table):
        connection.execute(SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(_place(copy)))
    if reason := obstacle(connection, copy) or misfit(connection, copy):
        raise PlanBlocked(
            version=step.label,
            reason=f"{reason}.",
            state_now="No row of it was brought back.",
            remedy=f"The rows are in {SCHEMA}.{copy.saved}: put them back by hand.",
        )


def _bring_back(connection: Connection, copy: Copy, attempt: Attempt) -> Copied:
    _, differs, gone = _counts(connection, copy)
    rows = 0 if copy.columns else _insert_rows(connection, copy)
    rows += _fill_columns(connection, copy)
    _move_sequences(connection, copy, _filled(connection, copy))
    kept = 0 if copy.overwrite else differs
    if rows or not (kept or gone):
        values = {"saved": copy.saved, "by": attempt.by, "run_id": attempt.run_id, "left": kept + gone}
        connection.execute(sql.query("mark_brought_back"), values)
    saved = f"{SCHEMA}.{copy.saved}"
    return Copied(what=copy.label, saved=saved, rows=rows, columns=copy.columns, gone=gone, kept=kept)


def _counts(connection: Connection, copy: Copy) -> tuple[int, int, int]:
    """What would fill a gap, what stands there otherwise, and what has no row to return to."""
    columns = _filled(connection, copy)
    if not copy.key:
        return _one(connection, SQL("SELECT pg_catalog.count(*) FROM {}").format(Identifier(SCHEMA, copy.saved))), 0, 0
    parts = {
        "place": _own(connection, copy),
        "saved": Identifier(SCHEMA, copy.saved),
        "same": _same_row(copy, columns),
    }
    absent = int(
        _one(
            connection,
            SQL(
                "SELECT pg_catalog.count(*) FROM {saved} kept WHERE NOT EXISTS (SELECT FROM {place} here WHERE {same})"
            ).format(**parts),
        )
    )
    if not copy.columns:
        other = _list_or([_is_other(c) for c in columns if c.name not in copy.key])
        query = SQL("SELECT pg_catalog.count(*) FROM {place} here, {saved} kept WHERE {same} AND {other}")
        return absent, int(_one(connection, query.format(**parts, other=other))), 0
    fills = differs = 0
    anew = _made_anew(connection, copy)
    for column in (c for c in columns if c.name in copy.columns):
        counting = SQL(
            "SELECT pg_catalog.count(*) FILTER (WHERE {untouched}), pg_catalog.count(*) FILTER (WHERE NOT {untouched}) "
            "FROM {place} here, {saved} kept WHERE {same} AND {has} AND {other}"
        ).format(**parts, has=_has(copy, column), untouched=_is_untouched(column, anew), other=_is_other(column))
        row = cast(tuple[int, int], connection.execute(counting).fetchone())
        fills, differs = fills + row[0], differs + row[1]
    return fills, differs, absent


def _insert_rows(connection: Connection, copy: Copy) -> int:
    columns = _filled(connection, copy)
    absent = SQL("NOT EXISTS (SELECT FROM {} here WHERE {})").format(_own(connection, copy), _same_row(copy, columns))
    query = SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {} kept WHERE {}").format(
        _place(copy),
        _list(c.identifier for c in columns),
        _list(map(_value, columns)),
        Identifier(SCHEMA, copy.saved),
        absent if copy.key else SQL("true"),
    )
    return connection.execute(query).rowcount


def _fill_columns(connection: Connection, copy: Copy) -> int:
    """Row by row and column by column: where nobody has written anything since, or everywhere. Of whole rows that are
    there only where that is asked for."""
    if not copy.key or not (copy.columns or copy.overwrite):
        return 0
    columns, anew = _filled(connection, copy), _made_anew(connection, copy)
    rows = 0
    for column in (c for c in columns if c.name not in copy.key and (not copy.columns or c.name in copy.columns)):
        query = SQL(
            "UPDATE {place} here SET {column} = {value} FROM {saved} kept WHERE {same} AND {has} AND {free} AND {other}"
        ).format(
            place=_own(connection, copy),
            saved=Identifier(SCHEMA, copy.saved),
            same=_same_row(copy, columns),
            column=column.identifier,
            value=_value(column),
            has=_has(copy, column),
            free=SQL("true") if copy.overwrite else _is_untouched(column, anew),
            other=_is_other(column),
        )
        rows += connection.execute(query).rowcount
    return rows


def _has(copy: Copy, column: TableColumn) -> Composed:
    """What to put there. NULL is a value of a whole row, and where it was kept: older copies of columns have none."""
    everything = copy.with_nulls or not copy.columns
    return SQL("true" if everything else "kept.{} IS NOT NULL").format(column.identifier)


def _is_other(column: TableColumn) -> Composed:
    return SQL("here.{0}::text IS DISTINCT FROM {1}::text").format(column.identifier, _value(column))


def _triggers(connection: Connection, copy: Copy) -> list[tuple[Any, ...]]:
    oids = tables.named(connection, copy.schema, copy.table)
    rows = [connection.execute(sql.query("firing_triggers"), {"oid": oid}).fetchall() for oid in oids]
    return [tuple(row) for of_table in rows for row in of_table]


@contextmanager
def _silent(connection: Connection, copies: Sequence[Copy]) -> Iterator[None]:
    """Triggers of the project do not fire on the way back: the rows were written once already."""
    triggers = list(dict.fromkeys(t for copy in copies for t in _triggers(connection, copy) if t[-1]))
    for schema, table, trigger, _, _ in triggers:
        query = SQL("ALTER TABLE {} DISABLE TRIGGER {}").format(Identifier(schema, table), Identifier(trigger))
        connection.execute(query)
    yield
    for schema, table, trigger, always, _ in triggers:
        query = SQL("ALTER TABLE {} ENABLE {} TRIGGER {}").format(
            Identifier(schema, table), SQL("ALWAYS" if always else ""), Identifier(trigger)
        )
        connection.execute(query)


@contextmanager
def _identities_open(connection: Connection, copies: Sequence[Copy]) -> Iterator[None]:
    """GENERATED ALWAYS takes no UPDATE, whoever asks for it."""
    columns = list(
        dict.fromkeys(
            (copy.schema, copy.table, column.name)
            for copy in copies
            for column in _filled(connection, copy)
            if column.is_always_identity and column.name not in copy.key and (copy.columns or copy.overwrite)
        )
    )
    _set_generated(connection, columns, "BY DEFAULT")
    yield
    _set_generated(connection, columns, "ALWAYS")


def _set_generated(connection: Connection, columns: Iterable[tuple[str, str, str]], when: LiteralString) -> None:
    for schema, table, column in columns:
        query = SQL("ALTER TABLE {} ALTER COLUMN {} SET GENERATED {}").format(
            Identifier(schema, table), Identifier(column), SQL(when)
        )
        connection.execute(query)


@contextmanager
def _checked_at_the_end(connection: Connection, step: Step, ordered: Sequence[Copy]) -> Iterator[None]:
    """Where rows refer to each other in a circle, no order is right, so the keys are checked once all are back."""
    oids = [oid for copy in ordered for oid in tables.named(connection, copy.schema, copy.table)[:1]]
    rows = connection.execute(sql.query("references_among"), {"tables": oids}).fetchall()
    keys: list[tuple[Any, ...]] = [tuple(row) for row in rows]
    early = [key for key in keys if not key[5] and oids.index(key[0]) < oids.index(key[1])]
    later = [key for key in keys if key[5]]
    for _, _, schema, table, name, _, is_owner in early:
        if not is_owner:
            raise PlanBlocked(
                version=step.label,
                reason=f"rows refer to each other in a circle, through {name} of {schema}.{table}, and the role of "
                "Signalbox may not have that key checked later.",
                state_now="No row of it was brought back.",
                remedy="Make the key deferrable, or put the rows back by hand.",
            )
    _alter_keys(connection, early, "DEFERRABLE INITIALLY DEFERRED")
    _set_constraints(connection, later, "DEFERRED")
    yield
    _set_constraints(connection, [*early, *later], "IMMEDIATE")
    _alter_keys(connection, early, "NOT DEFERRABLE")


def _set_constraints(connection: Connection, keys: Iterable[tuple[Any, ...]], when: LiteralString) -> None:
    """By name: a deferred fuse of the run would blow if all of them were checked."""
    if names := [Identifier(key[2], key[4]) for key in keys]:
        connection.execute(SQL("SET CONSTRAINTS {} {}").format(_list(names), SQL(when)))


def _alter_keys(connection: Connection, keys: Iterable[tuple[Any, ...]], how: LiteralString) -> None:
    for _, _, schema, table, name, *_ in keys:
        query = SQL("ALTER TABLE {} ALTER CONSTRAINT {} {}").format(
            Identifier(schema, table), Identifier(name), SQL(how)
        )
        connection.execute(query)


def _filled(connection: Connection, copy: Copy) -> list[TableColumn]:
    copied = _columns_of_copy(connection, copy)
    return [c for c in tables.columns(connection, copy.schema, copy.table) if c.name in copied and not c.is_computed]


def _columns_of_copy(connection: Connection, copy: Copy) -> set[str]:
    return {column.name for column in tables.columns(connection, SCHEMA, copy.saved)}


def _value(column: TableColumn) -> Composed:
    return SQL("kept.{}::{}").format(column.identifier, SQL(column.type))


def _same_row(copy: Copy, columns: Sequence[TableColumn]) -> Composed:
    keys = [c for c in columns if c.name in copy.key]
    return SQL(" AND ").join(SQL("here.{} = {}").format(c.identifier, _value(c)) for c in keys)


def _made_anew(connection: Connection, copy: Copy) -> frozenset[str]:
    """The columns that were dropped since, and added again: what stands in all rows came with that. None where nothing
    tells: numbers of columns are those of one table."""
    if not copy.oid or copy.oid not in tables.named(connection, copy.schema, copy.table):
        return frozenset()
    copied = [column.name for column in tables.columns(connection, SCHEMA, copy.saved)]
    then = dict(zip(copied, copy.numbers, strict=False))
    now = {column.name: column.number for column in tables.columns(connection, copy.schema, copy.table)}
    return frozenset(name for name in copy.columns if name in then and then[name] != now.get(name))


def _is_untouched(column: TableColumn, anew: Collection[str]) -> Composed:
    """Empty, or what the column was added with: that nobody wrote, as far as can be told. NULL goes there only where
    the column was made anew: in one that was there all the time somebody has written the default."""
    empty = SQL("here.{} IS NULL").format(column.identifier)
    if column.constant is None:
        return SQL("({})").format(empty)
    default = SQL("here.{0}::text IS NOT DISTINCT FROM (({1})::{2})::text").format(
        column.identifier, SQL(column.constant), SQL(column.type)
    )
    if column.name in anew:
        return SQL("({} OR {})").format(empty, default)
    return SQL("({} OR {} AND kept.{} IS NOT NULL)").format(empty, default, column.identifier)


def _move_sequences(connection: Connection, copy: Copy, columns: Iterable[TableColumn]) -> None:
    """Past what came back, or the next insert would collide with it."""
    for column in columns:
        if column.sequence:
            query = SQL(
                "SELECT pg_catalog.setval({}, highest) FROM (SELECT max({}) AS highest FROM {}) m "
                "WHERE highest >= (SELECT last_value FROM {})"
            ).format(composing.Literal(column.sequence), column.identifier, _place(copy), SQL(column.sequence))
            connection.execute(query)


def _parents_first(connection: Connection, copies: Sequence[Copy]) -> list[Copy]:
    """Rows that refer to others come back after those."""
    oids = {copy: next(iter(tables.named(connection, copy.schema, copy.table)), None) for copy in copies}
    existing = [oid for oid in oids.values() if oid is not None]
    references = connection.execute(sql.query("refers_to"), {"tables": existing}).fetchall()
    ordered: list[Copy] = []
    while rest := [copy for copy in copies if copy not in ordered]:
        waiting = {oids[copy] for copy in rest}
        held_up = {child for child, parent in references if parent in waiting}
        ordered += [copy for copy in rest if oids[copy] not in held_up] or rest  # a circle has no right order
    return ordered


def _own(connection: Connection, copy: Copy) -> Composed:
    """Where its own rows are, without those of tables that inherit from it: those have copies of their own."""
    for oid in tables.named(connection, copy.schema, copy.table):
        if relation := tables.facts(connection, oid):
            return relation.own
    return SQL("{}").format(_place(copy))


def _list_or(parts: Sequence[composing.Composable]) -> Composed:
    return SQL("({})").format(SQL(" OR ").join(parts)) if parts else SQL("{}").format(SQL("false"))


def _place(copy: Copy) -> Identifier:
    return Identifier(copy.schema, copy.table)


def _list(parts: Iterable[composing.Composable]) -> Composed:
    return SQL(", ").join(parts)


@contextmanager
def _set_locally(connection: Connection, setting: str, value: str) -> Iterator[None]:
    """As it was afterwards. What fails in between ends the transaction, and the setting with it."""
    before = _one(connection, SQL("SELECT pg_catalog.current_setting({})").format(setting))
    query = "SELECT pg_catalog.set_config(%s, %s, true)"
    connection.execute(query, (setting, value))
    yield
    connection.execute(query, (setting, before))


def _one(connection: Connection, query: Any) -> Any:
    row = cast(tuple[Any, ...] | None, connection.execute(query).fetchone())
    return row[0] if row else None


def _from_register(row: tuple[Any, ...]) -> Save:
    saved, schema, table, columns, key, rows, action, version, name, run_id, attempt_id, by, at, *more = row
    *back, left, oid, numbers, with_nulls, planned_as, exists = more
    return Save(
        copy=Copy(
            schema=schema,
            table=table,
            columns=tuple(columns),
            key=tuple(key),
            saved=saved,
            oid=oid,
            numbers=tuple(numbers),
            with_nulls=with_nulls,
            planned_as=planned_as,
        ),
        rows=rows,
        action=action,
        version=version,
        name=name,
        run_id=run_id,
        attempt_id=attempt_id,
        by=by,
        at=at,
        brought_back_at=back[0],
        brought_back_by=back[1],
        brought_back_in=back[2],
        exists=exists,
        left=left or 0,
    )
