"""A password, key or token stands in the file. It is then in version control, in the history and in server logs.

What is found is never quoted: the finding says what kind of secret it is and where.
"""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.engine.errors import SqlSyntaxError
from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.lint.secrets import assigned_secrets, known_secret
from dashboard.engine.migration import Severity
from dashboard.engine.sql.tokens import TokenKind, tokens

_ADVICE = (
    "Take it out, and change it where it is used: it counts as known from now on. Set it outside migrations, or read "
    "it in SQL with current_setting() from a variable the platform provides."
)


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    reported: set[int] = set()
    for parsed in linted.parsed:
        if description := next(assigned_secrets(parsed), None):
            reported.add(parsed.statement.number)
            yield parsed.hit(Severity.ERROR, f"{description} stands in the file.", _ADVICE)
    for offset, kind in _in_text(linted.script.sql):
        statement = linted.statement_at(offset)
        if statement is None or statement.number not in reported:
            yield Hit(
                severity=Severity.ERROR,
                sentence=f"{kind} stands in the file.",
                advice=_ADVICE,
                offset=offset,
                statement=statement.number if statement else None,
            )


def _in_text(sql: str) -> Iterator[tuple[int, str]]:
    """Strings and comments; a comment is as public as the rest. Where the text has no tokens, anywhere."""
    anywhere = known_secret(sql)
    if anywhere is None:
        return
    try:
        texts = [token for token in tokens(sql) if token.kind in (TokenKind.LITERAL, TokenKind.COMMENT)]
    except SqlSyntaxError:
        yield anywhere.offset, anywhere.kind
        return
    for token in texts:
        if secret := known_secret(token.text):
            yield token.offset + secret.offset, secret.kind
