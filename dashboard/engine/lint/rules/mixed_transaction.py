"""What PostgreSQL refuses in a transaction stands beside other statements, or the file ends its own transaction."""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.problems import hits
from dashboard.engine.lint.script import LintedScript

CODES = ("mixed_transaction_control", "non_transactional_mixed")


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    yield from hits(linted, CODES)
