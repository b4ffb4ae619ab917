"""A statement too long or too deeply nested to be read: no other rule has seen what it does.

A long INSERT is left alone: it adds rows, and is looked through for secrets all the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.migration import Severity


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    for statement in linted.script.statements:
        if not statement.node and statement.sql[:6].upper() != "INSERT":
            yield Hit(
                severity=Severity.WARNING,
                sentence="This statement is too long, or nested too deeply, to be judged.",
                advice="Split it into shorter statements; or read it yourself, and allow it with a reason.",
                offset=statement.offset,
                statement=statement.number,
            )
