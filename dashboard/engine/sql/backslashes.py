"""Strings that mean something else where standard_conforming_strings is off: there a backslash in '...' is an escape.

A session of Signalbox has it on, whatever the database gives; psql takes what it is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dashboard.engine.errors import SqlSyntaxError
from dashboard.engine.sql.tokens import Token, TokenKind, tokens

SETTING = "standard_conforming_strings"
REMEDY = (
    "Write the string as E'...', which means the same with either setting: there \\\\ is one backslash, and \\t a tab."
)


def ambiguous(scanned: Iterable[Token]) -> Token | None:
    """The first plain string with a backslash; a body in dollar quotes that holds one counts for it."""
    return next((token for token in scanned if token.kind is TokenKind.LITERAL and _is_ambiguous(token.text)), None)


def is_switched_off(scanned: Sequence[Token]) -> bool:
    """Whether the text sets standard_conforming_strings to anything but on, for whatever."""
    said = [token.text.lower() for token in scanned if token.kind is not TokenKind.COMMENT]
    return any(value not in _ON for value in _values(said))


_ON = frozenset({"on", "true", "yes", "1", "default"})


def _values(said: Sequence[str]) -> Iterator[str]:
    for index, text in enumerate(said):
        if text.strip("'\"") == SETTING and said[index + 1 : index + 2] and said[index + 1] in {"=", "to", ","}:
            yield "".join(said[index + 2 : index + 3]).strip("'\"")


def _is_ambiguous(literal: str) -> bool:
    if "\\" not in literal:
        return False
    if not literal.startswith("$"):
        return literal.startswith("'")
    try:
        return ambiguous(tokens(_body(literal))) is not None
    except SqlSyntaxError:
        return True


def _body(literal: str) -> str:
    tag = literal[: literal.index("$", 1) + 1]
    return literal.removeprefix(tag).removesuffix(tag)
