"""One class name, one class: whoever reads the name of one need not ask which."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

DASHBOARD = Path(__file__).parents[2] / "dashboard"

#: Packages of the engine whose names nothing else in the project takes.
ROOMS = ("run", "database", "rehearsal")


def test_a_class_that_runs_migrations_has_its_name_alone() -> None:
    places: defaultdict[str, list[Path]] = defaultdict(list)
    for path in DASHBOARD.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(path.relative_to(DASHBOARD))
    shared = {
        name: paths
        for name, paths in places.items()
        if len(paths) > 1 and any(path.parts[:1] == ("engine",) and path.parts[1] in ROOMS for path in paths)
    }
    assert not shared, "give one of them a name of its own"
