"""The text holds characters that make a person read something else than PostgreSQL does."""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.problems import hits
from dashboard.engine.lint.script import LintedScript

CODES = ("hidden_character", "lone_cr", "nul_byte")


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    yield from hits(linted, CODES)
