"""Which migration is one value: MigrationId says the version and the name together, and how they are written."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

import pytest

from tests.architecture.source import trees

IDENTITY = "dashboard/engine/migration.py"  # where MigrationId is, the one place that may write a label
DOORS = "dashboard/views/"  # an address has the two parts
PARTS = ("version", "name")
#: Classes with both parts of which the name, or both, may be empty, so that they are of no one migration.
WITHOUT_IDENTITY: Mapping[str, str] = {
    "FileLine": "any file of the folder, also one without a number",
    "Verification": "it may be about all files of a version, or about the whole folder",
    "_Directory": "it may hold no migration",
}


@pytest.mark.parametrize(
    "source",
    [
        'f"{step.version}_{step.name}"',
        'f"Before {self.version}_{self.name}.sql"',
        'f"{up.version}_{up.place.name}_rollback.sql"',
        'f"{version}_{name}"',
        '"_".join([row.version, row.name])',
    ],
)
def test_a_label_that_is_put_together_is_noticed(source: str) -> None:
    assert [*labels_in(ast.parse(source))] == [1]


@pytest.mark.parametrize(
    "source", ['f"{step.version} {step.name}"', 'f"run_{step.version}_{copy.table}"', "item.label"]
)
def test_other_texts_are_left_alone(source: str) -> None:
    assert [*labels_in(ast.parse(source))] == []


def test_a_label_is_written_in_one_place() -> None:
    written = [f"{path}:{line}" for path, tree in trees("dashboard") for line in labels_in(tree)]
    assert len(written) == 1, f"say .label: {written}"
    assert written[0].startswith(IDENTITY)


def test_what_is_about_a_migration_takes_its_identity() -> None:
    """Only a view is given the two parts one by one."""
    functions = [(path, each) for path, tree in _trees() if not path.startswith(DOORS) for each in _functions(tree)]
    taking = [f"{path}:{each.lineno} {each.name}" for path, each in functions if _takes_parts(each)]
    assert taking == [], "take `migration: MigrationId`"


def test_nobody_pairs_the_parts_by_hand() -> None:
    pairs = [f"{path}:{node.lineno}" for path, tree in _trees() for node in ast.walk(tree) if _is_pair(node)]
    assert pairs == [], "say .identity"


def test_what_has_both_parts_says_its_identity() -> None:
    classes = [node for _, tree in _trees() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    having = {node.name for node in classes if set(PARTS) <= {*_fields(node)}}
    silent = {node.name for node in classes if node.name in having and not _has_identity(node)}
    assert silent - {"MigrationId"} == set(WITHOUT_IDENTITY), "make it an Identified"


def labels_in(tree: ast.AST) -> Iterator[int]:
    """Lines in which a version and a name are joined by "_"."""
    for node in ast.walk(tree):
        match node:
            case ast.JoinedStr(values=values):
                for version, between, name in zip(values, values[1:], values[2:], strict=False):
                    if _is_underscore(between) and (_last(version), _last(name)) == PARTS:
                        yield node.lineno
            case ast.Call(func=ast.Attribute(value=glue, attr="join"), args=[ast.Tuple() | ast.List() as joined]):
                if _is_underscore(glue) and tuple(map(_last, joined.elts)) == PARTS:
                    yield node.lineno


def _trees() -> Iterator[tuple[str, ast.Module]]:
    yield from ((path, tree) for path, tree in trees("dashboard") if "/migrations/" not in path)


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def _takes_parts(function: ast.FunctionDef) -> bool:
    arguments = function.args
    names = {each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    return set(PARTS) <= names


def _is_pair(node: ast.AST) -> bool:
    """A tuple of exactly the two, read from something."""
    if not isinstance(node, ast.Tuple) or not isinstance(node.ctx, ast.Load):
        return False
    return tuple(map(_last, node.elts)) == PARTS and all(isinstance(each, ast.Attribute) for each in node.elts)


def _fields(node: ast.ClassDef) -> Iterator[str]:
    """Of text that is always there."""
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and _last(statement.annotation) == "str":
            yield _last(statement.target)


def _has_identity(node: ast.ClassDef) -> bool:
    says = any(isinstance(each, ast.FunctionDef) and each.name == "identity" for each in node.body)
    return says or "Identified" in map(_last, node.bases)


def _is_underscore(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value == "_"


def _last(node: ast.AST) -> str:
    """The last part of the name that is read: `name` of `up.place.name`."""
    match node:
        case ast.FormattedValue(value=value):
            return _last(value)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""
