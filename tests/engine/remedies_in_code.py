"""Every remedy that stands in the code of the engine, read from its syntax: whatever is given as `remedy` or `advice`,
with what is said beside it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_ENGINE = Path(__file__).parents[2] / "dashboard" / "engine"
#: Names of arguments, variables, constants and functions that hold one.
_ADVISES = re.compile(r"_?(\w+_)?(remedy|advice|grant|help)(_of|_\w+)?", re.IGNORECASE)
_SAYS = ("finding", "reason", "sentence", "message")

type Values = Mapping[str, ast.expr]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemedyInCode:
    """Values that are filled in stand in braces, as the code names them."""

    place: str  # the module below dashboard/engine, and the function or class
    said: str  # what stands beside it; empty where that is put together elsewhere
    advised: str


def all_of_them() -> tuple[RemedyInCode, ...]:
    """In the order of modules and lines, each once."""
    every = (
        remedy
        for path in sorted(_ENGINE.rglob("*.py"))
        for remedy in in_module(path.read_text(encoding="utf-8"), str(path.relative_to(_ENGINE).with_suffix("")))
    )
    return tuple(dict.fromkeys(every))


def in_module(source: str, module: str) -> Iterator[RemedyInCode]:
    tree = ast.parse(source)
    constants = dict(_assigned(tree.body))
    for part in tree.body:
        name = getattr(part, "name", "")
        known = constants | dict(_assigned(ast.walk(part)))
        for said, advised in _pairs(part):
            beside = next((text for each in said for text in _texts(each, known)), "")
            for text in _texts(advised, constants):
                if " " in text:
                    place = f"{module}::{name}" if name else module
                    yield RemedyInCode(place=place, said=_plain(beside), advised=_plain(text))


def _assigned(nodes: Iterator[ast.AST] | list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    for node in nodes:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                yield name, value
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                yield from ((n.id, v) for n, v in zip(names, values, strict=True) if isinstance(n, ast.Name))


def _pairs(part: ast.stmt) -> Iterator[tuple[list[ast.expr], ast.expr]]:
    """What may be said, the nearest first, and what is advised."""
    spoken = [value for name, value in _given(part) if name in _SAYS]
    for name, advised in _given(part):
        if _ADVISES.fullmatch(name):
            yield sorted(spoken, key=lambda said: abs(said.lineno - advised.lineno)), advised
    for function in (node for node in ast.walk(part) if isinstance(node, ast.FunctionDef)):
        if _ADVISES.fullmatch(function.name):
            answers = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value]
            yield from (([], answer) for answer in answers)


def _given(part: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """Every argument and every variable that gets a value."""
    for node in ast.walk(part):
        if isinstance(node, ast.Call):
            yield from ((keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg)
            if any(isinstance(each, ast.Name) and _ADVISES.fullmatch(each.id) for each in node.args):
                yield from (("sentence", each) for each in node.args if " " in ast.unparse(each))
        elif isinstance(node, ast.stmt):
            yield from _assigned([node])


def _texts(value: ast.expr, known: Values) -> Iterator[str]:
    """Every text that it can be, as far as it is written there."""
    match value:
        case ast.Constant(value=str() as text):
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(_filled(part) for part in parts)
        case ast.IfExp(body=body, orelse=orelse):
            yield from (*_texts(body, known), *_texts(orelse, known))
        case ast.BoolOp(values=values):
            yield from (text for each in values for text in _texts(each, known))
        case ast.BinOp(left=left, right=right, op=ast.Add()):
            yield " ".join((*_texts(left, known), *_texts(right, known)))
        case ast.Call(func=ast.Attribute(value=formatted, attr="format")):
            yield from _texts(formatted, known)
        case ast.Name(id=name) if name in known and not isinstance(known[name], ast.Name):
            yield from _texts(known[name], {k: v for k, v in known.items() if k != name})


def _filled(part: ast.expr) -> str:
    match part:
        case ast.Constant(value=text):
            return str(text)
        case ast.FormattedValue(value=value):
            return f"{{{ast.unparse(value)}}}"
    return ""


def _plain(text: str) -> str:
    return " ".join(text.split())
