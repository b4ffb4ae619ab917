"""The tokens of a text as PostgreSQL's scanner sees them. Positions inside postgast count bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import postgast

from dashboard.engine.errors import SqlSyntaxError
from dashboard.engine.sql.excerpts import syntax_error


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
    """The tokens of `sql`, comments included. Raises SqlSyntaxError on an unterminated quote or comment."""
    try:
        spans = token_spans(sql)
    except postgast.PgQueryError as error:
        raise syntax_error(sql, error.message, error.cursorpos) from error
    if not sql.isascii():
        spans = _in_characters(sql, spans)
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
    return tuple([(token.start, token.end, token.token) for token in postgast.scan(sql).tokens])


#: By postgast's number; every other token is code.
_KINDS = dict.fromkeys(COMMENTS, TokenKind.COMMENT) | dict.fromkeys(LITERALS, TokenKind.LITERAL)


def _in_characters(sql: str, spans: Iterable[Span]) -> Sequence[Span]:
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
