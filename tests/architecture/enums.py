"""The string enums of the project, and where source code writes a member's value instead of the member."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

import dashboard

ROOT = Path(__file__).parents[2]
PRESENTERS = ROOT / "dashboard" / "presenters"
TEMPLATES = ROOT / "templates"
#: Keywords whose values are names of another kind: tones and icons of pills, names of URLs, of columns.
OTHER_NAMES = frozenset({"tone", "state_tone", "icon", "name", "fields"})
#: Calls whose positional words are names of another kind: of URLs, of keys and columns, of queries, of points.
OTHER_CALLS = frozenset(
    {
        *("reverse", "redirect", "_link", "_address", "reswap"),
        *("get", "pop", "add_parser", "compile", "text", "number", "is_false", "wants"),
        *("select_related", "values", "F", "query", "_execute", "faultpoint", "naming"),
    }
)
#: A comparison with a word, in a tag of a template.
_COMPARED = re.compile(r"""(?:==|!=|\bin\b)\s*(["'])(?P<value>[^"']+)\1|(["'])(?P<first>[^"']+)\3\s*(?:==|!=)""")
_IF = re.compile(r"{%\s*(?:if|elif)\b(.*?)%}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    file: str
    line: int
    value: str
    members: tuple[str, ...]  # "Action.APPLY"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.value!r} stands for {' or '.join(self.members)}"


@cache
def string_enums() -> tuple[type[Enum], ...]:
    """Every enum of strings that the project defines."""
    for module in pkgutil.walk_packages(dashboard.__path__, "dashboard."):
        if "migrations" not in module.name:
            importlib.import_module(module.name)
    return tuple(sorted(set(_below(Enum)), key=lambda each: (each.__module__, each.__qualname__)))


def literals() -> Iterator[Literal]:
    for folder in ("config", "dashboard"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield from literals_in(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())


def says(presenter: Path, word: str) -> bool:
    """Whether it takes this word from a row of a table WORDS."""
    return bool(re.search(rf"(?:WORDS\[.+\]|words)\.{word}\b", presenter.read_text(encoding="utf-8")))


def template_literals() -> Iterator[Literal]:
    for path in sorted(TEMPLATES.rglob("*.html")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            for condition in _IF.findall(line):
                for match in _COMPARED.finditer(condition):
                    value = match["value"] or match["first"]
                    if members := _members().get(value):
                        file = path.relative_to(ROOT).as_posix()
                        yield Literal(file=file, line=number, value=value, members=members)


def _below(base: type[Enum]) -> Iterator[type[Enum]]:
    for enum in base.__subclasses__():
        yield from _below(enum)
        if issubclass(enum, str) and enum.__module__.partition(".")[0] in {"config", "dashboard"}:
            yield enum


@cache
def _members() -> dict[str, tuple[str, ...]]:
    by_value: dict[str, list[str]] = {}
    for enum in string_enums():
        for member in enum:
            by_value.setdefault(member.value, []).append(f"{enum.__qualname__}.{member.name}")
    return {value: tuple(members) for value, members in by_value.items()}


def literals_in(source: str, file: str) -> Iterator[Literal]:
    """What is compared, passed, matched, returned, taken where nothing is given, or the key of a table."""
    for node in ast.walk(ast.parse(source)):
        for constant in (*_compared_or_named(node), *_passed_or_given(node)):
            if members := _members().get(constant.value):
                yield Literal(file=file, line=constant.lineno, value=constant.value, members=members)


def _compared_or_named(node: ast.AST) -> Iterator[ast.Constant]:
    match node:
        case ast.Compare():
            for side in (node.left, *node.comparators):
                yield from _constants(side)
        case ast.BoolOp(op=ast.Or()):
            yield from _constants(node.values[-1])
        case ast.keyword() if node.arg not in OTHER_NAMES:
            yield from _constants(node.value)
        case ast.Dict() if _is_table(node):
            for key in node.keys:
                yield from _constants(key)
        case ast.MatchValue():
            yield from _constants(node.value)


def _passed_or_given(node: ast.AST) -> Iterator[ast.Constant]:
    """Without a name: to a call, back from one, and where a parameter is left out."""
    match node:
        case ast.Call() if _called(node) not in OTHER_CALLS:
            for argument in node.args:
                yield from _constants(argument)
        case ast.Return():
            yield from _constants(node.value)
        case ast.arguments():
            for default in (*node.defaults, *node.kw_defaults):
                yield from _constants(default)


def _called(call: ast.Call) -> str:
    """The last part of its name."""
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def _constants(expression: ast.expr | None) -> Iterator[ast.Constant]:
    match expression:
        case ast.Constant(value=str()):
            yield expression
        case ast.Tuple() | ast.List() | ast.Set():
            for element in expression.elts:
                yield from _constants(element)
        case ast.IfExp():
            yield from _constants(expression.body)
            yield from _constants(expression.orelse)


def _is_table(node: ast.Dict) -> bool:
    """Keyed by members of one enum, and nothing else; a context or an object for JSON has other keys too."""
    keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
    if len(keys) < max(2, len(node.keys)):
        return False
    return any(set(keys) <= {member.value for member in enum} for enum in string_enums())
