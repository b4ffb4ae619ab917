"""What is suspended while rows come back, and is as it was afterwards: triggers, identities and keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

from psycopg.sql import SQL, Identifier

from dashboard.engine.database import sql, tables
from dashboard.engine.database.connection import Connection
from dashboard.engine.database.saved.queries import comma_separated, filled_columns
from dashboard.engine.errors import PlanBlocked
from dashboard.engine.plan import Copy, Step


def firing_triggers(connection: Connection, copy: Copy) -> list[tuple[Any, ...]]:
    oids = tables.named(connection, copy.schema, copy.table)
    rows = [connection.execute(sql.query("firing_triggers"), {"oid": oid}).fetchall() for oid in oids]
    return [tuple(row) for of_table in rows for row in of_table]


@contextmanager
def triggers_silent(connection: Connection, copies: Sequence[Copy]) -> Iterator[None]:
    """Triggers of the project do not fire on the way back: the rows were written once already."""
    triggers = list(dict.fromkeys(t for copy in copies for t in firing_triggers(connection, copy) if t[-1]))
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
def identities_open(connection: Connection, copies: Sequence[Copy]) -> Iterator[None]:
    """GENERATED ALWAYS takes no UPDATE, whoever asks for it."""
    columns = list(
        dict.fromkeys(
            (copy.schema, copy.table, column.name)
            for copy in copies
            for column in filled_columns(connection, copy)
            if column.is_always_identity and column.name not in copy.key and (copy.columns or copy.overwrite)
        )
    )
    _set_generated(connection, columns, "BY DEFAULT")
    yield
    _set_generated(connection, columns, "ALWAYS")


@contextmanager
def keys_checked_at_the_end(connection: Connection, step: Step, ordered: Sequence[Copy]) -> Iterator[None]:
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


def _set_generated(connection: Connection, columns: Iterable[tuple[str, str, str]], when: LiteralString) -> None:
    for schema, table, column in columns:
        query = SQL("ALTER TABLE {} ALTER COLUMN {} SET GENERATED {}").format(
            Identifier(schema, table), Identifier(column), SQL(when)
        )
        connection.execute(query)


def _set_constraints(connection: Connection, keys: Iterable[tuple[Any, ...]], when: LiteralString) -> None:
    """By name: a deferred fuse of the run would blow if all of them were checked."""
    if names := [Identifier(key[2], key[4]) for key in keys]:
        connection.execute(SQL("SET CONSTRAINTS {} {}").format(comma_separated(names), SQL(when)))


def _alter_keys(connection: Connection, keys: Iterable[tuple[Any, ...]], how: LiteralString) -> None:
    for _, _, schema, table, name, *_ in keys:
        query = SQL("ALTER TABLE {} ALTER CONSTRAINT {} {}").format(
            Identifier(schema, table), Identifier(name), SQL(how)
        )
        connection.execute(query)
