"""Indexes that a statement builds or drops concurrently."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from dashboard.engine.sql.statements import Statement, split, tree


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexBuild:
    """What CREATE INDEX CONCURRENTLY builds: the name (empty where the server chooses it) and its table, as in SQL."""

    name: str
    table: str
    index: str  # qualified, quoted


def concurrent_index(statement: Statement) -> IndexBuild | None:
    """The index a statement builds concurrently; None for every other statement."""
    if statement.node != "index_stmt" or statement.transactional:
        return None
    parsed = tree(statement)
    if parsed is None:
        return None
    schema = f"{_quoted(parsed.relation.schemaname)}." if parsed.relation.schemaname else ""
    return IndexBuild(
        name=parsed.idxname, table=schema + _quoted(parsed.relation.relname), index=schema + _quoted(parsed.idxname)
    )


def is_as_stated(statement: Statement, definition: str) -> bool | None:
    """Whether an index that stands is the one the statement builds; `definition` is what pg_get_indexdef says of it.

    None where that cannot be told from the words: PostgreSQL writes expressions and operator classes its own way.
    """
    wanted, standing = tree(statement), tree(split(definition)[0])
    if wanted is None or standing is None:
        return None
    if _plain(wanted) != _plain(standing):
        return False
    return True if _rest(wanted) == _rest(standing) else None


def _plain(index: Any) -> tuple[object, ...]:
    """What is written in one way only: table, method, uniqueness, and each column with its direction."""
    return (
        index.relation.relname,
        index.access_method or "btree",
        index.unique,
        index.nulls_not_distinct,
        tuple(_column(item.index_elem) for item in index.index_params),
        tuple(item.index_elem.name for item in index.index_including_params),
        index.HasField("where_clause"),
    )


def _column(element: Any) -> tuple[object, ...]:
    is_descending = element.ordering == _DESCENDING
    nulls_first = {_NULLS_FIRST: True, _NULLS_LAST: False}.get(element.nulls_ordering, is_descending)
    return element.name, is_descending, nulls_first


def _rest(index: Any) -> tuple[object, ...]:
    """What PostgreSQL may write in another way than the file: equal words mean the same, others mean nothing."""
    elements = [item.index_elem for item in index.index_params]
    return (
        [(_words(e.expr), _all_words(e.collation), _all_words(e.opclass), _all_words(e.opclassopts)) for e in elements],
        _all_words(index.options),
        _words(index.where_clause),
    )


def _all_words(nodes: Any) -> list[str]:
    return [_words(node) for node in nodes]


def _words(node: Any) -> str:
    """A part of the tree without the places where it stood."""
    return _PLACE.sub("", str(node))


_PLACE = re.compile(r"^\s*location: \d+\n", re.MULTILINE)
#: SortByDir and SortByNulls of the parser.
_DESCENDING, _NULLS_FIRST, _NULLS_LAST = 3, 2, 3


def concurrently_dropped(statement: Statement) -> str:
    """The index that DROP INDEX CONCURRENTLY drops, qualified and quoted; empty for every other statement."""
    if statement.node != "drop_stmt" or statement.transactional:
        return ""
    parsed = tree(statement)
    if parsed is None or len(parsed.objects) != 1:
        return ""
    return ".".join(_quoted(item.string.sval) for item in parsed.objects[0].list.items)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
