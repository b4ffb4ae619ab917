"""The rollback drops what its migration did not make: an older table, somebody else's column.

Made means: by this migration's text, and by no migration before it (CREATE ... IF NOT EXISTS makes nothing then).
What the rollback itself makes, and what lies in a schema or table the migration made, may go. Where the migration puts
SQL together at run time, an object that its text names counts as made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.script import Subject
from dashboard.engine.migration import Severity
from dashboard.engine.sql.objects import Thing, table
from dashboard.engine.sql.trees import Name

_WITH_DATA = ("table", "column", "schema", "materialized view", "sequence", "type", "extension", "database")
_PARTS_OF_TABLES = ("column", "constraint", "trigger", "policy", "rule")
_NAMED_BY_POSTGRESQL = ("index", "constraint", "sequence")


def check(subject: Subject, context: LintContext) -> Iterator[Hit]:
    up = subject.up
    if up is None or len(up.parsed) < len(up.script.statements) or not up.script.statements:
        return
    at_run_time = _words_used_at_run_time(up)
    for parsed, drop in subject.drops:
        thing = drop.thing
        if _is_accounted_for(thing, up, subject) or (thing.part or thing.name.text) in at_run_time:
            continue
        yield parsed.hit(
            Severity.ERROR if thing.kind in _WITH_DATA else Severity.WARNING,
            f"The rollback drops {thing}, which {_why(thing, up)}.",
            "Drop only what the migration made. If it must go, say why in a suppression.",
        )


def _is_accounted_for(thing: Thing, up: Subject, down: Subject) -> bool:
    if up.makes(thing) or thing in down.made:
        return True
    if thing.kind in _PARTS_OF_TABLES and up.makes(table(thing.name)):
        return True
    if thing.name.schema and up.makes(Thing(kind="schema", name=Name("", thing.name.schema))):
        return True
    return thing.kind in _NAMED_BY_POSTGRESQL and _may_be_named_by_postgresql(thing, up)


def _may_be_named_by_postgresql(thing: Thing, up: Subject) -> bool:
    """Columns and constraints bring indexes, sequences and constraints whose names start with the table's."""
    if thing.kind == "constraint":
        return Thing(kind="constraint", name=thing.name) in up.made or thing.name.text in up.altered
    return any(thing.name.text.startswith(f"{name}_") for name in up.altered)


def _words_used_at_run_time(up: Subject) -> frozenset[str]:
    """All words of a script that calls something; any can be part of a name it makes."""
    calls = any(
        p.kind in ("DoStmt", "CallStmt") or (p.kind == "SelectStmt" and "FuncCall" in p.nodes) for p in up.parsed
    )
    return frozenset(re.findall(r"\w+", up.script.sql)) if calls else frozenset()


def _why(thing: Thing, up: Subject) -> str:
    if up.knowledge.has(thing):
        return "an earlier migration made"
    return f"{up.script.file} does not make"
