"""One script under lint, read once for all rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dashboard.engine.lint.findings import Hit
from dashboard.engine.lint.knowledge import Knowledge
from dashboard.engine.lint.things import Drop, Thing, dropped_by, made_by
from dashboard.engine.lint.trees import Name, by_kind, kind, relation_name
from dashboard.engine.migration import Direction, Migration, Problem, Script, Severity
from dashboard.engine.statements import Statement, inner, tree


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """A statement with its tree. Those inside a DO block follow it, with its number."""

    statement: Statement
    tree: Any
    nodes: Mapping[str, Sequence[Any]]  # by the type's name, like RangeVar

    @property
    def kind(self) -> str:
        return kind(self.tree)

    def all(self, *kinds: str) -> Iterator[Any]:
        return (node for wanted in kinds for node in self.nodes.get(wanted, ()))

    def hit(self, severity: Severity, sentence: str, advice: str, *, at: Any = None) -> Hit:
        """`at` is the message inside the tree that the caret points to; without one it is the statement's start."""
        inside = len(self.statement.sql.encode()[: at.location].decode(errors="ignore")) if at is not None else 0
        offset = self.statement.offset + inside
        return Hit(severity=severity, sentence=sentence, advice=advice, offset=offset, statement=self.statement.number)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The up or the down of a migration. `up` is the migration's up, where this is its down."""

    migration: Migration
    direction: Direction
    script: Script
    knowledge: Knowledge  # of the migrations before this one
    up: Subject | None = None

    @property
    def is_up(self) -> bool:
        return self.direction is Direction.UP

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What the reader found in this script."""
        return tuple(p for p in self.migration.problems if p.file == self.script.file)

    @cached_property
    def parsed(self) -> tuple[Parsed, ...]:
        """Statements in file order; one that is too long or too deep for a tree is left out."""
        return tuple(_parsed(self.script.statements))

    @cached_property
    def made(self) -> tuple[Thing, ...]:
        return tuple(thing for parsed in self.parsed for thing in made_by(parsed.tree))

    @cached_property
    def drops(self) -> tuple[tuple[Parsed, Drop], ...]:
        return tuple((parsed, drop) for parsed in self.parsed for drop in dropped_by(parsed.tree))

    def makes(self, thing: Thing) -> bool:
        """This script makes it, and no migration before did; or it drops the older one and makes it anew."""
        is_new = not self.knowledge.has(thing) or any(drop.thing.matches(thing) for _, drop in self.drops)
        return is_new and any(made.matches(thing) for made in self.made)

    def is_fresh(self, table: Name) -> bool:
        """Nobody uses the table when this script runs: it is made here, or is about to be dropped here.

        A rollback counts what its migration made as fresh only where it drops it.
        """
        thing = Thing(kind="table", name=table)
        return self.makes(thing) or any(drop.thing.matches(thing) for _, drop in self.drops)

    def is_temporary(self, table: Name) -> bool:
        made = (parsed.tree.relation for parsed in self.parsed if parsed.kind == "CreateStmt")
        return any(r.relpersistence == "t" and relation_name(r).matches(table) for r in made)

    def is_partitioned(self, table: Name) -> bool:
        here = (parsed.tree for parsed in self.parsed if parsed.kind == "CreateStmt")
        made = any(tree.HasField("partspec") and relation_name(tree.relation).matches(table) for tree in here)
        return made or self.knowledge.is_partitioned(table)


def _parsed(statements: Sequence[Statement]) -> Iterator[Parsed]:
    for statement in statements:
        for each in (statement, *inner(statement)):
            found = tree(each)
            if found is not None:
                yield Parsed(statement=each, tree=found, nodes=by_kind(found))
