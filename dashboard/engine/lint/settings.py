"""Session variables a script changes, by SET or by set_config()."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dashboard.engine.lint.parsed import Parsed
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.sql.trees import constant, enum_name, function_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    name: str
    values: tuple[str, ...]  # lower case, of constants only; search_path has several
    is_for_session: bool
    is_reset: bool
    parsed: Parsed

    @property
    def value(self) -> str:
        return ", ".join(self.values)


def changed(linted: LintedScript) -> Iterator[Setting]:
    """In file order. SET inside CREATE FUNCTION or ALTER ROLE belongs to those, not to the session."""
    for parsed in linted.parsed:
        if parsed.kind == "VariableSetStmt":
            yield _by_set(parsed)
        else:
            yield from _by_function(parsed)


def _by_set(parsed: Parsed) -> Setting:
    tree = parsed.tree
    return Setting(
        name=tree.name.lower(),
        values=tuple(value.lower() for node in tree.args if (value := constant(node)) is not None),
        is_for_session=not tree.is_local,
        is_reset=enum_name(tree, "kind") in ("VAR_RESET", "VAR_SET_DEFAULT", "VAR_RESET_ALL"),
        parsed=parsed,
    )


def _by_function(parsed: Parsed) -> Iterator[Setting]:
    for call in parsed.all("FuncCall"):
        if function_name(call) == "set_config" and len(call.args) == 3 and (name := constant(call.args[0])):
            yield Setting(
                name=name.lower(),
                values=tuple(part.strip().lower() for part in (constant(call.args[1]) or "").split(",")),
                is_for_session=not _is_true(call.args[2]),
                is_reset=False,
                parsed=parsed,
            )


def _is_true(node: Any) -> bool:
    return bool(node.HasField("a_const") and node.a_const.boolval.boolval)
