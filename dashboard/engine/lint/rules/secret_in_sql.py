"""A password, key or token stands in the file. It is then in version control, in the history and in server logs.

What is found is never quoted: the finding says what kind of secret it is and where.
"""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.engine.errors import SqlSyntaxError
from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.secrets import assigned_secrets, known_secret
from dashboard.engine.lint.subject import Subject
from dashboard.engine.migration import Severity
from dashboard.engine.statements import TokenKind, tokens

_ADVICE = (
    "Take it out, and change it where it is used: it counts as known from now on. Set it outside migrations, or read "
    "it in SQL with current_setting() from a variable the platform provides."
)


def check(subject: Subject, context: LintContext) -> Iterator[Hit]:
    found: set[int] = set()
    for parsed in subject.parsed:
        for what in assigned_secrets(parsed):
            if parsed.statement.offset not in found:
                found.add(parsed.statement.offset)
                yield parsed.hit(Severity.ERROR, f"{what} stands in the file.", _ADVICE)
    spans = [(p.statement.offset, p.statement.offset + len(p.statement.sql)) for p in subject.parsed]
    reported = [span for span in spans if span[0] in found]
    for offset, what in _in_text(subject.script.sql):
        if not any(start <= offset < end for start, end in reported):
            yield Hit(severity=Severity.ERROR, sentence=f"{what} stands in the file.", advice=_ADVICE, offset=offset)


def _in_text(sql: str) -> Iterator[tuple[int, str]]:
    """Strings and comments; a comment is as public as the rest."""
    try:
        for token in tokens(sql):
            if token.kind in (TokenKind.LITERAL, TokenKind.COMMENT) and (found := known_secret(token.text)):
                yield token.offset + found.offset, found.what
    except SqlSyntaxError:
        if found := known_secret(sql):
            yield found.offset, found.what
