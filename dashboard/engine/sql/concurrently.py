"""Statements that say CONCURRENTLY: each is several transactions, so what breaks one off leaves it half done."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dashboard.engine.sql import trees
from dashboard.engine.sql.indexes import IndexBuild, concurrent_index, concurrently_dropped
from dashboard.engine.sql.statements import Statement, tree


class Verb(StrEnum):
    BUILD = "build"  # CREATE INDEX
    DROP = "drop"  # DROP INDEX
    REBUILD = "rebuild"  # REINDEX
    DETACH = "detach"  # ALTER TABLE ... DETACH PARTITION, FINALIZE too


@dataclass(frozen=True, slots=True, kw_only=True)
class Concurrent:
    """What such a statement works on, named as in SQL."""

    verb: Verb
    table: str = ""  # of BUILD; what REBUILD names, table or index; the parent of DETACH
    index: str = ""  # of DROP
    partition: str = ""
    schema: str = ""  # REINDEX SCHEMA; with neither table nor schema it is the whole database
    build: IndexBuild | None = None

    @property
    def subject(self) -> str:
        """What it makes, drops or moves; of an index that it builds, as named there."""
        built = self.build.index if self.build and self.build.name else ""
        return built or self.partition or self.index or self.table or self.schema

    @property
    def is_qualified(self) -> bool:
        """Whether the search path has no say in what it names."""
        return not any(map(_UNQUALIFIED.fullmatch, (self.table, self.index, self.partition)))


_UNQUALIFIED = re.compile(r'"(?:[^"]|"")+"')


def concurrent(statement: Statement) -> Concurrent | None:
    """None for every other statement."""
    reader = _READERS.get(statement.node)
    return reader(statement) if reader else None


def _build(statement: Statement) -> Concurrent | None:
    index = concurrent_index(statement)
    return Concurrent(verb=Verb.BUILD, table=index.table, build=index) if index else None


def _drop(statement: Statement) -> Concurrent | None:
    index = concurrently_dropped(statement)
    return Concurrent(verb=Verb.DROP, index=index) if index else None


def _rebuild(statement: Statement) -> Concurrent | None:
    parsed = tree(statement)
    if parsed is None or "concurrently" not in [option.def_elem.defname for option in parsed.params]:
        return None
    if trees.enum_name(parsed, "kind") == "REINDEX_OBJECT_SCHEMA":
        return Concurrent(verb=Verb.REBUILD, schema=parsed.name)
    return Concurrent(verb=Verb.REBUILD, table=_name(parsed.relation) if parsed.HasField("relation") else "")


def _detach(statement: Statement) -> Concurrent | None:
    parsed = tree(statement)
    if parsed is None:
        return None
    for command in map(trees.unwrap, parsed.cmds):
        kind = trees.enum_name(command, "subtype")
        if kind not in {"AT_DetachPartition", "AT_DetachPartitionFinalize"}:
            continue
        detached = trees.definition(command)
        if kind == "AT_DetachPartitionFinalize" or detached.concurrent:
            return Concurrent(verb=Verb.DETACH, table=_name(parsed.relation), partition=_name(detached.name))
    return None


_READERS: Mapping[str, Callable[[Statement], Concurrent | None]] = {
    "index_stmt": _build,
    "drop_stmt": _drop,
    "reindex_stmt": _rebuild,
    "alter_table_stmt": _detach,
}


def _name(relation: Any) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in (relation.schemaname, relation.relname) if part)
