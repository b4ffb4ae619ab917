"""The source text as completeness tests read it: without running it, so that nothing is missed for want of a case."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def trees(*folders: str) -> tuple[tuple[str, ast.Module], ...]:
    """Every Python file below these folders of the repository: its path there, and its syntax tree."""
    files = [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]
    return tuple((str(file.relative_to(ROOT)), ast.parse(file.read_text(encoding="utf-8"))) for file in files)


def calls(*folders: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call below these folders, with the place it stands at."""
    for path, tree in trees(*folders):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield f"{path}:{node.lineno}", node


def called(call: ast.Call) -> str:
    """The last part of the name that is called: `reverse` of `urls.reverse(...)`."""
    function = call.func
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


@cache
def functions_of(module: str) -> frozenset[str]:
    """The functions of a module of tests, which documents name as `engine/test_files`."""
    tree = ast.parse((ROOT / "tests" / f"{module}.py").read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def text_of(*patterns: str) -> str:
    """All files that match the patterns, as one text."""
    return "\n".join(file.read_text(encoding="utf-8") for pattern in patterns for file in sorted(ROOT.glob(pattern)))
