"""Indexes that a statement builds or drops concurrently."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.engine.sql import trees
from dashboard.engine.sql.statements import Statement, read, tree


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexBuild:
    """What CREATE INDEX CONCURRENTLY builds: the name (empty where the server chooses it) and its table, as in SQL."""

    name: str
    table: str
    index: str  # qualified, quoted
    sql: str  # the statement


def concurrent_index(statement: Statement) -> IndexBuild | None:
    """The index a statement builds concurrently; None for every other statement."""
    if statement.node != "index_stmt" or statement.transactional:
        return None
    parsed = tree(statement)
    if parsed is None:
        return None
    schema = f"{_quoted(parsed.relation.schemaname)}." if parsed.relation.schemaname else ""
    return IndexBuild(
        name=parsed.idxname,
        table=schema + _quoted(parsed.relation.relname),
        index=schema + _quoted(parsed.idxname),
        sql=statement.sql,
    )


def concurrently_dropped(statement: Statement) -> str:
    """The index that DROP INDEX CONCURRENTLY drops, qualified and quoted; empty for every other statement."""
    if statement.node != "drop_stmt" or statement.transactional:
        return ""
    parsed = tree(statement)
    if parsed is None or len(parsed.objects) != 1:
        return ""
    return ".".join(_quoted(item.string.sval) for item in parsed.objects[0].list.items)


def is_as_asked(asked: str, definition: str) -> bool | None:
    """Whether an index that the server writes down as `definition` is what CREATE INDEX `asked` makes. The table is not
    compared: only the server knows which one a name means. None where the texts do not tell: the server rewrites
    expressions and leaves out what is the default."""
    wanted, present = read(asked)[1], read(definition)[1]
    if wanted is None or present is None:
        return None
    if _outline(wanted) != _outline(present):
        return False
    return True if _is_alike(_details(wanted), _details(present)) else None


def _outline(index: Any) -> object:
    """What is written the same way by everybody."""
    columns = [(column.name, *_order(column)) for column in map(trees.unwrap, index.index_params)]
    included = [trees.unwrap(column).name for column in index.index_including_params]
    method = index.access_method or "btree"
    return index.unique, index.nulls_not_distinct, method, columns, included


def _order(column: Any) -> tuple[str, str]:
    """With what is meant where nothing is said."""
    order, nulls = trees.enum_name(column, "ordering"), trees.enum_name(column, "nulls_ordering")
    order = "SORTBY_ASC" if order == "SORTBY_DEFAULT" else order
    first = "SORTBY_NULLS_FIRST" if order == "SORTBY_DESC" else "SORTBY_NULLS_LAST"
    return order, first if nulls == "SORTBY_NULLS_DEFAULT" else nulls


def _details(index: Any) -> list[Any]:
    """Expressions, operator classes, collations, parameters, the predicate."""
    parts = [(c.expr, c.collation, c.opclass, c.opclassopts) for c in map(trees.unwrap, index.index_params)]
    return [*parts, index.options, index.where_clause]


def _is_alike(asked: Any, written: Any) -> bool:
    """Equal but for where it stands in the text, and for casts that the server writes out where none was asked for."""
    if isinstance(asked, Iterable) and not isinstance(asked, str):
        return _are_alike([*asked], [*written])
    if not hasattr(asked, "DESCRIPTOR"):
        return bool(asked == written)
    if _kind_of_node(written) == "type_cast" and _kind_of_node(asked) not in {"type_cast", None}:
        return _is_alike(asked, written.type_cast.arg)
    fields = {field.name for message in (asked, written) for field, _ in message.ListFields()} - {"location"}
    return all(_is_alike(getattr(asked, name), getattr(written, name)) for name in fields)


def _are_alike(asked: Sequence[Any], written: Sequence[Any]) -> bool:
    return len(asked) == len(written) and all(map(_is_alike, asked, written))


def _kind_of_node(message: Any) -> str | None:
    return message.WhichOneof("node") if trees.kind(message) == "Node" else None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
