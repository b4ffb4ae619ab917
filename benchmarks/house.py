"""The shape of the code in figures: rooms, floors, sizes, words.

python benchmarks/house.py [DIR ...]: one column for each checkout, the current directory without an argument.
It reads the files and imports none of them.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

LONG_LINE = 120
ENUMS = {"Enum", "StrEnum", "IntEnum", "TextChoices"}

Function = ast.FunctionDef | ast.AsyncFunctionDef
Graph = Mapping[str, set[str]]


@dataclass(frozen=True, kw_only=True)
class Checkout:
    root: Path

    @cached_property
    def production(self) -> dict[Path, ast.Module]:
        """Every Python file of the application, parsed; Django migrations are written by a machine and left out."""
        paths = [path for top in ("config", "dashboard") for path in sorted((self.root / top).rglob("*.py"))]
        written = [path for path in paths if self.root / "dashboard" / "migrations" not in path.parents]
        return {path: ast.parse(path.read_text(encoding="utf-8")) for path in written}

    @cached_property
    def rooms(self) -> dict[str, dict[Path, ast.Module]]:
        """Modules and packages at the root of the engine, by name."""
        engine = self.root / "dashboard" / "engine"
        rooms: dict[str, dict[Path, ast.Module]] = {}
        for path, tree in self.production.items():
            if engine in path.parents and path != engine / "__init__.py":
                rooms.setdefault(path.relative_to(engine).parts[0].removesuffix(".py"), {})[path] = tree
        return rooms

    @cached_property
    def imports(self) -> Graph:
        """Which rooms of the engine each of them imports."""
        return {room: set(self._imported(trees.values())) - {room} for room, trees in self.rooms.items()}

    @cached_property
    def functions(self) -> list[Function]:
        return [node for node in self._nodes() if isinstance(node, Function)]

    @cached_property
    def enums(self) -> list[ast.ClassDef]:
        return [node for node in self._nodes() if isinstance(node, ast.ClassDef) and ENUMS & set(_names_of(node.bases))]

    def lines_of(self, folder: str) -> int:
        return sum(len(_lines(path)) for path in (self.root / folder).rglob("*.py"))

    def templates(self) -> Iterator[str]:
        for path in (self.root / "templates").rglob("*.html"):
            yield from _lines(path)

    def literals(self) -> Iterator[str]:
        """Strings of the code, without those that enums are made of and without docstrings."""
        inside = {id(node) for enum in self.enums for node in ast.walk(enum)}
        for node in self._nodes():
            if isinstance(node, ast.Expr):
                inside.add(id(node.value))
        for node in self._nodes():
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
                yield node.value

    def _imported(self, trees: Iterable[ast.Module]) -> Iterator[str]:
        for tree in trees:
            for name in _imported_names(tree):
                room = name.removeprefix("dashboard.engine.").split(".")[0]
                if name.startswith("dashboard.engine.") and room in self.rooms:
                    yield room

    def _nodes(self) -> Iterator[ast.AST]:
        for tree in self.production.values():
            yield from ast.walk(tree)


# The figures


def rooms(checkout: Checkout) -> str:
    return str(len(checkout.rooms))


def imports_between(checkout: Checkout) -> str:
    return str(sum(map(len, checkout.imports.values())))


def circles(checkout: Checkout) -> str:
    together = ["+".join(sorted(group)) for group in _groups(checkout.imports) if len(group) > 1]
    return f"{len(together)} ({', '.join(sorted(together))})" if together else "0"


def floors(checkout: Checkout) -> str:
    """The longest way down; rooms of a circle share a floor."""
    group_of = {room: group for group in _groups(checkout.imports) for room in group}
    heights: dict[frozenset[str], int] = {}

    def height(group: frozenset[str]) -> int:
        if group not in heights:
            below = {group_of[other] for room in group for other in checkout.imports[room]} - {group}
            heights[group] = 1 + max(map(height, below), default=0)
        return heights[group]

    return str(max(map(height, group_of.values()), default=0))


def largest_file(checkout: Checkout) -> str:
    largest = max(checkout.production, key=lambda path: len(_lines(path)))
    return f"{len(_lines(largest))} ({largest.relative_to(checkout.root / 'dashboard')})"


def function_lengths(checkout: Checkout) -> str:
    """From `def` to the last line, docstring and all."""
    lengths = sorted((function.end_lineno or 0) - function.lineno + 1 for function in checkout.functions)
    return f"{statistics.median(lengths):.0f} / {lengths[len(lengths) * 9 // 10]} / {lengths[-1]}"


def tests_for(layer: str) -> Callable[[Checkout], str]:
    """Lines of its folder of tests for each line of the layer."""
    return lambda checkout: f"{checkout.lines_of(f'tests/{layer}') / checkout.lines_of(f'dashboard/{layer}'):.2f}"


def long_template_lines(checkout: Checkout) -> str:
    lines = list(checkout.templates())
    long = sum(len(line) > LONG_LINE for line in lines)
    return f"{long} ({100 * long / len(lines):.0f} %), longest {max(map(len, lines))}"


def actions_in_words(checkout: Checkout) -> str:
    """Strings beside the enum of what a step does."""
    values = {value for enum in checkout.enums if enum.name == "Action" for value in _values(enum)}
    return str(sum(literal in values for literal in checkout.literals()))


def members_in_words(checkout: Checkout) -> str:
    """Strings that spell a member of any enum; many of them are another thing of the same name."""
    values = {value for enum in checkout.enums for value in _values(enum)}
    return str(sum(literal in values for literal in checkout.literals()))


def shared_class_names(checkout: Checkout) -> str:
    """Names at the top of modules that serve more than one class, and how many classes bear the busiest. An underscore
    in front makes no other name; Command is Django's."""
    tops = (node for tree in checkout.production.values() for node in tree.body)
    names = Counter(node.name.lstrip("_") for node in tops if isinstance(node, ast.ClassDef) and node.name != "Command")
    shared = {name: count for name, count in names.items() if count > 1}
    busiest = [f"{name} {count}" for name, count in sorted(shared.items(), key=lambda item: (-item[1], item[0]))]
    return f"{len(shared)} ({', '.join(busiest[:3])})" if shared else "0"


