"""SQL is put together while it runs: what it does stands in no text, so nobody can judge it beforehand.

A text that EXECUTE is given as it is counts as written there. The body of a function runs when something calls it.
"""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.migration import Severity
from dashboard.engine.sql import dynamic

_ADVICE = (
    "Write the statements out where you can. Where names are only known at run time, let whoever approves this read "
    "the block as if it were code: no forecast, no rule and no rehearsal tells what it does."
)


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    for command in dynamic.commands_in(linted.script.sql):
        when = "when the function is called" if command.is_defined_only else "while it runs"
        yield Hit(
            severity=Severity.WARNING,
            sentence=f"SQL is put together {when}: what it does cannot be judged from the text.",
            advice=_ADVICE,
            place=(command.line, 1),
            statement=command.statement,
        )
