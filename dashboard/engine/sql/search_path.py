"""Which statements of a script decide where the unqualified names after them are looked up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dashboard.engine.sql import trees
from dashboard.engine.sql.session_state import RUNNING, is_local, is_set_config, only_sets
from dashboard.engine.sql.statements import Statement, tree


def settings_before(script: Iterable[Statement], number: int) -> tuple[Statement, ...] | None:
    """The statements before that one which set the search path, or the role that it may name; in order. None where the
    text does not tell: any DO block, CALL or function may set them too."""
    before = [statement for statement in script if statement.number < number]
    if any(_may_decide_unseen(statement) for statement in before):
        return None
    return tuple(statement for statement in before if _decides(statement))


_DECIDING = frozenset(("search_path", "role", "session_authorization"))


def _decides(statement: Statement) -> bool:
    parsed = tree(statement)
    if statement.node == "variable_set_stmt" and parsed:
        is_reset_of_all = not parsed.name
        return not parsed.is_local and (is_reset_of_all or parsed.name.lower() in _DECIDING)
    return statement.node == "select_stmt" and bool(parsed) and any(map(_sets_it, trees.by_kind(parsed)["FuncCall"]))


def _may_decide_unseen(statement: Statement) -> bool:
    if statement.node in {"", "do_stmt", "call_stmt", "execute_stmt"}:
        return True
    if statement.node not in RUNNING | {"alter_table_stmt"}:  # which works out the defaults of new columns
        return False
    parsed = tree(statement)
    calls = trees.by_kind(parsed).get("FuncCall", ())
    return bool(calls) and not (
        statement.node == "select_stmt" and only_sets(parsed) and all(map(_is_told_by_its_text, calls))
    )


def _is_told_by_its_text(call: Any) -> bool:
    """Whether it is a set_config that sets, until the session ends, what is written there."""
    return (
        is_set_config(call)
        and len(call.args) == 3
        and all(trees.constant(value) is not None for value in call.args[:2])
        and call.args[2].a_const.HasField("boolval")
        and not is_local(call)
    )


def _sets_it(call: Any) -> bool:
    return (trees.constant(call.args[0]) or "").lower() in _DECIDING
