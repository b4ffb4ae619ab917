"""What a broken-off statement with CONCURRENTLY left half done, as the catalog shows it, and what finishes or removes
it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

import psycopg

from dashboard.engine.database import indexes, sql
from dashboard.engine.database.connection import Connection
from dashboard.engine.database.indexes import Built
from dashboard.engine.database.tables import written_as
from dashboard.engine.sql.concurrently import Concurrent, Verb, concurrent
from dashboard.engine.sql.search_path import settings_before
from dashboard.engine.sql.statements import Statement


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Leftover:
    """An invalid index; or, with a parent, a partition whose detaching is pending."""

    name: str  # qualified, quoted
    parent: str = ""

    @property
    def sentence(self) -> str:
        if self.parent:
            return (
                f"The partition {self.name} is detached from {self.parent} only in part: its rows do not show there "
                "any more."
            )
        return f"The index {self.name} is invalid: it serves no read and can cost on every write."

    @property
    def way_on(self) -> str:
        """The statement that removes it. Only for what is still a leftover."""
        if self.parent:
            return f"ALTER TABLE {self.parent} DETACH PARTITION {self.name} FINALIZE"
        return f"DROP INDEX CONCURRENTLY {self.name}"


#: Before sentences about leftovers that are kept: when they are read, somebody may have dealt with them.
FOUND_THEN = "Found when it failed: "


class Progress(StrEnum):
    """How far a statement has got, as the catalog shows it."""

    DONE = "done"
    NOT_DONE = "not done"
    HALF = "half done"  # it left something behind
    NOT_KNOWN = "not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    progress: Progress
    leftovers: frozenset[Leftover] = frozenset()


def standing(connection: Connection, statement: Concurrent) -> Aftermath:
    """How far that statement has got now. Names are looked up with the search path of the session."""
    left = frozenset(_left(connection, statement))
    return Aftermath(progress=Progress.HALF if left else _progress(connection, statement), leftovers=left)


def standing_of(connection: Connection, script: Iterable[Statement], statement: Statement) -> Aftermath:
    """The same for a statement of a script that broke off. Its names are looked up with the search path that the
    statements before it had set. Where that is not known, nothing is said of a name without its schema."""
    several = concurrent(statement)
    settings = settings_before(script, statement.number)
    if several is None or (settings is None and not several.is_qualified):
        return Aftermath(progress=Progress.NOT_KNOWN)
    try:
        with connection.transaction(force_rollback=True):
            for setting in settings or ():
                connection.execute(setting.sql.encode())
            return standing(connection, several)
    except psycopg.Error:  # the role is not there any more
        if connection.closed:
            raise
        return Aftermath(progress=Progress.NOT_KNOWN)


def is_still_there(connection: Connection, way_on: Statement) -> bool:
    """Whether what that statement is to remove is still a leftover: no valid index, no attached partition."""
    takes_away = concurrent(way_on)
    return takes_away is not None and bool(standing(connection, takes_away).leftovers)


def may_be_of(leftover: Leftover, table: str, statement: Concurrent) -> bool:
    """Whether that statement can have left this when it broke off. `table` is that of an index."""
    last = _last_name(leftover.name)
    match statement.verb:
        case Verb.DETACH:
            return bool(leftover.parent) and last == _last_name(statement.partition)
        case _ if leftover.parent:
            return False
        case Verb.BUILD if statement.build and statement.build.name:
            return last == statement.build.name
        case Verb.BUILD:
            return _last_name(table) == _last_name(statement.table)
        case Verb.DROP:
            return last == _last_name(statement.index)
        case Verb.REBUILD:
            return _OF_REBUILD.search(last) is not None
    assert_never(statement.verb)


#: How REINDEX CONCURRENTLY names the new index while it builds it, and the old one until it drops it.
_OF_REBUILD = re.compile(r"_cc(?:new|old)\d*$")
_LAST_NAME = re.compile(r'(?:"((?:[^"]|"")+)"|([^".]+))$')


def _last_name(qualified: str) -> str:
    match = _LAST_NAME.search(qualified)
    return (match[1] or "").replace('""', '"') or match[2] if match else ""


def sentences(leftovers: Iterable[Leftover]) -> str:
    return " ".join(leftover.sentence for leftover in sorted(leftovers))


def ways_on(leftovers: Iterable[Leftover]) -> tuple[str, ...]:
    return tuple(leftover.way_on for leftover in sorted(leftovers))


def _left(connection: Connection, statement: Concurrent) -> list[Leftover]:
    match statement.verb:
        case Verb.BUILD:
            left = indexes.invalid(connection, statement.table)
            name = statement.build.name if statement.build else ""
            return [Leftover(name=index.qualified) for index in left if not name or index.name == name]
        case Verb.DETACH:
            rows = connection.execute(sql.query("pending_detach"), _partition(connection, statement)).fetchall()
            return [Leftover(name=str(partition), parent=str(parent)) for partition, parent in rows]
        case Verb.DROP:
            return _indexes(connection, "invalid_index", {"index": written_as(connection, statement.index)})
        case Verb.REBUILD:
            relation = written_as(connection, statement.table) if statement.table else None
            values = {"relation": relation, "whole": not statement.table, "schema": statement.schema}
            return _indexes(connection, "left_by_reindex", values)
    assert_never(statement.verb)


def _partition(connection: Connection, statement: Concurrent) -> dict[str, int | None]:
    return {
        "parent": written_as(connection, statement.table),
        "partition": written_as(connection, statement.partition),
    }


def _indexes(connection: Connection, query: str, values: Mapping[str, object]) -> list[Leftover]:
    return [Leftover(name=str(row[0])) for row in connection.execute(sql.query(query), values).fetchall()]


def _progress(connection: Connection, statement: Concurrent) -> Progress:
    match statement.verb:
        case Verb.BUILD if statement.build:
            return _BUILT[indexes.built(connection, statement.build)]
        case Verb.DROP:
            is_gone = indexes.is_valid(connection, statement.index) is None
            return Progress.DONE if is_gone else Progress.NOT_DONE
        case Verb.DETACH:
            return _detached(connection, statement)
    return Progress.NOT_DONE  # of REINDEX: it does no harm a second time


_BUILT = {
    Built.AS_ASKED: Progress.DONE,
    Built.NOT_THERE: Progress.NOT_DONE,
    Built.INVALID: Progress.HALF,
    Built.NOT_KNOWN: Progress.NOT_KNOWN,
}


def _detached(connection: Connection, statement: Concurrent) -> Progress:
    row = connection.execute(sql.query("partition_state"), _partition(connection, statement)).fetchone()
    if row is None or not row[0]:
        return Progress.NOT_KNOWN
    return Progress.NOT_DONE if row[1] else Progress.DONE
