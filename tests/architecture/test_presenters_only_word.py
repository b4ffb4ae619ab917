"""Presenters and forms get values and word them. They plan nothing, parse no SQL and ask no database.

What runs in between is watched too: `no_query_while_wording` (tests/views/conftest.py) refuses every query that a
presenter or a form would send while a page is made.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


#: Modules that decide, and those that talk to a database or read SQL. Their values may be imported, by name.
FORBIDDEN = (
    "dashboard.engine.planner",
    "dashboard.engine.verification",
    "dashboard.engine.files",
    "dashboard.engine.sql",
    "dashboard.engine.database",
    "dashboard.engine.run",
    "psycopg",
    "postgast",
)
#: Values that are read, never computed, in these layers.
VALUES = {
    "dashboard.engine.database.doctor": {"Check", "CheckLevel", "is_fit"},
    "dashboard.engine.database.saved": {"SCHEMA", "Outlook", "Save"},
    "dashboard.engine.run.executor": {"Approval"},
    "dashboard.engine.sql.transaction": {"TransactionMode", "TransactionShape"},
}
#: How a query is written in Django.
QUERIES = {"objects", "filter", "exclude", "all", "select_related", "prefetch_related", "refresh_from_db"}


def test_no_presenter_or_form_imports_what_decides_parses_or_connects() -> None:
    violations = [where for path in _modules() for where in _forbidden_imports(path)]
    assert not violations, (
        "These decide, parse or connect. Let a service or a selector do it and give the presenter the value:\n"
        + "\n".join(violations)
    )


def test_no_presenter_or_form_asks_the_database() -> None:
    violations = [where for path in _modules() for where in _queries(path)]
    assert not violations, "Let a selector ask, and give the presenter the rows:\n" + "\n".join(violations)


def _modules() -> Iterator[Path]:
    for layer in ("presenters", "forms"):
        yield from sorted((ROOT / "dashboard" / layer).rglob("*.py"))


def _forbidden_imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        names = [(node.module or "", alias.name) for alias in node.names] if isinstance(node, ast.ImportFrom) else []
        if isinstance(node, ast.Import):
            names = [(alias.name, "") for alias in node.names]
        for module, name in names:
            is_module = f"{module}.{name}".startswith(FORBIDDEN)
            if is_module and name not in VALUES.get(module, set()):
                yield f"{path.relative_to(ROOT)}:{node.lineno}: {module} {name}"


def _queries(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr in QUERIES:
            yield f"{path.relative_to(ROOT)}:{node.lineno}: .{node.attr}"
