"""What a script leaves in its session for the statements after it: settings, which can be made again, and the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from dashboard.engine.sql import trees
from dashboard.engine.sql.statements import Statement, tree


def settings_before(script: Iterable[Statement], number: int) -> tuple[Statement, ...]:
    """The statements before that one which set or reset something for the session, the role too; in order."""
    return tuple(statement for statement in script if statement.number < number and _is_setting(statement))


def lost_before(script: Sequence[Statement], number: int) -> Statement | None:
    """The first statement before that one whose effect ended with the session, where a later statement may need it: a
    temporary object, a prepared statement, a cursor, a setting that a DO block or a query makes.

    What a procedure or function sets inside is not seen: to refuse every CALL would refuse the batches for which most
    files outside a transaction are written.
    """
    if not any(statement.number >= number for statement in script):
        return None
    return next((s for s in script if s.number < number and _lives_in_session(s)), None)


def only_sets(query: Any) -> bool:
    """SELECT set_config(...), as a dump begins, and nothing beside it: run again, it sets the same again."""
    if {field.name for field, _ in query.ListFields()} - _OF_EVERY_SELECT or not query.target_list:
        return False
    values = [trees.unwrap(trees.unwrap(target).val) for target in query.target_list]
    if not all(trees.kind(value) == "FuncCall" and is_set_config(value) for value in values):
        return False
    nodes = trees.by_kind(query)
    return "SubLink" not in nodes and all(
        is_set_config(call) or trees.function_name(call) == "current_setting" for call in nodes["FuncCall"]
    )


def is_set_config(call: Any) -> bool:
    name = trees.dotted(call.funcname)
    return name.text == "set_config" and name.schema in {"", "pg_catalog"}


def is_local(call: Any) -> bool:
    """Whether that set_config surely ends with its transaction, which outside of one is its statement."""
    return len(call.args) > 0 and bool(call.args[-1].a_const.boolval.boolval)


_OF_EVERY_SELECT = frozenset(("target_list", "limit_option", "op"))


def _is_setting(statement: Statement) -> bool:
    parsed = tree(statement)
    if parsed is None:
        return False
    if statement.node == "variable_set_stmt":
        return not parsed.is_local
    return statement.node == "select_stmt" and only_sets(parsed)


def _lives_in_session(statement: Statement) -> bool:
    if statement.node == "do_stmt":
        return _SETS.search(_SETS_NOTHING.sub("", statement.sql)) is not None
    parsed = tree(statement)
    if parsed is None:
        return False
    if statement.node in {"prepare_stmt", "declare_cursor_stmt"}:
        return True
    if statement.node in RUNNING and not _is_setting(statement):
        calls = trees.by_kind(parsed).get("FuncCall", ())
        if any(is_set_config(call) and not is_local(call) for call in calls):
            return True
    if not statement.node.startswith(("create_", "view_", "select_")):
        return False
    made = [node for node in trees.walk(parsed) if trees.kind(node) == "RangeVar"]
    return any(node.relpersistence == "t" or node.schemaname == "pg_temp" for node in made)


#: Statements that call the functions they name, rather than keep them for later.
RUNNING = frozenset(
    f"{verb}_stmt"
    for verb in (
        "select",
        "insert",
        "update",
        "delete",
        "merge",
        "explain",
        "copy",
        "create_table_as",
        "declare_cursor",
        "call",
    )
)
#: In the text of a DO block, where it may also stand in a string for EXECUTE.
_SETS = re.compile(
    r'\bset_config\b|\b(?:SET|RESET)\s+(?:SESSION\s+)?(?:"?(?:search_path|role|session_authorization)\b|'
    r"SCHEMA\s|SESSION\s+AUTHORIZATION|AUTHORIZATION|ALL\b)",
    re.IGNORECASE,
)
#: What looks like it: what ends with the block, the columns of an UPDATE, and what an object is given. On one line, so
#: that no word of a comment hides what stands below it.
_SETS_NOTHING = re.compile(
    r"\bset_config[ \t]*\([^;()\n]*,[ \t]*true[ \t]*\)|\bUPDATE(?:[ \t]+ONLY)?(?:[ \t]+[\w.\"%]+){0,3}[ \t]+SET\b|"
    r"\bALTER[ \t]+(?:FUNCTION|PROCEDURE|ROUTINE|ROLE|USER|DATABASE)[ \t]+[^;\n]*?\bSET\b",
    re.IGNORECASE,
)
