"""PostgreSQL's parser refuses the file, or it holds what only psql understands. It cannot run as it is."""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.problems import hits
from dashboard.engine.lint.script import LintedScript

CODES = ("syntax_error", "psql_command", "client_copy", "placeholder")


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    yield from hits(linted, CODES)
