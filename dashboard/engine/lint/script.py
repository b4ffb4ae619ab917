"""One script under lint, read once for all rules."""

from __future__ import annotations

import re
from bisect import bisect
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dashboard.engine.lint.earlier import EarlierMigrations
from dashboard.engine.lint.parsed import Parsed, parse
from dashboard.engine.migration import Direction, Migration, Problem, Script
from dashboard.engine.sql.objects import (
    DatabaseObject,
    Drop,
    ObjectSet,
    is_temporary,
    newly_made_by,
    table,
)
from dashboard.engine.sql.statements import Statement
from dashboard.engine.sql.trees import Name, relation_name


@dataclass(frozen=True, kw_only=True)
class LintedScript:
    """The up or the down of a migration. `up` is the migration's up, where this is its down."""

    migration: Migration
    direction: Direction
    script: Script
    earlier: EarlierMigrations  # of the migrations before this one
    up: LintedScript | None = None

    @property
    def is_up(self) -> bool:
        return self.direction is Direction.UP

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """What the reader found in this script."""
        return tuple(p for p in self.migration.problems if p.file == self.script.file)

    @cached_property
    def parsed(self) -> tuple[Parsed, ...]:
        """Statements in file order; one that is too long or too deep for a tree is left out."""
        return tuple(parse(self.script.statements))

    @cached_property
    def kinds(self) -> frozenset[str]:
        """Every kind of message that its trees hold."""
        return frozenset().union(*(parsed.nodes for parsed in self.parsed))

    @cached_property
    def made(self) -> ObjectSet:
        return ObjectSet(item for parsed in self.parsed for item in parsed.made)

    @cached_property
    def surely_made(self) -> ObjectSet:
        """Without what IF NOT EXISTS may have come upon, a DO block may not have made, or had another name before."""
        parsed = (parsed for parsed in self.parsed if not parsed.is_inner)
        return ObjectSet(item for each in parsed for item in newly_made_by(each.tree))

    @cached_property
    def altered(self) -> frozenset[str]:
        """Tables, without their schema, that get a column, a constraint or an index here."""
        parts = ("column", "constraint")
        grown = (t.name.text for parsed in self.parsed for t in parsed.made if t.kind in parts)
        indexed = (parsed.tree.relation.relname for parsed in self.parsed if parsed.kind == "IndexStmt")
        return frozenset((*grown, *indexed))

    @cached_property
    def drops(self) -> tuple[tuple[Parsed, Drop], ...]:
        return tuple((parsed, drop) for parsed in self.parsed for drop in parsed.drops)

    @cached_property
    def dropped(self) -> ObjectSet:
        return ObjectSet(drop.object for _, drop in self.drops)

    def makes(self, item: DatabaseObject) -> bool:
        """This script makes it, and no migration before did; or it drops the older one and makes it anew."""
        return item in self.made and (not self.earlier.has(item) or item in self.dropped)

    def surely_makes(self, item: DatabaseObject) -> bool:
        """It holds nothing but what this script puts into it."""
        return item in self.surely_made and (not self.earlier.has(item) or item in self.dropped)

    def is_surely_fresh(self, name: Name) -> bool:
        """As `is_fresh`, where rows are at stake."""
        item = table(name)
        return self.surely_makes(item) or item in self.dropped or item in self._temporary

    def is_fresh(self, name: Name) -> bool:
        """Nobody uses the table when this script runs: it is made here, or is about to be dropped here."""
        return self.makes(table(name)) or table(name) in self.dropped or table(name) in self._temporary

    def is_partitioned(self, name: Name) -> bool:
        return table(name) in self._partitioned or self.earlier.is_partitioned(name)

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, both 1-based, of a place in the script."""
        line = bisect(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def offset_of(self, line: int, byte: int) -> int:
        """The place of a byte, counted from 0 in its line."""
        start = self._line_starts[line - 1]
        if self.script.sql.isascii():
            return start + byte
        return start + len(self.script.sql[start : start + byte].encode()[:byte].decode(errors="ignore"))

    def statement_at(self, offset: int) -> Statement | None:
        """The one whose text covers this place."""
        number = bisect(self._offsets, offset)
        statement = self.script.statements[number - 1] if number else None
        return statement if statement and offset <= statement.offset + len(statement.sql) else None

    @cached_property
    def _created(self) -> list[Any]:
        return [parsed.tree for parsed in self.parsed if parsed.kind == "CreateStmt"]

    @cached_property
    def _temporary(self) -> ObjectSet:
        return ObjectSet(table(relation_name(t.relation)) for t in self._created if is_temporary(t.relation))

    @cached_property
    def _partitioned(self) -> ObjectSet:
        return ObjectSet(table(relation_name(t.relation)) for t in self._created if t.HasField("partspec"))

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.script.sql))]

    @cached_property
    def _offsets(self) -> list[int]:
        return [statement.offset for statement in self.script.statements]
