"""A SECURITY DEFINER function without its own search_path: its caller decides which tables and functions it means."""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.migration import Severity
from dashboard.engine.sql.trees import dotted

KINDS = frozenset({"CreateFunctionStmt"})


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    for parsed in linted.parsed:
        if parsed.kind != "CreateFunctionStmt":
            continue
        given = [node.def_elem for node in parsed.tree.options]
        definer = any(option.defname == "security" and option.arg.boolean.boolval for option in given)
        has_path = any(
            option.defname == "set" and option.arg.variable_set_stmt.name == "search_path" for option in given
        )
        if definer and not has_path:
            yield parsed.hit(
                Severity.WARNING,
                f"{dotted(parsed.tree.funcname)}() runs with its owner's rights and its caller's search_path.",
                "Add SET search_path = '' and name the schema of everything it uses.",
            )
