"""One name, one class: a reader who meets a name knows which class it is without looking at the imports.

A class inside another one goes by both names, so Run.Status and Request.Status are two.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

DASHBOARD = Path(__file__).parents[2] / "dashboard"

#: Named by Django.
NAMED_BY_DJANGO = {"Meta", "Command", "Migration"}


def classes(node: ast.AST, owner: str = "") -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            name = f"{owner}{child.name}"
            if child.name not in NAMED_BY_DJANGO:
                yield name
            yield from classes(child, f"{name}.")
        else:
            yield from classes(child, owner)


def places_by_name() -> Mapping[str, list[str]]:
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted(DASHBOARD.rglob("*.py")):
        for name in classes(ast.parse(path.read_text())):
            places[name].append(str(path.relative_to(DASHBOARD)))
    return places


def test_no_two_classes_share_a_name():
    shared = {name: places for name, places in places_by_name().items() if len(places) > 1}
    assert not shared, "give these classes names of their own"
