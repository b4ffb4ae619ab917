"""A place in a text: line, column, and the lines around it with a caret; hidden characters are made visible."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from dashboard.engine.errors import SqlSyntaxError


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place in a text; line and column are 1-based. The excerpt numbers its lines and points with a caret."""

    line: int
    column: int
    excerpt: str


def locate(sql: str, position: int) -> Location:
    """The place of the 1-based character `position`; one behind the end means just after the last visible text."""
    index = position - 1 if position <= len(sql) else len(sql.rstrip())
    index = max(index, 0)
    starts = _line_starts(sql)
    line = bisect(starts, index)
    column = index - starts[line - 1] + 1
    return Location(line=line, column=column, excerpt=_excerpt(sql, line, column))


def syntax_error(sql: str, message: str, position: int) -> SqlSyntaxError:
    place = locate(sql, position or 1)
    message = one_line(message, limit=200)
    return SqlSyntaxError(message=message, line=place.line, column=place.column, excerpt=place.excerpt)


def one_line(text: str, *, limit: int) -> str:
    line = " ".join(text.split())
    if not line.isprintable():
        line = "".join(map(visible, line))
    return line if len(line) <= limit else line[: limit - 1] + "…"


_CONTEXT_LINES = 2
_EXCERPT_WIDTH = 100


def _excerpt(sql: str, line: int, column: int) -> str:
    """Without blank lines at either end: what is not sent of a file, such as `-- migrate:up`, is a blank line here."""
    first = max(line - _CONTEXT_LINES, 1)
    shown = _lines_between(sql, first, line + _CONTEXT_LINES)
    while first < line and not shown[0].strip():
        first, shown = first + 1, shown[1:]
    while len(shown) > line - first + 1 and not shown[-1].strip():
        shown.pop()
    gutter = len(str(first + len(shown) - 1))
    rows = []
    for number, content in enumerate(shown, start=first):
        window = column if number == line else 1
        text, before = _cut(content, window)
        rows.append(f"{number:>{gutter}} | {text}".rstrip())
        if number == line:
            rows.append(f"{'':>{gutter}} | {' ' * before}^")
    return "\n".join(rows)


def _lines_between(sql: str, first: int, last: int) -> list[str]:
    starts = _line_starts(sql)
    end = starts[last] - 1 if last < len(starts) else len(sql)
    return sql[starts[first - 1] : end].split("\n")


@lru_cache(maxsize=1)  # a text with one fault often has thousands of the same kind
def _line_starts(sql: str) -> Sequence[int]:
    return (0, *(match.end() for match in re.finditer("\n", sql)))


def _cut(content: str, column: int) -> tuple[str, int]:
    """The line made visible and at most _EXCERPT_WIDTH characters around `column`; the width before the caret."""
    start = 0 if column <= _EXCERPT_WIDTH * 3 // 4 else column - 1 - _EXCERPT_WIDTH // 2
    end = start + _EXCERPT_WIDTH
    left = "…" if start else ""
    right = "…" if end < len(content) else ""
    before = left + "".join(visible(char) for char in content[start : column - 1])
    after = "".join(visible(char) for char in content[column - 1 : end])
    return before + after + right, _width(before)


def visible(char: str) -> str:
    """A tab as four blanks; what a reader cannot see as its escape, so that nothing on a page hides or reorders."""
    if char == "\t":
        return "    "
    if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp"):
        return f"\\u{ord(char):04x}"
    return char


def _width(text: str) -> int:
    """Columns `text` takes in a fixed-width font."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
