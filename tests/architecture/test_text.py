"""Text is for people: nothing decides by what a sentence says. What a program needs to know is a fact of its own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "dashboard"

#: Attributes, names and keys that hold sentences.
TEXTS = {"sentence", "advice", "remedy", "state_now", "next_step", "finding"}
READING = {
    "startswith",
    "endswith",
    "removeprefix",
    "removesuffix",
    "partition",
    "rpartition",
    "split",
    "find",
    "index",
}


def is_text(node: ast.expr) -> bool:
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name in TEXTS
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            return key in TEXTS
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(key)), *_]):
            return key in TEXTS
        case ast.Call(func=ast.Name(id="str"), args=[ast.Name(id="error")]):
            return True
        case ast.Call(func=ast.Attribute(value=inner, attr="lower" | "strip" | "casefold")):
            return is_text(inner)
    return False


def reads_text(node: ast.AST) -> bool:
    match node:
        case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[searched]):
            return is_text(searched)
        case ast.Compare(ops=[ast.Eq() | ast.NotEq()], left=left, comparators=[right]):
            return is_text(left) or is_text(right)
        case ast.Call(func=ast.Attribute(value=ast.Name(id="re")), args=arguments):
            return any(map(is_text, arguments))
        case ast.Call(func=ast.Attribute(value=value, attr=method), args=[_, *_]):  # `split()` only mends blanks
            return method in READING and is_text(value)
        case ast.Match(subject=subject):
            return is_text(subject)
    return False


def readers(source: str) -> Iterator[str]:
    return (ast.unparse(node) for node in ast.walk(ast.parse(source)) if reads_text(node))


def test_nothing_decides_by_what_a_sentence_says() -> None:
    steered = {
        f"{path.relative_to(DASHBOARD.parent)}: {code}"
        for path in sorted(DASHBOARD.rglob("*.py"))
        for code in readers(path.read_text(encoding="utf-8"))
    }
    assert not steered, "give it a fact of its own, beside the text"


@pytest.mark.parametrize(
    "source",
    [
        "remedy = error.next_step if 'invalid index' in error.next_step else ''",
        "re.sub('^Nothing', '', advice)",
        "failure['sentence'].startswith('It left')",
        "failure.get('remedy', '') == 'Install one.'",
        "'standby' in str(error).lower()",
    ],
)
def test_it_would_be_seen(source: str) -> None:
    assert list(readers(source))


#: Phrases that have to be read twice, as regular expressions.
READ_TWICE = re.compile(r"heard of\b|\b(?:to|can) be had\b|\b(?:is|stands) there by then")


def test_no_phrase_has_to_be_read_twice() -> None:
    files = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "templates").rglob("*.html"), *DASHBOARD.rglob("*.py")]
    places = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in [*sorted(files), *sorted(ROOT.glob("*.md"))]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if READ_TWICE.search(line)
    ]
    assert not places, "say it plainly: sends no sign of life, can be rolled back, what is there when it runs"


def test_no_docstring_begins_with_a_bare_of() -> None:
    """It would say what it belongs to before it says what it is."""
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef)
    begins = [
        f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"
        for path in sorted(DASHBOARD.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, owners) and (ast.get_docstring(node) or "").startswith("Of ")
    ]
    assert not begins, "say first what it is: the runs that..., for a statement that..."
