"""The rollback drops what its migration did not make: an older table, somebody else's column.

Made means: by this migration's text, and by no migration before it (CREATE ... IF NOT EXISTS makes nothing then).
What the rollback itself makes, and what lies in a schema or table the migration made, may go. Where the migration puts
SQL together at run time, an object that its text names counts as made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.migration import Severity
from dashboard.engine.sql.objects import DROPPING, DatabaseObject, table
from dashboard.engine.sql.trees import Name

KINDS = DROPPING

_WITH_DATA = ("table", "column", "schema", "materialized view", "sequence", "type", "extension", "database")
_PARTS_OF_TABLES = ("column", "constraint", "trigger", "policy", "rule")
_NAMED_BY_POSTGRESQL = ("index", "constraint", "sequence")


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    up = linted.up
    if up is None or len(up.parsed) < len(up.script.statements) or not up.script.statements:
        return
    at_run_time = _words_used_at_run_time(up)
    for parsed, drop in linted.drops:
        dropped = drop.object
        if _is_accounted_for(dropped, up, linted) or (dropped.part or dropped.name.text) in at_run_time:
            continue
        yield parsed.hit(
            Severity.ERROR if dropped.kind in _WITH_DATA else Severity.WARNING,
            f"The rollback drops {dropped}, which {_why(dropped, up)}.",
            "Drop only what the migration made. If it must go, say why in a suppression.",
        )


def _is_accounted_for(dropped: DatabaseObject, up: LintedScript, down: LintedScript) -> bool:
    if up.makes(dropped) or dropped in down.made:
        return True
    if dropped.kind in _PARTS_OF_TABLES and up.makes(table(dropped.name)):
        return True
    if dropped.name.schema and up.makes(DatabaseObject(kind="schema", name=Name("", dropped.name.schema))):
        return True
    return dropped.kind in _NAMED_BY_POSTGRESQL and _may_be_named_by_postgresql(dropped, up)


def _may_be_named_by_postgresql(dropped: DatabaseObject, up: LintedScript) -> bool:
    """Columns and constraints bring indexes, sequences and constraints whose names start with the table's."""
    if dropped.kind == "constraint":
        return DatabaseObject(kind="constraint", name=dropped.name) in up.made or dropped.name.text in up.altered
    name = dropped.name.text
    return any(name[: underscore.start()] in up.altered for underscore in re.finditer("_", name))


def _words_used_at_run_time(up: LintedScript) -> frozenset[str]:
    """All words of a script that calls something; any can be part of a name it makes."""
    calls = any(
        p.kind in ("DoStmt", "CallStmt") or (p.kind == "SelectStmt" and "FuncCall" in p.nodes) for p in up.parsed
    )
    return frozenset(re.findall(r"\w+", up.script.sql)) if calls else frozenset()


def _why(dropped: DatabaseObject, up: LintedScript) -> str:
    if up.earlier.has(dropped):
        return "an earlier migration made"
    return f"{up.script.file} does not make"
