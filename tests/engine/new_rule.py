"""`make new-rule name=some-rule`: the code, the page and the cases of a lint rule, to be filled in."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

CODE = '''"""What is wrong, and why it matters.

What the rule judges by, and what it leaves alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.migration import Severity


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    for parsed in linted.parsed:
        if parsed.kind == "SomeStmt":
            yield parsed.hit(Severity.WARNING, "What happens.", "What to write instead.")
'''

PAGE = """# {name}

What goes wrong, and for whom.

## What to do instead

SQL that Signalbox can run.

## How to allow it

    -- signalbox:allow {name} why it may stand here
"""

CASES = """pass: []
fail: []
"""


def main(name: str) -> None:
    stubs = {
        ROOT / "dashboard/engine/lint/rules" / f"{name.replace('-', '_')}.py": CODE,
        ROOT / "docs/lint" / f"{name}.md": PAGE.format(name=name),
        ROOT / "tests/engine/cases/lint" / f"{name}.yml": CASES,
    }
    for path in stubs:
        if path.exists():
            sys.exit(f"{path.relative_to(ROOT)} is there already.")
    for path, text in stubs.items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))  # noqa: T201


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].replace("-", "").isalnum():
        sys.exit("Usage: make new-rule name=some-rule")
    main(sys.argv[1])
