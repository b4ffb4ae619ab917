"""The statement ends or cancels other sessions, or its own: the run can lose its connection and its verdict."""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.migration import Severity
from dashboard.engine.sql.trees import function_name

KINDS = frozenset({"FuncCall"})

_FUNCTIONS = ("pg_terminate_backend", "pg_cancel_backend", "pg_promote", "pg_advisory_unlock_all")


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    for parsed in linted.parsed:
        for call in parsed.all("FuncCall"):
            if (name := function_name(call)) in _FUNCTIONS:
                yield parsed.hit(
                    Severity.ERROR,
                    f"{name}() ends or frees what other sessions are doing, and can end this run itself.",
                    "End sessions by hand before the run. Signalbox waits for locks only briefly, and tries again.",
                    at=call,
                )
