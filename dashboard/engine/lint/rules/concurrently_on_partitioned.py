"""PostgreSQL refuses CREATE INDEX CONCURRENTLY on a partitioned table. Known from the folder and the live catalog."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.migration import Severity
from dashboard.engine.sql import objects
from dashboard.engine.sql.objects import ObjectSet
from dashboard.engine.sql.trees import Name, relation_name

KINDS = frozenset({"IndexStmt"})


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    for parsed in linted.parsed:
        if parsed.kind != "IndexStmt" or not parsed.tree.concurrent:
            continue
        table = relation_name(parsed.tree.relation)
        if is_partitioned(table, linted, context):
            yield parsed.hit(
                Severity.ERROR,
                f"{table} is partitioned, and PostgreSQL refuses CREATE INDEX CONCURRENTLY on a partitioned table.",
                f"Write CREATE INDEX ... ON ONLY {table} in one file. Then, in files of their own, CREATE INDEX "
                "CONCURRENTLY on each partition, and last ALTER INDEX ... ATTACH PARTITION for each.",
            )


def is_partitioned(table: Name, linted: LintedScript, context: LintContext) -> bool:
    return linted.is_partitioned(table) or objects.table(table) in _tables(context.partitioned or frozenset())


@lru_cache(maxsize=8)
def _tables(names: frozenset[str]) -> ObjectSet:
    return ObjectSet(objects.table(Name.read(name)) for name in names)
