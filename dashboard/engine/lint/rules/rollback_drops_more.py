"""The rollback drops what its migration did not make: an older table, somebody else's column.

Made means: by this migration's text, and by no migration before it (CREATE ... IF NOT EXISTS makes nothing then).
What the rollback itself makes, and what lies in a schema or table the migration made, may go. Where the migration puts
SQL together at run time, an object that its text names counts as made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.subject import Subject
from dashboard.engine.lint.things import Drop, Thing
from dashboard.engine.lint.trees import Name
from dashboard.engine.migration import Severity

_WITH_DATA = ("table", "column", "schema", "materialized view", "sequence", "type", "extension", "database")
_PARTS_OF_TABLES = ("column", "constraint", "trigger", "policy", "rule")
_NAMED_BY_POSTGRESQL = ("index", "constraint", "sequence")


def check(subject: Subject, context: LintContext) -> Iterator[Hit]:
    up = subject.up
    if up is None or len(up.parsed) < len(up.script.statements) or not up.script.statements:
        return
    for parsed, drop in subject.drops:
        thing = drop.thing
        if _is_accounted_for(thing, up, subject) or _is_named_at_run_time(thing, up):
            continue
        yield parsed.hit(
            Severity.ERROR if thing.kind in _WITH_DATA else Severity.WARNING,
            f"The rollback drops {thing}, which {_why(drop, up)}.",
            "Drop only what the migration made. If it must go, say why in a suppression.",
        )


def _is_accounted_for(thing: Thing, up: Subject, down: Subject) -> bool:
    if up.makes(thing) or any(made.matches(thing) for made in down.made):
        return True
    if thing.kind in _PARTS_OF_TABLES and up.makes(Thing(kind="table", name=thing.name)):
        return True
    if thing.name.schema and up.makes(Thing(kind="schema", name=Name("", thing.name.schema))):
        return True
    return thing.kind in _NAMED_BY_POSTGRESQL and _makes_one_without_a_name(thing, up)


def _makes_one_without_a_name(thing: Thing, up: Subject) -> bool:
    """Columns bring constraints, indexes and sequences that PostgreSQL names itself."""
    if thing.kind == "constraint":
        tables = (
            made.name for made in up.made if made.kind == "column" or (made.kind, made.part) == ("constraint", "")
        )
        return any(name.matches(thing.name) for name in tables)
    tables_text = [made.name.text for made in up.made if made.kind in ("column", "constraint")]
    unnamed = any(made.kind == "index" and not made.name.text for made in up.made)
    return unnamed or any(thing.name.text.startswith(text) for text in tables_text)


def _is_named_at_run_time(thing: Thing, up: Subject) -> bool:
    computes = any(
        p.kind in ("DoStmt", "CallStmt") or (p.kind == "SelectStmt" and p.nodes.get("FuncCall")) for p in up.parsed
    )
    word = thing.part or thing.name.text
    return computes and re.search(rf"\b{re.escape(word)}\b", up.script.sql) is not None


def _why(drop: Drop, up: Subject) -> str:
    if up.knowledge.has(drop.thing):
        return "an earlier migration made"
    return f"{up.script.file} does not make"
