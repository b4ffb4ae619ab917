"""One statement under lint, with what all rules ask of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dashboard.engine.lint.findings import Hit
from dashboard.engine.migration import Severity
from dashboard.engine.sql.do_blocks import inner
from dashboard.engine.sql.objects import DatabaseObject, Drop, dropped_by, made_by
from dashboard.engine.sql.statements import Statement, tree
from dashboard.engine.sql.trees import Name, by_kind, kind, relation_name


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """A statement with its tree. Those inside a DO block follow it, with its number."""

    statement: Statement
    tree: Any
    nodes: Mapping[str, Sequence[Any]]  # by the type's name, like RangeVar
    is_inner: bool = False  # it stands in a DO block, which may or may not run it

    @cached_property
    def kind(self) -> str:
        return kind(self.tree)

    @cached_property
    def made(self) -> Sequence[DatabaseObject]:
        return tuple(made_by(self.tree))

    @cached_property
    def relations(self) -> Sequence[Name]:
        """Every table, view or sequence that it names."""
        return tuple(relation_name(node) for node in self.nodes.get("RangeVar", ()))

    @cached_property
    def drops(self) -> Sequence[Drop]:
        return tuple(dropped_by(self.tree))

    def all(self, *kinds: str) -> Iterator[Any]:
        return (node for wanted in kinds for node in self.nodes.get(wanted, ()))

    def hit(self, severity: Severity, sentence: str, advice: str, *, at: Any = None) -> Hit:
        """`at` is the message inside the tree that the caret points to; without one it is the statement's start."""
        inside = len(self.statement.sql.encode()[: at.location].decode(errors="ignore")) if at is not None else 0
        offset = self.statement.offset + inside
        return Hit(severity=severity, sentence=sentence, advice=advice, offset=offset, statement=self.statement.number)


def parse(statements: Sequence[Statement]) -> Iterator[Parsed]:
    """In file order; a statement that is too long or too deep for a tree is left out."""
    for statement in statements:
        for each in (statement, *inner(statement)):
            parse_tree = tree(each)
            if parse_tree is not None:
                yield Parsed(statement=each, tree=parse_tree, nodes=by_kind(parse_tree), is_inner=each is not statement)
