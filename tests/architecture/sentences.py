"""Where source code reads a text that is written for people, as its syntax tree tells.

A name that holds such a text carries it on: through an assignment, as an argument of a function of the same module, and
as what such a function returns.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

#: Attributes, names and keys that hold sentences of ours, of a server, or of a program.
TEXTS = {
    *("sentence", "advice", "remedy", "state_now", "next_step", "finding", "objection", "doubt", "why_unknown"),
    *("message", "message_primary", "message_detail", "message_hint", "primary", "hint"),
    *("stderr", "complaint"),
}
#: Names of errors, which are a sentence as soon as they become text.
ERRORS = {"error", "err", "exc", "exception", "failure", "refusal", "refused", "cause"}
#: Methods of a text that look into it.
READING = {
    *("startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition", "split", "rsplit"),
    *("find", "rfind", "index", "rindex", "count"),
}
#: Methods that give a text back as it was, more or less.
KEEPING = {"lower", "upper", "strip", "rstrip", "lstrip", "casefold", "replace", "format"}
#: Functions of `re`, and methods of a pattern.
SEARCHING = {"search", "match", "fullmatch", "findall", "finditer", "sub", "subn"}


@dataclass
class Scope:
    """A function, or the module: the names in it that hold a text, and what its functions give back."""

    names: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)

    def is_text(self, node: ast.expr | None) -> bool:
        return node is not None and (
            self._is_held(node) or self._is_returned(node) or any(map(self.is_text, _in(node)))
        )

    def _is_held(self, node: ast.expr) -> bool:
        """Under a name, an attribute or a key."""
        match node:
            case ast.Attribute(attr=name):
                return name in TEXTS
            case ast.Name(id=name):
                return name in TEXTS or name in self.names
            case ast.Subscript(slice=ast.Constant(value=str(key))):
                return key in TEXTS
            case ast.Subscript(value=ast.Attribute(value=error, attr="args")):
                return is_error(error)
        return False

    def _is_returned(self, node: ast.expr) -> bool:
        match node:
            case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(key)), *_]):
                return key in TEXTS
            case ast.Call(func=ast.Name(id="str" | "repr" | "format"), args=[value, *_]):
                return is_error(value) or self.is_text(value)
            case ast.Call(func=ast.Name(id=name)):
                return name in self.functions
            case ast.FormattedValue(value=value):
                return is_error(value) or self.is_text(value)
        return False

    def reads(self, node: ast.AST) -> bool:
        match node:
            case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[searched]):
                return self.is_text(searched)
            case ast.Compare(ops=[ast.Eq() | ast.NotEq()], left=left, comparators=[right]):
                return self.is_text(left) or self.is_text(right)
            case ast.Call(func=ast.Attribute(attr=method), args=arguments) if method in SEARCHING:
                return any(map(self.is_text, arguments))
            case ast.Call(func=ast.Attribute(value=ast.Name(id="re")), args=arguments):
                return any(map(self.is_text, arguments))
            case ast.Call(func=ast.Attribute(value=value, attr=method), args=[_, *_]):  # `split()` only mends blanks
                return method in READING and self.is_text(value)
            case ast.Match(subject=subject):
                return self.is_text(subject)
        return False


def readers(source: str) -> Iterator[str]:
    """The expressions that look into a text."""
    tree = ast.parse(source)
    for owner, scope in _scopes(tree).items():
        yield from (ast.unparse(node) for node in _inside(owner) if scope.reads(node))


def _in(node: ast.expr) -> list[ast.expr]:
    """The parts of which one makes the whole a text."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str()), attr="join"), args=[joined]):
            return [joined]
        case ast.Call(func=ast.Attribute(value=inner, attr=method)) if method in KEEPING | {"split"}:
            return [inner]
        case ast.JoinedStr(values=values) | ast.BoolOp(values=values):
            return values
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return [left, right]
        case ast.NamedExpr(value=value):
            return [value]
    return []


def is_error(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ERRORS


def _scopes(tree: ast.Module) -> dict[ast.AST, Scope]:
    """Followed until nothing more is learnt."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    giving: set[str] = set()
    scopes: dict[ast.AST, Scope] = {owner: Scope(functions=giving) for owner in (tree, *functions)}
    known = -1
    while known != (known := len(giving) + sum(len(scope.names) for scope in scopes.values())):
        for owner, scope in scopes.items():
            for node in _inside(owner):
                _learn(node, scope)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    for called in (each for each in functions if each.name == node.func.id):
                        scopes[called].names |= set(_given(node, called, scope))
                if isinstance(node, ast.Return) and isinstance(owner, ast.FunctionDef) and scope.is_text(node.value):
                    giving.add(owner.name)
    return scopes


def _learn(node: ast.AST, scope: Scope) -> None:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if scope.is_text(value):
            scope.names.add(name)
        case ast.AnnAssign(target=ast.Name(id=name), value=value) if scope.is_text(value):
            scope.names.add(name)
        case ast.NamedExpr(target=ast.Name(id=name), value=value) if scope.is_text(value):
            scope.names.add(name)


def _given(call: ast.Call, called: ast.FunctionDef, scope: Scope) -> Iterator[str]:
    """The parameters that get a text."""
    names = [argument.arg for argument in (*called.args.posonlyargs, *called.args.args)]
    yield from (name for name, value in zip(names, call.args, strict=False) if scope.is_text(value))
    yield from (each.arg for each in call.keywords if each.arg and scope.is_text(each.value))


def _inside(owner: ast.AST) -> Iterator[ast.AST]:
    """Everything in it but the inside of functions that have a scope of their own."""
    for child in ast.iter_child_nodes(owner):
        if not isinstance(child, ast.FunctionDef):
            yield child
            yield from _inside(child)
