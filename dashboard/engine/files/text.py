"""Bytes to text. PostgreSQL must read the same text a person sees, so what could deceive is refused here."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dashboard.engine.files.listing import Limits
from dashboard.engine.migration import Problem, Severity, checksum
from dashboard.engine.sql.excerpts import locate
from dashboard.engine.sql.tokens import Token, TokenKind

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")

#: Reorder or break lines on a screen, in comments too: what is read is not what runs. So do control characters.
_DECEIVING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")
_NOT_ASCII_OR_CONTROL = re.compile(r"[^\x20-\x7e\n\t\r]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """`sql` is None where the bytes are not usable as text."""

    sql: str | None
    checksum: str
    problems: tuple[Problem, ...]


def decode(file: str, content: bytes, limits: Limits) -> Text:
    if unusable := _unusable(file, content, limits):
        return Text(sql=None, checksum="", problems=(unusable,))
    whole = content.decode()
    sql = whole.removeprefix("\ufeff").replace("\r\n", "\n")
    return Text(sql=sql, checksum=checksum(whole), problems=tuple(_oddities(file, content, sql)))


def hidden_characters(file: str, sql: str, tokens: Iterable[Token]) -> Iterator[Problem]:
    """Characters that make the text read differently from what PostgreSQL reads; each kind once."""
    if not _NOT_ASCII_OR_CONTROL.search(sql):
        return
    offsets: dict[tuple[str, Severity], list[int]] = defaultdict(list)
    for kind, part, offset in _parts(sql, tokens):
        for match in _NOT_ASCII_OR_CONTROL.finditer(part):
            if severity := _severity(match[0], kind):
                offsets[match[0], severity].append(offset + match.start())
    for (char, severity), places in offsets.items():
        yield _hidden(file, sql, char, severity, places)


def _unusable(file: str, content: bytes, limits: Limits) -> Problem | None:
    if len(content) > limits.file_bytes:
        return _error(
            file,
            "too_large",
            f"The file is larger than {limits.file_bytes // 1024} KiB and was not read.",
            "Split it. Load bulk data with a tool made for it, like psql and COPY.",
        )
    if content.startswith(_UTF16):
        return _error(
            file,
            "utf16",
            "The file is UTF-16, which PostgreSQL cannot read.",
            "Save it again as UTF-8 (on Windows: `Out-File -Encoding utf8`).",
        )
    return _undecodable(file, content) or _nul(file, content)


def _undecodable(file: str, content: bytes) -> Problem | None:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return _error(
            file,
            "not_utf8",
            f"The file is not UTF-8: byte 0x{content[error.start]:02x} at offset {error.start}, line {line}.",
            "Save it again as UTF-8. It was probably written as Latin-1 or Windows-1252.",
            line=line,
        )
    return None


def _nul(file: str, content: bytes) -> Problem | None:
    at = content.find(b"\0")
    if at < 0:
        return None
    line = content.count(b"\n", 0, at) + 1
    return _error(
        file,
        "nul_byte",
        f"There is a NUL byte at offset {at}, line {line}. A database driver would silently stop reading there.",
        "Remove the byte, or restore the file from version control.",
        line=line,
    )


def _oddities(file: str, content: bytes, sql: str) -> Iterator[Problem]:
    if "\r" in sql:
        place = locate(sql, sql.index("\r") + 1)
        yield _error(
            file,
            "lone_cr",
            "A carriage return stands alone. PostgreSQL ends a comment there, most editors and reviews do not.",
            "Replace it by a line feed, and read the line again as PostgreSQL will.",
            line=place.line,
            column=place.column,
            excerpt=place.excerpt,
        )
    if content.startswith(_BOM):
        yield _note(file, "byte_order_mark", "The file starts with a byte order mark; it is read without it.")
    if b"\r\n" in content:
        yield _note(file, "crlf", "The file has Windows line ends; it is read, sent and compared with LF.")


def _parts(sql: str, tokens: Iterable[Token]) -> Iterator[tuple[TokenKind, str, int]]:
    """All of the text in order: tokens, and what lies between them, which counts as code."""
    covered = 0
    for token in tokens:
        yield TokenKind.CODE, sql[covered : token.offset], covered
        yield token.kind, token.text, token.offset
        covered = token.offset + len(token.text)
    yield TokenKind.CODE, sql[covered:], covered


def _hidden(file: str, sql: str, char: str, severity: Severity, places: Sequence[int]) -> Problem:
    place = locate(sql, places[0] + 1)
    name = unicodedata.name(char, "a control character")
    more = f", and {len(places) - 1} more times behind it" if len(places) > 1 else ""
    return Problem(
        code="hidden_character",
        severity=severity,
        file=file,
        sentence=f"Line {place.line} holds U+{ord(char):04X} ({name}){more}; nobody can see it.",
        advice=f"Delete it. If it is meant, write it in a string as U&'\\{ord(char):04X}'.",
        line=place.line,
        column=place.column,
        excerpt=place.excerpt,
    )


def _severity(char: str, kind: TokenKind) -> Severity | None:
    """What deceives a reader is an error wherever PostgreSQL reads code, a warning in a string.

    What is merely invisible changes names, so it is an error in code; comments and strings may hold it
    (emoji are joined by such characters).
    """
    category = unicodedata.category(char)
    if char in _DECEIVING or category == "Cc":
        return Severity.WARNING if kind is TokenKind.LITERAL else Severity.ERROR
    if kind in (TokenKind.LITERAL, TokenKind.COMMENT):
        return None
    return Severity.ERROR if category in ("Cf", "Zs") else None


def _error(
    file: str,
    code: str,
    sentence: str,
    advice: str,
    *,
    line: int | None = None,
    column: int | None = None,
    excerpt: str = "",
) -> Problem:
    return Problem(
        code=code,
        severity=Severity.ERROR,
        file=file,
        sentence=sentence,
        advice=advice,
        line=line,
        column=column,
        excerpt=excerpt,
    )


def _note(file: str, code: str, sentence: str) -> Problem:
    return Problem(code=code, severity=Severity.NOTE, file=file, sentence=sentence, advice="Nothing needs to be done.")
