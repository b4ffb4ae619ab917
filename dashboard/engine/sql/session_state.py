"""What a script leaves in its session for the statements after it: settings, which can be made again, and the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from dashboard.engine.sql import trees
from dashboard.engine.sql.statements import Statement, tree


def settings_before(script: Iterable[Statement], number: int) -> tuple[Statement, ...]:
    """The statements before that one which set or reset something for the session, the role too; in order."""
    return tuple(statement for statement in script if statement.number < number and _is_setting(statement))


def lost_before(script: Sequence[Statement], number: int) -> Statement | None:
    """The first statement before that one whose effect ended with the session (a temporary object, a prepared
    statement, a cursor), where a later statement may need it."""
    if not any(statement.number >= number for statement in script):
        return None
    return next((s for s in script if s.number < number and _lives_in_session(s)), None)


def _is_setting(statement: Statement) -> bool:
    parsed = tree(statement)
    if parsed is None:
        return False
    if statement.node == "variable_set_stmt":
        return not parsed.is_local
    return statement.node == "select_stmt" and bool(parsed.target_list) and _only_sets(parsed)


def _only_sets(query: Any) -> bool:
    """SELECT set_config(...), as a dump begins, and nothing beside it."""
    if query.from_clause:
        return False
    values = [trees.unwrap(trees.unwrap(target).val) for target in query.target_list]
    return all(trees.kind(value) == "FuncCall" and trees.function_name(value) == "set_config" for value in values)


def _lives_in_session(statement: Statement) -> bool:
    parsed = tree(statement)
    if parsed is None:
        return False
    if statement.node in {"prepare_stmt", "declare_cursor_stmt"}:
        return True
    if not statement.node.startswith(("create_", "view_", "select_")):
        return False
    made = [node for node in trees.walk(parsed) if trees.kind(node) == "RangeVar"]
    return any(node.relpersistence == "t" or node.schemaname == "pg_temp" for node in made)
