"""search_path is set for the session and not put back. Signalbox resets it between migrations; psql does not."""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.lint.settings import changed
from dashboard.engine.migration import Severity

KINDS = frozenset({"VariableSetStmt", "FuncCall"})


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    left = [setting for setting in changed(linted) if setting.name == "search_path" and setting.is_for_session]
    if not left or left[-1].is_reset:
        return
    yield left[0].parsed.hit(
        Severity.NOTE,
        "search_path is set for the whole session and not put back; names without a schema mean something else then.",
        "Write SET LOCAL search_path, or name the schema of each object. Signalbox resets the session between "
        "migrations, so the next file is safe here; under psql it is not.",
    )
