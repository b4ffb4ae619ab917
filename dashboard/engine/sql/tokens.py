"""The tokens of a text as PostgreSQL's scanner sees them. Positions inside postgast count bytes."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import postgast

from dashboard.engine.errors import OperatorRun, SqlSyntaxError
from dashboard.engine.sql.excerpts import locate, syntax_error


class TokenKind(StrEnum):
    COMMENT = "comment"
    LITERAL = "literal"  # a string in any spelling, a function body in dollar quotes too
    QUOTED_NAME = "quoted name"  # "..."
    CODE = "code"


class Token(NamedTuple):
    kind: TokenKind
    text: str
    offset: int  # 0-based, in characters


Span = tuple[int, int, int]  # first byte, byte after the last, postgast's token number

_Numbers = postgast.pg_query_pb2
COMMENTS = (_Numbers.SQL_COMMENT, _Numbers.C_COMMENT)
SEMICOLON = _Numbers.ASCII_59
LITERALS = (_Numbers.SCONST, _Numbers.USCONST, _Numbers.BCONST, _Numbers.XCONST)


def tokens(sql: str) -> Iterator[Token]:
    """The tokens of `sql`, comments included. Raises SqlSyntaxError on an unterminated quote or comment, and where it
    is not scanned."""
    try:
        spans = token_spans(sql)
    except postgast.PgQueryError as error:
        raise syntax_error(sql, error.message, error.cursorpos) from error
    yield from _named(sql, _in_characters(sql, spans))


def _named(sql: str, spans: Iterable[Span]) -> Iterator[Token]:
    kinds, quoted, code = _KINDS, TokenKind.QUOTED_NAME, TokenKind.CODE
    for start, end, number in spans:
        text = sql[start:end]
        yield Token(kinds.get(number) or (quoted if text.endswith('"') else code), text, start)


def behind_where(sql: str) -> str:
    """The condition of a statement that ends with it."""
    depth, start = 0, len(sql)
    for token in tokens(sql):
        if token.kind is not TokenKind.CODE:
            continue
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0 and token.text.lower() == "where":
            start = token.offset + len(token.text)
    return sql[start:].strip()


def checksum_sql(sql: str) -> str:
    """sha256 hex of the tokens of `sql`, comments and blanks left out; "" where it has no readable tokens."""
    try:
        return checksum_tokens(tokens(sql))
    except SqlSyntaxError:
        return ""


def checksum_tokens(tokens: Iterable[Token]) -> str:
    texts = [token.text for token in tokens if token.kind is not TokenKind.COMMENT]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest() if texts else ""


@lru_cache(maxsize=2)  # a file's tokens are asked for, then those of its statements, of the same text
def token_spans(sql: str) -> Sequence[Span]:
    """Raises postgast.PgQueryError, and OperatorRun."""
    refuse_slow_runs(sql)
    return _scanned(sql)


def _scanned(sql: str) -> Sequence[Span]:
    return tuple([(token.start, token.end, token.token) for token in postgast.scan(sql).tokens])


def unquoted(literal: str) -> str:
    """What stands between the quotes, as it is written there."""
    quote = _quote(literal)
    return literal.removeprefix(quote).removesuffix(quote)


def _quote(literal: str) -> str:
    return literal[: literal.index("$", 1) + 1] if literal.startswith("$") else "'"


#: By postgast's number; every other token is code.
_KINDS = dict.fromkeys(COMMENTS, TokenKind.COMMENT) | dict.fromkeys(LITERALS, TokenKind.LITERAL)


def _in_characters(sql: str, spans: Sequence[Span]) -> Sequence[Span]:
    if sql.isascii():
        return spans
    text = Bytes(sql)
    return [(text.characters_before(start), text.characters_before(end), number) for start, end, number in spans]


class Bytes:
    """Byte positions to characters, for positions asked in rising order."""

    def __init__(self, sql: str) -> None:
        self._sql = sql
        self._data = sql.encode()
        self._ascii = len(self._data) == len(sql)
        self._byte = 0
        self._char = 0
        self._line_at = 0
        self._line = 1

    def between(self, start: int, end: int) -> str:
        return self._sql[start:end] if self._ascii else self._data[start:end].decode(errors="ignore")

    def characters_before(self, byte: int) -> int:
        if self._ascii:
            return byte
        self._char += len(self._data[self._byte : byte].decode())
        self._byte = byte
        return self._char

    def line_of(self, character: int) -> int:
        self._line += self._sql.count("\n", self._line_at, character)
        self._line_at = character
        return self._line


# What the scanner would read over and over


def refuse_slow_runs(sql: str) -> None:
    """Raises OperatorRun. To be asked before anything of PostgreSQL reads the text."""
    if run := _slow_run(sql):
        place = locate(sql, run.offset + 1)
        message = f"{run.length} characters like + - / * in a row, which PostgreSQL reads ever more slowly"
        raise OperatorRun(message=message, line=place.line, column=place.column, excerpt=place.excerpt)


#: It reads the rest of such a run anew behind each comment that opens in it, and behind each +.
_RUNS = re.compile(r"[~!@#^&|`?+\-*/%<>=]{256,}")
_RESTARTS = ("/*", "+")
_RESTARTS_AT_MOST = 64


class _SlowRun(NamedTuple):
    offset: int
    length: int


def _slow_run(sql: str, *, is_body: bool = False) -> _SlowRun | None:
    """The first run of operators that is one: in a string it is none, nor behind `--`; in a comment only those count
    that open another one. A body in dollar quotes is a text of its own.

    What it is in is told by the same text with its runs made blank, which is scanned at once.
    """
    runs = [run for run in _RUNS.finditer(sql) if any(_is_often(each, run[0]) for each in _RESTARTS)]
    if not runs:
        return None
    blanked = _RUNS.sub(_blanked, sql)
    scanned = [*_scanned_as_far_as_possible(sql, blanked)]
    starts = [token.offset for token in scanned]
    bodies = set[int]()
    for run in runs:
        token = scanned[max(bisect(starts, run.start()) - 1, 0)] if scanned else None
        if token is None or not token.offset <= run.start() < token.offset + len(token.text):
            return _SlowRun(run.start(), len(run[0]))
        if token.kind is TokenKind.CODE or (token.text.startswith("/*") and _is_often("/*", run[0])):
            return _SlowRun(run.start(), len(run[0]))
        if token.text.startswith("$") and not is_body and token.offset not in bodies:
            bodies.add(token.offset)
            if slow := _slow_in_body(token):
                return slow
    return None


def _scanned_as_far_as_possible(sql: str, blanked: str) -> Iterator[Token]:
    """What has no end, and all behind it, counts as one token."""
    try:
        spans = _scanned(blanked)
    except postgast.PgQueryError as error:
        end = max(error.cursorpos - 1, 0)
        yield from _scanned_as_far_as_possible(sql, blanked[:end]) if end else ()
        yield Token(TokenKind.COMMENT if sql.startswith("/*", end) else TokenKind.LITERAL, sql[end:], end)
    else:
        yield from _named(sql, _in_characters(blanked, spans))


def _slow_in_body(token: Token) -> _SlowRun | None:
    slow = _slow_run(unquoted(token.text), is_body=True)
    return slow and _SlowRun(token.offset + len(_quote(token.text)) + slow.offset, slow.length)


def _is_often(restart: str, run: str) -> bool:
    return run.count(restart) > _RESTARTS_AT_MOST


def _blanked(run: re.Match[str]) -> str:
    if _is_often("/*", run[0]):
        return " " * len(run[0])
    return run[0].replace("+", " ") if _is_often("+", run[0]) else run[0]
