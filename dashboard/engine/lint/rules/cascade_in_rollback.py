"""CASCADE in a rollback takes along what later work built on top, and nothing records that it is gone."""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.migration import Severity
from dashboard.engine.sql.objects import DROPPING

KINDS = DROPPING


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    if linted.is_up:
        return
    reported: set[int] = set()
    for parsed, drop in linted.drops:
        if drop.cascade and parsed.statement.offset not in reported:
            reported.add(parsed.statement.offset)
            yield parsed.hit(
                Severity.WARNING,
                f"DROP ... CASCADE takes along whatever depends on {drop.object} when it runs, later work included.",
                "Name what the migration made and drop it in the opposite order, without CASCADE: PostgreSQL then "
                "refuses where something else still needs it.",
            )
