"""The rollback says nothing, or only reads: pressing the button would change nothing and look like success.

A rollback of nothing but comments is no rollback to the reader, whose problem then speaks for this rule.
"""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.migration import Severity

_ADVICE = (
    "Write the SQL that undoes the migration. If nothing can, remove the rollback and write "
    "`-- signalbox: irreversible=<reason>` into the migration."
)


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    if linted.is_up:
        return
    if not linted.script.statements and not linted.problems:
        yield _hit(f"{linted.script.file} holds no statement, so it undoes nothing.")
    elif _only_reads(linted) and not _only_reads(linted.up):
        yield _hit(f"{linted.script.file} only reads or sets session variables, so it undoes nothing.")


def _hit(sentence: str) -> Hit:
    return Hit(severity=Severity.ERROR, sentence=sentence, advice=_ADVICE)


def _only_reads(linted: LintedScript | None) -> bool:
    """Every statement is a SELECT of constants or a SET. A function that is called may do anything."""
    if linted is None or len(linted.parsed) < len(linted.script.statements):
        return False
    return bool(linted.parsed) and all(
        parsed.kind in ("VariableSetStmt", "TransactionStmt")
        or (parsed.kind == "SelectStmt" and not parsed.nodes.get("FuncCall") and not parsed.nodes.get("IntoClause"))
        for parsed in linted.parsed
    )
