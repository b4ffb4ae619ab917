"""SQL as people read it: one safe piece of HTML per line, with classes and nothing else.

The reader of this page decides whether the text runs on production. So no character is lost, none is
hidden: control, zero-width and direction-changing characters appear as their code point.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from pygments.lexer import inherit
from pygments.lexers.sql import PlPgsqlLexer, PostgresLexer
from pygments.token import Comment, Keyword, Name, Number, Punctuation, String, _TokenType

from dashboard.engine.migration import Problem
from dashboard.engine.sql.places import StatementPlace
from dashboard.presenters.findings import Note
from dashboard.presenters.hidden import UNSEEN, code_point

#: Longer texts are shown plain: colouring 200 KB takes about half a second.
HIGHLIGHT_LIMIT = 200_000
#: Every `$` may make the lexer search the whole text for its twin; beyond this product it is shown plain too.
DOLLAR_LIMIT = 100_000_000

#: Lines of a listing that are shown at once.
FOLD_AFTER = 400

#: The longest matching token type names the class; all other tokens have none.
CLASSES: dict[_TokenType, str] = {
    Comment: "c",
    Keyword: "k",
    Name.Builtin: "t",
    Name.Variable: "v",
    Number: "n",
    String: "s",
    String.Name: "i",  # a quoted identifier is a name, not a string
}

#: Characters after which a line says how long it is: what stands far to the right of a screen is easily missed.
LONG_LINE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlLine:
    """One line of a listing, with the problems to show under it."""

    number: int
    html: SafeString
    problems: tuple[Problem | Note, ...] = ()
    length: int = 0  # in characters, where that is worth telling


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlListing:
    """A whole text. `problems` are those about no particular line of it; `plain` says it has no colours."""

    lines: tuple[SqlLine, ...]
    problems: tuple[Problem | Note, ...] = ()
    plain: bool = False
    places: tuple[StatementPlace, ...] = ()

    @property
    def head(self) -> tuple[SqlLine, ...]:
        return self.lines[:FOLD_AFTER]

    @property
    def last_shown(self) -> int:
        """The number of the last line above the fold."""
        return self.head[-1].number if self.lines else 0

    @property
    def folded(self) -> tuple[SqlLine, ...]:
        return self.lines[FOLD_AFTER:]

    @property
    def fold(self) -> str:
        """What is folded away: "200 more lines: 3 statements, one of them puts SQL together while it runs"."""
        count = len(self.folded)
        lines = f"{count} more line{'' if count == 1 else 's'}"
        held = [place for place in self.places if place.last_line > self.last_shown]
        if not held:
            return lines
        statements = "1 statement" if len(held) == 1 else f"{len(held)} statements"
        dynamic = sum(place.is_dynamic_below(self.last_shown) for place in held)
        together = {0: "", 1: ", one of them puts SQL together while it runs"}
        return f"{lines}: {statements}" + together.get(dynamic, f", {dynamic} of them put SQL together while they run")

    @property
    def opens(self) -> bool:
        """Something wrong is never folded away."""
        return any(line.problems for line in self.folded)


def listing(sql: str, problems: Iterable[Problem | Note] = (), places: tuple[StatementPlace, ...] = ()) -> SqlListing:
    """The text by line, each problem under the line it names. `places` tell what a fold holds. Several blank lines at
    the top are left out: they stand for a part of the file that is not run."""
    html, lengths = highlight(sql), [len(line) for line in sql.split("\n")]
    by_line: dict[int | None, list[Problem | Note]] = {}
    for problem in problems:
        here = problem.line if problem.line and problem.line <= len(html) else None
        by_line.setdefault(here, []).append(problem)
    lines = [*enumerate(zip(html, lengths, strict=False), start=1)]
    return SqlListing(
        lines=tuple(
            SqlLine(number=number, html=line, problems=tuple(by_line.get(number, ())), length=_told(length))
            for number, (line, length) in lines[_blanks(sql) :]
        ),
        problems=tuple(by_line.get(None, ())),
        plain=_too_long(sql),
        places=places,
    )


#: So many blank lines at the top of a text are shown.
_BLANKS_SHOWN = 1


def _blanks(sql: str) -> int:
    blanks = len(sql) - len(sql.lstrip("\n"))
    return blanks if _BLANKS_SHOWN < blanks < len(sql) else 0


def _told(length: int) -> int:
    return length if length > LONG_LINE else 0


@lru_cache(maxsize=32)
def highlight(sql: str) -> tuple[SafeString, ...]:
    """One safe string per line; lines end at LF only, as the engine counts them."""
    pieces = [] if _too_long(sql) else list(_tokens(sql))
    if "".join(text for _, text in pieces) != sql:
        pieces = [("", sql)]
    lines: list[list[str]] = [[]]
    for name, text in pieces:
        first, *others = text.split("\n")
        lines[-1].append(_span(name, first))
        lines.extend([_span(name, other)] for other in others)
    if len(lines) > 1 and not any(lines[-1]):
        lines.pop()
    return tuple(mark_safe("".join(line)) for line in lines)  # noqa: S308 - every piece went through escape()


def _too_long(sql: str) -> bool:
    return len(sql) > HIGHLIGHT_LIMIT or sql.count("$") * len(sql) > DOLLAR_LIMIT


# Pygments ends E'it\'s' at the backslash and would colour the code after it as a string; and it takes the dot
# between two names for a number.
_FIRST_RULES = [(r"(?s)E'(?:[^'\\]|\\.|'')*'", String.Single), (r"\.(?![0-9])", Punctuation), inherit]


class _Lexer(PostgresLexer):
    tokens: ClassVar = {"root": _FIRST_RULES}

    def _get_lexer(self, language: str) -> PostgresLexer | PlPgsqlLexer | None:
        return {"sql": _Lexer, "plpgsql": _BodyLexer}.get(language.lower(), lambda: None)()


class _BodyLexer(PlPgsqlLexer):
    tokens: ClassVar = {"root": _FIRST_RULES}
    _get_lexer = _Lexer._get_lexer


def _tokens(sql: str) -> Iterator[tuple[str, str]]:
    """(class, text) of the whole text in order, neighbours of one class joined."""
    name, texts = "", list[str]()
    for _, token, text in _Lexer().get_tokens_unprocessed(sql):
        next_name = _class_of(token)
        if next_name != name and texts:
            yield name, "".join(texts)
            texts = []
        name = next_name
        texts.append(text)
    yield name, "".join(texts)


@lru_cache(maxsize=256)
def _class_of(token: _TokenType) -> str:
    return next((CLASSES[kind] for kind in reversed(token.split()) if kind in CLASSES), "")


def _span(name: str, text: str) -> str:
    if not text:
        return ""
    html = UNSEEN.sub(_code_point, escape(text))
    return f'<span class="{name}">{html}</span>' if name else html


def _code_point(match: re.Match[str]) -> str:
    return f'<span class="unseen">{code_point(match[0])}</span>'
