"""docs/security.md names, for each attack that was tried, tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "security.md"

_ROW = re.compile(r"^\| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
_TEST = re.compile(r"`([\w/]+)(?:::(\w+))?`")


def attacks() -> list[tuple[str, str]]:
    rows = _ROW.findall(DOCUMENT.read_text(encoding="utf-8"))
    return [(attack, tests) for attack, _, tests in rows if attack not in {"attack", "---"}]


def test_the_page_lists_attacks() -> None:
    assert len(attacks()) > 60


@pytest.mark.parametrize(("attack", "tests"), attacks())
def test_each_attack_is_repeated_by_a_test(attack: str, tests: str) -> None:
    named = _TEST.findall(tests)
    assert named, f"docs/security.md: name the test of {attack!r}"
    for module, name in named:
        tree = ast.parse((ROOT / "tests" / f"{module}.py").read_text(encoding="utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert not name or name in functions, f"docs/security.md: there is no {module}::{name}"
