"""Data that stands in the target is gone afterwards: DROP, TRUNCATE, DELETE or UPDATE of every row, a narrower type.

In a migration; what a rollback takes away is forecast in rows before it runs, and its own rules look at it. Tables and
columns the script makes itself hold no data anyone would miss; one that IF NOT EXISTS may have come upon can.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.parsed import Parsed
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.migration import Severity
from dashboard.engine.sql.columns import typed_columns
from dashboard.engine.sql.objects import DROPPING, DatabaseObject, alter_commands, is_temporary, table
from dashboard.engine.sql.trees import enum_name, relation_name, unwrap
from dashboard.engine.sql.type_changes import narrows

KINDS = frozenset((*DROPPING, "DropOwnedStmt", "TruncateStmt", "DeleteStmt", "UpdateStmt"))

_WITH_DATA = ("table", "column")
_WITH_DATA_BY_CASCADE = ("type", "extension")  # columns of that type go; without CASCADE it is refused
_TO_THE_LAST_ROW = ("schema", "database")
_SAVE = "Check that nothing reads it, and that a backup is at hand. A rollback brings back the shape, not the rows."


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    if linted.is_up:
        yield from _dropped(linted)
        yield from _narrowed(linted)
    for parsed in linted.parsed:
        yield from _emptied(linted, parsed)


def _dropped(linted: LintedScript) -> Iterator[Hit]:
    for parsed, drop in linted.drops:
        dropped = drop.object
        holds_data = dropped.kind in (*_WITH_DATA, *_TO_THE_LAST_ROW)
        if _is_own(linted, dropped) or not (holds_data or (drop.cascade and dropped.kind in _WITH_DATA_BY_CASCADE)):
            continue
        with_the_rest = " and everything in it or built on it" if drop.cascade else ""
        worst = dropped.kind in _TO_THE_LAST_ROW
        yield parsed.hit(
            Severity.ERROR if worst else Severity.WARNING,
            f"This drops {dropped}{with_the_rest}; its data are gone.",
            _SAVE,
        )
    for parsed in linted.parsed:
        if parsed.kind == "DropOwnedStmt":
            yield parsed.hit(Severity.ERROR, "DROP OWNED drops everything a role owns in this database.", _SAVE)


def _is_own(linted: LintedScript, dropped: DatabaseObject) -> bool:
    return linted.surely_makes(dropped) or linted.surely_makes(table(dropped.name)) or dropped.name.schema == "pg_temp"


def _narrowed(linted: LintedScript) -> Iterator[Hit]:
    for parsed in linted.parsed:
        if parsed.kind != "AlterTableStmt" or not _changes_type(parsed.tree):
            continue
        for of, column, wanted in typed_columns(parsed.tree):
            known = linted.earlier.type_of(of, column)
            if not linted.is_surely_fresh(of) and narrows(known, wanted):
                came_from = f"from {known} " if known else ""
                yield parsed.hit(
                    Severity.WARNING,
                    f"Column {of}.{column} is narrowed {came_from}to {wanted}: values that do not fit are cut, "
                    "rounded or refused.",
                    "Count the rows that do not fit first, and mend them in a migration before this one.",
                )


def _changes_type(tree: Any) -> bool:
    return any(enum_name(command, "subtype") == "AT_AlterColumnType" for command in alter_commands(tree))


def _emptied(linted: LintedScript, parsed: Parsed) -> Iterator[Hit]:
    tree = parsed.tree
    if parsed.kind == "TruncateStmt":
        yield from _truncated(linted, parsed)
    elif parsed.kind == "DeleteStmt" and not tree.HasField("where_clause") and _is_shared(linted, tree.relation):
        yield parsed.hit(
            Severity.WARNING,
            f"DELETE without WHERE removes every row of {relation_name(tree.relation)}.",
            "Say which rows. If all are meant, allow it with a reason.",
        )
    elif parsed.kind == "UpdateStmt" and not tree.HasField("where_clause") and _is_shared(linted, tree.relation):
        yield from _overwritten(linted, parsed)


def _overwritten(linted: LintedScript, parsed: Parsed) -> Iterator[Hit]:
    """A column this script adds has no older values to lose, unless its table came with it and may be older."""
    of = relation_name(parsed.tree.relation)
    columns = [unwrap(node).name for node in parsed.tree.target_list]
    added = linted.surely_made if table(of) in linted.made else linted.made
    old = [c for c in columns if DatabaseObject(kind="column", name=of, part=c) not in added]
    if old:
        yield parsed.hit(
            Severity.WARNING,
            f"UPDATE without WHERE overwrites {', '.join(old)} in every row of {of}.",
            "Say which rows. If all are meant, keep the old values in a column first, or allow it with a reason.",
        )


def _truncated(linted: LintedScript, parsed: Parsed) -> Iterator[Hit]:
    tables = [node.range_var for node in parsed.tree.relations]
    names = [str(relation_name(table)) for table in tables if _is_shared(linted, table)]
    if not names:
        return
    cascade = enum_name(parsed.tree, "behavior") == "DROP_CASCADE"
    also = ", and of every table that refers to it" if cascade else ""
    yield parsed.hit(
        Severity.ERROR if cascade else Severity.WARNING,
        f"TRUNCATE removes every row of {', '.join(names)}{also}.",
        "Name each table that is meant, without CASCADE. A rollback does not bring the rows back.",
    )


def _is_shared(linted: LintedScript, relation: Any) -> bool:
    return not is_temporary(relation) and not linted.is_surely_fresh(relation_name(relation))
