"""PostgreSQL refuses CREATE INDEX CONCURRENTLY on a partitioned table. Known from the folder and the live catalog."""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.migration import Severity
from dashboard.engine.sql.trees import Name, relation_name


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
    live = (Name.read(name) for name in context.partitioned or ())
    return linted.is_partitioned(table) or any(name.matches(table) for name in live)
