"""The migration has no rollback, and does not say why (`-- signalbox: irreversible=<reason>`)."""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.problems import hits
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.migration import NO_ROLLBACK, Severity

CODES = (NO_ROLLBACK,)


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    migration = linted.migration
    if (
        not linted.is_up
        or migration.is_repeatable
        or migration.down is not None
        or "irreversible" in migration.directives
    ):
        return
    if any(problem.code == "empty_rollback" for problem in migration.problems):
        return  # there is a file for it, and comment-only-rollback says what is wrong with it
    if problems := list(hits(linted, CODES)):
        yield from problems
        return
    yield Hit(
        severity=Severity.WARNING,
        sentence=f"{linted.script.file} has no rollback: once applied, it cannot be undone from here.",
        advice="Write the SQL that undoes it beside it, or say why there is none: "
        "`-- signalbox: irreversible=<reason>`.",
    )
