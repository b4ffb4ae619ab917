"""Which statements of a script decide where the unqualified names after them are looked up."""

from __future__ import annotations

from collections.abc import Iterable

from dashboard.engine.sql.statements import Statement, tree


def settings_before(script: Iterable[Statement], number: int) -> tuple[Statement, ...]:
    """The statements before that one which set the search path, or the role that it may name; in order."""
    return tuple(statement for statement in script if statement.number < number and _decides(statement))


def _decides(statement: Statement) -> bool:
    parsed = tree(statement) if statement.node == "variable_set_stmt" else None
    return bool(parsed and not parsed.is_local and parsed.name in {"search_path", "role", "session_authorization"})
