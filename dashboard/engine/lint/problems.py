"""What the folder's reader has already found, as lint says it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from dashboard.engine.lint.findings import Hit
from dashboard.engine.lint.script import LintedScript

#: In any spelling, also where the sentence cuts it off. The apostrophe of a word starts none.
_STRING = re.compile(
    r"""(?<!\w)(?:[EBXN]|U&)?'(?:[^']|'')*?(?:'(?!')|(?="?\.?$))|\$(\w*)\$.*?(?:\$\1\$|(?="?\.?$))""",
    re.IGNORECASE | re.DOTALL,
)


def hits(linted: LintedScript, codes: Collection[str]) -> Iterator[Hit]:
    """The reader's problems of this script with one of these codes."""
    for problem in linted.problems:
        if problem.code in codes:
            yield Hit(
                severity=problem.severity,
                sentence=without_strings(problem.sentence),
                advice=problem.advice,
                place=(problem.line or 1, problem.column or 1),
            )


def without_strings(sentence: str) -> str:
    """The reader shows the statement; a string in it can be a password."""
    return _STRING.sub("'…'", sentence)
