"""SQL text as PostgreSQL's own parser sees it: its statements, and which of them need to be outside a transaction.

The grammar is PostgreSQL 18's, so a text that an older server refuses can pass here. Positions inside postgast are
counted in bytes for statements and tokens, in characters for errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import postgast
from google.protobuf.message import DecodeError

from dashboard.engine.sql import outside, trees
from dashboard.engine.sql.excerpts import one_line, syntax_error
from dashboard.engine.sql.tokens import COMMENTS, LITERALS, SEMICOLON, Bytes, Span, refuse_slow_runs, token_spans


class TransactionControl(StrEnum):
    BEGIN = "begin"  # BEGIN or START TRANSACTION without options
    COMMIT = "commit"  # COMMIT or END
    OTHER = "other"  # ROLLBACK, COMMIT AND CHAIN, PREPARE or SET TRANSACTION ...: not the script's business


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of a script.

    `sql` is exactly the text that is sent: from its first token to its last, comments and blanks around it and
    the semicolon left out. `offset` is where that text starts, so `offset` plus an error position inside the
    statement is the position in the script.
    """

    number: int  # 1-based
    sql: str
    offset: int  # 0-based, in characters
    line: int  # 1-based
    column: int  # 1-based
    node: str  # the parser's name for it, like "create_stmt"; "" when too long or too deep for a tree
    control: TransactionControl | None
    transactional: bool  # PostgreSQL accepts it inside a transaction block
    client_copy: bool  # COPY ... FROM STDIN or TO STDOUT: its rows would travel beside the script
    summary: str  # one line, at most 100 characters


def split(sql: str) -> tuple[Statement, ...]:
    """The statements of `sql`, in order. Raises SqlSyntaxError where the parser refuses any part of it."""
    if "\0" in sql:
        raise syntax_error(sql, "NUL byte in the text", sql.index("\0") + 1)
    try:
        refuse_slow_runs(sql)
        pieces = _pieces(sql)
        spans = token_spans(sql)
    except postgast.PgQueryError as error:
        raise syntax_error(sql, error.message, error.cursorpos) from error
    return tuple(_statements(sql, pieces, spans))


def tree(statement: Statement) -> Any | None:
    """The parse tree of `statement`, to be read only: a message like CreateStmt; None where none can be built."""
    return read(statement.sql)[1] if statement.node else None


#: The PostgreSQL whose grammar this is.
GRAMMAR = postgast.parse("SELECT 1").version // 10000

#: No tree is built of a longer statement. Trees are written out by recursion: at some 10,000 levels that overflows
#: the stack and ends the process. Splitting and scanning do not recurse.
TREE_TOKENS = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """A statement as the parser found it: its length in bytes, and its tree where it is at hand."""

    length: int
    wrapper: Any | None = None


def _pieces(sql: str) -> list[_Piece]:
    """A short text is parsed at once: it has no more tokens than characters. Of a long one, or one with a statement
    that is too deep, only the lengths are known."""
    if len(sql) <= TREE_TOKENS:
        with suppress(DecodeError):
            end = len(sql.encode())
            raw = postgast.parse(sql).stmts
            return [_Piece(length=r.stmt_len or end - r.stmt_location, wrapper=r.stmt) for r in raw]
    return [_Piece(length=len(piece.encode())) for piece in postgast.split(sql)]


def _statements(sql: str, pieces: Sequence[_Piece], spans: Sequence[Span]) -> Iterator[Statement]:
    """Find each of the parser's pieces again: it starts at a token and its length is known.

    The parser gives the pieces in order, each from its first token on; only semicolons, comments and blanks lie
    between two of them.
    """
    text = Bytes(sql)
    code = [span for span in spans if span[2] not in COMMENTS]
    at = 0
    for number, piece in enumerate(pieces, start=1):
        while code[at][2] == SEMICOLON:
            at += 1
        first = at
        limit = code[first][0] + piece.length
        while at < len(code) and code[at][1] <= limit:
            at += 1
        yield _statement(number, sql, text, code[first:at], piece.wrapper)


