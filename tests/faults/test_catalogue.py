"""docs/faults.md accounts for every case of the catalogue, and every guard and test it names exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.source import functions_of

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "faults.md"
CASES = {*range(1, 66), *range(81, 117)}

_ROW = re.compile(r"^\| (\d+) \| .+? \| (.+?) \| (.+?) \|$", re.MULTILINE)
_PROMISE = re.compile(r"^\| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
_TEST = re.compile(r"`([\w/]+)::(\w+)`")


def rows() -> list[tuple[int, str, str]]:
    return [(int(number), behaviour, tests) for number, behaviour, tests in _ROW.findall(DOCUMENT.read_text())]


def test_every_case_has_its_row() -> None:
    numbers = [number for number, _, _ in rows()]
    assert sorted(numbers) == sorted(CASES), "docs/faults.md: each case of the catalogue once"


@pytest.mark.parametrize(("number", "behaviour", "tests"), rows())
def test_a_case_is_tested_or_declined_with_a_reason(number: int, behaviour: str, tests: str) -> None:
    named = _TEST.findall(tests)
    assert named or behaviour.startswith("Declined:"), f"case {number}: name its test in docs/faults.md"
    for module, name in named:
        assert name in functions_of(module), f"docs/faults.md, case {number}: there is no {module}::{name}"


def promises() -> list[tuple[str, str, str]]:
    """The rows of the table under "What holds"."""
    section = DOCUMENT.read_text().partition("## What holds")[2].partition("\n## ")[0]
    return [row for row in _PROMISE.findall(section) if row[0] not in {"what holds", "---"}]


@pytest.mark.parametrize(("promise", "guards", "tests"), promises())
def test_what_holds_has_its_guard_and_its_test(promise: str, guards: str, tests: str) -> None:
    assert _TEST.findall(guards)
    assert _TEST.findall(tests)
    for module, name in _TEST.findall(guards):
        assert name in _names_in(module), f"docs/faults.md, {promise!r}: there is no {module}::{name}"
    for module, name in _TEST.findall(tests):
        assert name in functions_of(module), f"docs/faults.md, {promise!r}: there is no {module}::{name}"


@cache
def _names_in(module: str) -> frozenset[str]:
    """Functions, methods and classes."""
    tree = ast.parse((ROOT / "dashboard" / f"{module}.py").read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef))
