"""Saved rows come back to where they were copied from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import cast

import psycopg
from psycopg import sql as composing
from psycopg.sql import SQL, Composed, Identifier

from dashboard.engine.database import sql, tables
from dashboard.engine.database.connection import Connection
from dashboard.engine.database.saved.fitting import misfit, obstacle
from dashboard.engine.database.saved.queries import (
    any_of,
    comma_separated,
    filled_columns,
    one_value,
    own_rows,
    same_row,
    saved_value,
    table_name,
)
from dashboard.engine.database.saved.register import extend
from dashboard.engine.database.saved.suspended import (
    firing_triggers,
    identities_open,
    keys_checked_at_the_end,
    triggers_silent,
)
from dashboard.engine.database.saved.values import SCHEMA, Copied, Outlook
from dashboard.engine.database.tables import TableColumn
from dashboard.engine.database.tracking import Attempt
from dashboard.engine.errors import PlanBlocked
from dashboard.engine.plan import Copy, Step

#: For as long as the transaction lasts.
QUICKLY = "SET LOCAL statement_timeout = '2s'"


def outlook(connection: Connection, copy: Copy) -> Outlook:
    """Counted on the target. Only for a copy without an obstacle."""
    fills, differs, gone = _counts(connection, copy)
    loud = [trigger for *_, trigger, _, is_owner in firing_triggers(connection, copy) if not is_owner]
    return Outlook(fills=fills, differs=differs, gone=gone, triggers=tuple(loud))


def quickly[T](connection: Connection, read: Callable[[], T]) -> T | None:
    """The result of `read`; None where one of its statements takes longer than a list of many copies can wait for."""
    try:
        with connection.transaction():
            connection.execute(QUICKLY)
            return read()
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable):
        return None


def bring_back_all(connection: Connection, step: Step, attempt: Attempt) -> tuple[Copied, ...]:
    """Parents first, with triggers silent and circular keys checked at the end. Raises PlanBlocked where none came."""
    for copy in step.copies:
        _check_fits(connection, step, copy)
    ordered = _parents_first(connection, step.copies)
    extend(connection)
    with (
        triggers_silent(connection, ordered),
        identities_open(connection, ordered),
        keys_checked_at_the_end(connection, step, ordered),
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
        connection.execute(SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(table_name(copy)))
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
    _move_sequences(connection, copy, filled_columns(connection, copy))
    kept = 0 if copy.overwrite else differs
    if rows or not (kept or gone):
        values = {"saved": copy.saved, "by": attempt.by, "run_id": attempt.run_id, "left": kept + gone}
        connection.execute(sql.query("mark_brought_back"), values)
    saved = f"{SCHEMA}.{copy.saved}"
    return Copied(what=copy.label, saved=saved, rows=rows, columns=copy.columns, gone=gone, kept=kept)


def _counts(connection: Connection, copy: Copy) -> tuple[int, int, int]:
    """How many rows or values would fill a gap, how many places hold something else, and how many have no row to return
    to."""
    columns = filled_columns(connection, copy)
    if not copy.key:
        return (
            one_value(connection, SQL("SELECT pg_catalog.count(*) FROM {}").format(Identifier(SCHEMA, copy.saved))),
            0,
            0,
        )
    parts = {
        "place": own_rows(connection, copy),
        "saved": Identifier(SCHEMA, copy.saved),
        "same": same_row(copy, columns),
    }
    absent = int(
        one_value(
            connection,
            SQL(
                "SELECT pg_catalog.count(*) FROM {saved} kept WHERE NOT EXISTS (SELECT FROM {place} here WHERE {same})"
            ).format(**parts),
        )
    )
    if not copy.columns:
        other = any_of([_is_other(c) for c in columns if c.name not in copy.key])
        query = SQL("SELECT pg_catalog.count(*) FROM {place} here, {saved} kept WHERE {same} AND {other}")
        return absent, int(one_value(connection, query.format(**parts, other=other))), 0
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
    columns = filled_columns(connection, copy)
    absent = SQL("NOT EXISTS (SELECT FROM {} here WHERE {})").format(
        own_rows(connection, copy), same_row(copy, columns)
    )
    query = SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {} kept WHERE {}").format(
        table_name(copy),
        comma_separated(c.identifier for c in columns),
        comma_separated(map(saved_value, columns)),
        Identifier(SCHEMA, copy.saved),
        absent if copy.key else SQL("true"),
    )
    return connection.execute(query).rowcount


def _fill_columns(connection: Connection, copy: Copy) -> int:
    """Row by row and column by column: where nobody has written anything since, or everywhere if overwriting is asked
    for. Whole rows that are still there are changed only then."""
    if not copy.key or not (copy.columns or copy.overwrite):
        return 0
    columns, anew = filled_columns(connection, copy), _made_anew(connection, copy)
    rows = 0
    for column in (c for c in columns if c.name not in copy.key and (not copy.columns or c.name in copy.columns)):
        query = SQL(
            "UPDATE {place} here SET {column} = {value} FROM {saved} kept WHERE {same} AND {has} AND {free} AND {other}"
        ).format(
            place=own_rows(connection, copy),
            saved=Identifier(SCHEMA, copy.saved),
            same=same_row(copy, columns),
            column=column.identifier,
            value=saved_value(column),
            has=_has(copy, column),
            free=SQL("true") if copy.overwrite else _is_untouched(column, anew),
            other=_is_other(column),
        )
        rows += connection.execute(query).rowcount
    return rows


def _has(copy: Copy, column: TableColumn) -> Composed:
    """A condition: the copy has a value for it. NULL counts as one in a whole row, and where it was saved: older copies
    of columns have no NULLs."""
    everything = copy.with_nulls or not copy.columns
    return SQL("true" if everything else "kept.{} IS NOT NULL").format(column.identifier)


def _is_other(column: TableColumn) -> Composed:
    return SQL("here.{0}::text IS DISTINCT FROM {1}::text").format(column.identifier, saved_value(column))


def _made_anew(connection: Connection, copy: Copy) -> frozenset[str]:
    """The columns that were dropped since and added again, so that every value in them came with that. None of them
    where it cannot be told: column numbers belong to one table."""
    if not copy.oid or copy.oid not in tables.named(connection, copy.schema, copy.table):
        return frozenset()
    copied = [column.name for column in tables.columns(connection, SCHEMA, copy.saved)]
    then = dict(zip(copied, copy.numbers, strict=False))
    now = {column.name: column.number for column in tables.columns(connection, copy.schema, copy.table)}
    return frozenset(name for name in copy.columns if name in then and then[name] != now.get(name))


def _is_untouched(column: TableColumn, anew: Collection[str]) -> Composed:
    """The column is empty or holds its default, so nobody has written it, as far as can be told. A NULL is put over a
    default only where the column was made anew: in a column that was there all the time somebody wrote the default."""
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
    """Move them past the values that came back, or the next insert would collide with one."""
    for column in columns:
        if column.sequence:
            query = SQL(
                "SELECT pg_catalog.setval({}, highest) FROM (SELECT max({}) AS highest FROM {}) m "
                "WHERE highest >= (SELECT last_value FROM {})"
            ).format(composing.Literal(column.sequence), column.identifier, table_name(copy), SQL(column.sequence))
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
