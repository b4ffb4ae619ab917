"""Where the statements of a script stand, for whoever folds part of it away."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from dashboard.engine.errors import SqlSyntaxError
from dashboard.engine.sql import dynamic
from dashboard.engine.sql.statements import split


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementPlace:
    """The lines of a statement, and those on which it runs a text that is put together then. All 1-based."""

    first_line: int
    last_line: int
    dynamic_lines: tuple[int, ...] = ()

    def is_dynamic_below(self, line: int) -> bool:
        return any(each > line for each in self.dynamic_lines)


@lru_cache(maxsize=256)
def statements_of(sql: str) -> tuple[StatementPlace, ...]:
    """In file order; none where the parser refuses the text."""
    try:
        statements = split(sql)
    except SqlSyntaxError:
        return ()
    commands = dynamic.commands_in(sql)
    return tuple(
        StatementPlace(
            first_line=statement.line,
            last_line=statement.line + statement.sql.count("\n"),
            dynamic_lines=tuple(c.line for c in commands if c.statement == statement.number),
        )
        for statement in statements
    )
