"""An event trigger fires on the statements of every later migration, and runs whatever its function does then."""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.migration import Severity

KINDS = frozenset({"CreateEventTrigStmt", "AlterEventTrigStmt"})

_ADVICE = (
    "Look for a way that names its tables, such as a trigger on them. If it has to be an event trigger, allow it with "
    "a reason: from then on no forecast can say of a change to the schema that no row would be lost."
)


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    for parsed in linted.parsed:
        if parsed.kind == "CreateEventTrigStmt":
            sentence = (
                f"The event trigger {parsed.tree.trigname} runs its function at every later {parsed.tree.eventname}."
            )
            yield parsed.hit(Severity.ERROR, sentence, _ADVICE)
        elif parsed.kind == "AlterEventTrigStmt":
            sentence = f"The event trigger {parsed.tree.trigname} is switched on or off for every later migration."
            yield parsed.hit(Severity.WARNING, sentence, _ADVICE)
