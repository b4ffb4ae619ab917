"""Data that stands in the target is gone afterwards: DROP, TRUNCATE, DELETE or UPDATE of every row, a narrower type.

In a migration; what a rollback takes away is forecast in rows before it runs, and its own rules look at it. Tables and
columns the script makes itself hold no data anyone would miss.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.script import Parsed, Subject
from dashboard.engine.migration import Severity
from dashboard.engine.sql.columns import typed_columns
from dashboard.engine.sql.objects import Thing, alter_commands, is_temporary, table
from dashboard.engine.sql.trees import enum_name, relation_name, unwrap
from dashboard.engine.sql.type_changes import narrows

_WITH_DATA = ("table", "column")
_WITH_DATA_BY_CASCADE = ("type", "extension")  # columns of that type go; without CASCADE it is refused
_TO_THE_LAST_ROW = ("schema", "database")
_SAVE = "Check that nothing reads it, and that a backup is at hand. A rollback brings back the shape, not the rows."


def check(subject: Subject, context: LintContext) -> Iterator[Hit]:
    if subject.is_up:
        yield from _dropped(subject)
        yield from _narrowed(subject)
    for parsed in subject.parsed:
        yield from _emptied(subject, parsed)


def _dropped(subject: Subject) -> Iterator[Hit]:
    for parsed, drop in subject.drops:
        thing = drop.thing
        holds_data = thing.kind in (*_WITH_DATA, *_TO_THE_LAST_ROW)
        if _is_own(subject, thing) or not (holds_data or (drop.cascade and thing.kind in _WITH_DATA_BY_CASCADE)):
            continue
        with_what = " and everything in it or built on it" if drop.cascade else ""
        worst = thing.kind in _TO_THE_LAST_ROW
        yield parsed.hit(
            Severity.ERROR if worst else Severity.WARNING, f"This drops {thing}{with_what}; its data are gone.", _SAVE
        )
    for parsed in subject.parsed:
        if parsed.kind == "DropOwnedStmt":
            yield parsed.hit(Severity.ERROR, "DROP OWNED drops everything a role owns in this database.", _SAVE)


def _is_own(subject: Subject, thing: Thing) -> bool:
    return subject.makes(thing) or subject.makes(table(thing.name)) or thing.name.schema == "pg_temp"


def _narrowed(subject: Subject) -> Iterator[Hit]:
    for parsed in subject.parsed:
        if parsed.kind != "AlterTableStmt" or not _changes_type(parsed.tree):
            continue
        for of, column, wanted in typed_columns(parsed.tree):
            known = subject.knowledge.type_of(of, column)
            if not subject.is_fresh(of) and narrows(known, wanted):
                came_from = f"from {known} " if known else ""
                yield parsed.hit(
                    Severity.WARNING,
                    f"Column {of}.{column} is narrowed {came_from}to {wanted}: values that do not fit are cut, "
                    "rounded or refused.",
                    "Count the rows that do not fit first, and mend them in a migration before this one.",
                )


def _changes_type(tree: Any) -> bool:
    return any(enum_name(command, "subtype") == "AT_AlterColumnType" for command in alter_commands(tree))


def _emptied(subject: Subject, parsed: Parsed) -> Iterator[Hit]:
    tree = parsed.tree
    if parsed.kind == "TruncateStmt":
        yield from _truncated(subject, parsed)
    elif parsed.kind == "DeleteStmt" and not tree.HasField("where_clause") and _is_shared(subject, tree.relation):
        yield parsed.hit(
            Severity.WARNING,
            f"DELETE without WHERE removes every row of {relation_name(tree.relation)}.",
            "Say which rows. If all are meant, allow it with a reason.",
        )
    elif parsed.kind == "UpdateStmt" and not tree.HasField("where_clause") and _is_shared(subject, tree.relation):
        yield from _overwritten(subject, parsed)


def _overwritten(subject: Subject, parsed: Parsed) -> Iterator[Hit]:
    """A column this script adds has no older values to lose."""
    of = relation_name(parsed.tree.relation)
    columns = [unwrap(node).name for node in parsed.tree.target_list]
    old = [c for c in columns if Thing(kind="column", name=of, part=c) not in subject.made]
    if old:
        yield parsed.hit(
            Severity.WARNING,
            f"UPDATE without WHERE overwrites {', '.join(old)} in every row of {of}.",
            "Say which rows. If all are meant, keep the old values in a column first, or allow it with a reason.",
        )


def _truncated(subject: Subject, parsed: Parsed) -> Iterator[Hit]:
    tables = [node.range_var for node in parsed.tree.relations]
    names = [str(relation_name(table)) for table in tables if _is_shared(subject, table)]
    if not names:
        return
    cascade = enum_name(parsed.tree, "behavior") == "DROP_CASCADE"
    also = ", and of every table that refers to it" if cascade else ""
    yield parsed.hit(
        Severity.ERROR if cascade else Severity.WARNING,
        f"TRUNCATE removes every row of {', '.join(names)}{also}.",
        "Name each table that is meant, without CASCADE. A rollback does not bring the rows back.",
    )


def _is_shared(subject: Subject, relation: Any) -> bool:
    return not is_temporary(relation) and not subject.is_fresh(relation_name(relation))