def _statement(number: int, sql: str, text: Bytes, spans: Sequence[Span], wrapper: Any | None) -> Statement:
    body = text.between(spans[0][0], spans[-1][1])
    offset = text.characters_before(spans[0][0])
    node, tree = _unwrapped(wrapper) if wrapper is not None else _shallow(body, spans)
    return Statement(
        number=number,
        sql=body,
        offset=offset,
        line=text.line_of(offset),
        column=offset - (sql.rfind("\n", 0, offset) + 1) + 1,
        node=node,
        control=_control(tree) if tree is not None else None,
        transactional=not outside.refused_inside(node, tree)
        if tree is not None
        else not _says_concurrently(text, spans),
        client_copy=tree is not None and node == "copy_stmt" and not tree.filename and not tree.is_program,
        summary=one_line(body, limit=_SUMMARY) if _PLAIN.fullmatch(body) else _summary(text, spans),
    )


def read(body: str) -> tuple[str, Any]:
    """The node's name and tree, or ("", None): protobuf refuses trees deeper than about 50 nested expressions."""
    try:
        return _unwrapped(postgast.parse(body).stmts[0].stmt)
    except DecodeError:
        return "", None


def _shallow(body: str, spans: Sequence[Span]) -> tuple[str, Any]:
    return read(body) if len(spans) <= TREE_TOKENS else ("", None)


def _unwrapped(wrapper: Any) -> tuple[str, Any]:
    node = wrapper.WhichOneof("node") or ""
    return node, getattr(wrapper, node)


def _says_concurrently(text: Bytes, spans: Sequence[Span]) -> bool:
    return any(text.between(start, end).lower() == "concurrently" for start, end, _ in spans)


_SUMMARY = 100
#: Neither a literal, nor a quoted name, nor a comment is in it.
_PLAIN = re.compile(r"[^'\"$/-]{1,400}")
_WITH_PASSWORD = re.compile(r"password\s*=|://[^\s:/@]+:[^\s@]+@", re.IGNORECASE)


def _summary(text: Bytes, spans: Sequence[Span]) -> str:
    """It goes to lists, logs and sentences, so a literal that is or holds a password is not in it."""
    words = ""
    behind = spans[0][0]
    word = ""
    for start, end, number in spans:
        before, word = word, text.between(start, min(end, start + 400))
        secret = number in LITERALS and (before.lower() == "password" or _WITH_PASSWORD.search(word))
        words += (" " if start > behind else "") + ("'…'" if secret else word)
        behind = end
        if len(words) > 200:
            break
    return one_line(words, limit=_SUMMARY)


# Transaction control

_PLAIN_BEGIN = ("TRANS_STMT_BEGIN", "TRANS_STMT_START")
_INSIDE_A_TRANSACTION = ("TRANS_STMT_SAVEPOINT", "TRANS_STMT_RELEASE", "TRANS_STMT_ROLLBACK_TO")
_TRANSACTION_SETTINGS = ("TRANSACTION", "transaction_isolation", "transaction_read_only", "transaction_deferrable")


def _control(tree: Any) -> TransactionControl | None:
    match tree.DESCRIPTOR.name:
        case "TransactionStmt":
            return _transaction_control(tree)
        case "VariableSetStmt" if tree.name in _TRANSACTION_SETTINGS:
            return TransactionControl.OTHER
    return None


def _transaction_control(tree: Any) -> TransactionControl | None:
    kind = trees.enum_name(tree, "kind")
    if kind in _INSIDE_A_TRANSACTION:
        return None
    if kind in _PLAIN_BEGIN and not tree.options:
        return TransactionControl.BEGIN
    if kind == "TRANS_STMT_COMMIT" and not tree.chain:
        return TransactionControl.COMMIT
    return TransactionControl.OTHER
