"""Indexes that a statement builds or drops concurrently."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.engine.sql.statements import Statement, tree


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
