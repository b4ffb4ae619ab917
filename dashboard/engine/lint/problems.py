"""What the folder's reader has already found, as lint says it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from dashboard.engine.lint.findings import Hit
from dashboard.engine.lint.subject import Subject


def hits(subject: Subject, codes: Collection[str]) -> Iterator[Hit]:
    """The reader's problems of this script with one of these codes."""
    for problem in subject.problems:
        if problem.code in codes:
            yield Hit(
                severity=problem.severity,
                sentence=problem.sentence,
                advice=problem.advice,
                place=(problem.line or 1, problem.column or 1),
            )