def called_found(checkout: Checkout) -> str:
    return str(sum("found" in _locals(function) for function in checkout.functions))


FIGURES: Mapping[str, Callable[[Checkout], str]] = {
    "rooms at the engine's root": rooms,
    "imports between them": imports_between,
    "circles among them": circles,
    "floors": floors,
    "lines of the largest file": largest_file,
    "lines of a function: median / 90 % / longest": function_lengths,
    "test lines for each line of presenters": tests_for("presenters"),
    "test lines for each line of forms": tests_for("forms"),
    f"template lines over {LONG_LINE} characters": long_template_lines,
    "strings that spell an `Action`": actions_in_words,
    "strings that spell a member of any enum": members_in_words,
    "class names with more than one class": shared_class_names,
    "functions with a local `found`": called_found,
}


def main(directories: list[str]) -> None:
    checkouts = [Checkout(root=Path(directory)) for directory in directories or ["."]]
    print(f"| | {' | '.join(checkout.root.resolve().name for checkout in checkouts)} |")
    print("| --- |" + " --- |" * len(checkouts))
    for name, figure in FIGURES.items():
        print(f"| {name} | {' | '.join(map(figure, checkouts))} |")


# Reading the trees


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _names_of(expressions: Iterable[ast.expr]) -> Iterator[str]:
    for expression in expressions:
        if isinstance(expression, ast.Attribute):
            yield expression.attr
        elif isinstance(expression, ast.Name):
            yield expression.id


def _imported_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _values(enum: ast.ClassDef) -> Iterator[str]:
    """Values of the members; of Django's (value, label) pairs the value."""
    for statement in enum.body:
        if isinstance(statement, ast.Assign):
            value = statement.value.elts[0] if isinstance(statement.value, ast.Tuple) else statement.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value


def _locals(function: Function) -> set[str]:
    """Names that are assigned in it, its arguments included."""
    stored = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return stored | {n.arg for n in ast.walk(function.args) if isinstance(n, ast.arg)}


def _groups(graph: Graph) -> set[frozenset[str]]:
    """Rooms that reach each other, together; a room in no circle is a group of its own."""
    reach = {room: _reach(graph, room) for room in graph}
    return {frozenset({room} | {other for other in reach[room] if room in reach[other]}) for room in graph}


def _reach(graph: Graph, start: str) -> set[str]:
    reached: set[str] = set()
    ahead = list(graph[start])
    while ahead:
        room = ahead.pop()
        if room not in reached:
            reached.add(room)
            ahead.extend(graph[room])
    return reached


if __name__ == "__main__":
    main(sys.argv[1:])
