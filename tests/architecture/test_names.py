"""Names: one class for each, and a variable is named for what it holds.

A reader who meets the name of a class knows which it is without looking at the imports. A class inside another one goes
by both names, so Run.Status and Request.Status are two.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

DASHBOARD = Path(__file__).parents[2] / "dashboard"
TEMPLATES = DASHBOARD.parent / "templates"

#: Named by Django.
NAMED_BY_DJANGO = {"Meta", "Command", "Migration"}


def classes(node: ast.AST, owner: str = "") -> Iterator[str]:
    """Aliases of types too. An underscore in front makes no other name: whoever reads it does not hear it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.TypeAlias):
            yield f"{owner}{child.name.id.lstrip('_')}"
        elif isinstance(child, ast.ClassDef):
            name = f"{owner}{child.name.lstrip('_')}"
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


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("class Hit: ...", ["Hit"]),
        ("class _Hit: ...", ["Hit"]),
        ("type _Hit = int", ["Hit"]),
        ("class Run:\n    class _Status: ...", ["Run", "Run.Status"]),
        ("def f():\n    class _Hit: ...", ["Hit"]),
    ],
)
def test_an_underscore_makes_no_other_name(source: str, expected: list[str]):
    assert list(classes(ast.parse(source))) == expected


def test_no_two_classes_share_a_name():
    shared = {name: places for name, places in places_by_name().items() if len(places) > 1}
    assert not shared, "give these classes names of their own"


#: How somebody came by a value, or that it is one. None of these says what it holds.
NAMES_OF_NOTHING = frozenset({"found", "told", "what", "seen", "thing", "things", "stuff"})
CONTEXT = re.compile(r"{{-?\s*found\b|{%[^%]*\bfound\b")


def variables(source: str) -> Iterator[tuple[int, str]]:
    """Parameters and what is assigned; not the fields of a class, which are read after the name of their owner."""
    tree = ast.parse(source)
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    fields = {id(target) for body in bodies for node in body for target in _fields(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in fields:
            yield node.lineno, node.id


def _fields(node: ast.stmt) -> list[ast.expr]:
    match node:
        case ast.AnnAssign(target=target):
            return [target]
        case ast.Assign(targets=targets):
            return targets
    return []


@pytest.mark.parametrize(
    "source",
    [
        "found = look()",
        "def f(told): ...",
        "def f(*, what): ...",
        "for thing in (): ...",
        "[seen for seen in ()]",
        "if (found := look()): ...",
        "with look() as stuff: ...",
        "class Look:\n    def f(self):\n        things = 1",
    ],
)
def test_a_name_of_nothing_would_be_noticed(source: str):
    assert NAMES_OF_NOTHING & {name for _, name in variables(source)}


@pytest.mark.parametrize("source", ["class Look:\n    found: int", "class Look:\n    seen = 1", "look.found = 1"])
def test_a_field_is_read_after_its_owner(source: str):
    assert not NAMES_OF_NOTHING & {name for _, name in variables(source)}


def test_a_variable_is_named_for_what_it_holds():
    named = [
        f"{path.relative_to(DASHBOARD)}:{line}: {name}"
        for path in sorted(DASHBOARD.rglob("*.py"))
        for line, name in variables(path.read_text())
        if name in NAMES_OF_NOTHING
    ]
    assert not named, "name what it holds: environment, run, change_request, report"


def test_what_a_template_is_given_is_named_for_what_it_is():
    named = [
        f"{path.relative_to(TEMPLATES)}:{number}"
        for path in sorted(TEMPLATES.rglob("*.html"))
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if CONTEXT.search(line)
    ]
    assert not named, "name what it is: change_request, broken_off"
