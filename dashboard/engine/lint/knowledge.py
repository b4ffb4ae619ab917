"""What the migrations before this one have made, as far as their text tells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from dashboard.engine.lint.things import Thing, alter_commands, dropped_by, made_by
from dashboard.engine.lint.trees import (
    ColumnType,
    Name,
    column_type,
    definition,
    enum_name,
    kind,
    relation_name,
    strings,
    unwrap,
)

_Key = tuple[str, str, str]  # kind, name without schema, part


@dataclass(slots=True)
class Knowledge:
    """Grows as `learn` is told the trees of each migration in turn. A schema left out can be any schema."""

    _schemas: dict[_Key, set[str]] = field(default_factory=lambda: defaultdict(set))
    _types: dict[_Key, list[tuple[Name, ColumnType]]] = field(default_factory=lambda: defaultdict(list))
    _partitioned: set[Name] = field(default_factory=set)
    _not_null: set[tuple[Name, str]] = field(default_factory=set)  # by a CHECK
    _indexed: dict[Name, Name] = field(default_factory=dict)  # table of each index

    def has(self, thing: Thing) -> bool:
        schemas = self._schemas.get(_key(thing), ())
        return any(thing.name.matches(Name(schema, thing.name.text)) for schema in schemas)

    def type_of(self, table: Name, column: str) -> ColumnType | None:
        found = self._types.get(("column", table.text, column), ())
        return next((known for name, known in reversed(found) if name.matches(table)), None)

    def is_partitioned(self, table: Name) -> bool:
        return any(known.matches(table) for known in self._partitioned)

    def is_checked_not_null(self, table: Name, column: str) -> bool:
        return any(name.matches(table) and column == checked for name, checked in self._not_null)

    def learn(self, trees: Iterable[Any]) -> None:
        for tree in trees:
            for drop in dropped_by(tree):
                self._forget(drop.thing)
            for thing in made_by(tree):
                self._schemas[_key(thing)].add(thing.name.schema)
            self._learn_columns(tree)
            self._learn_table(tree)

    def _forget(self, thing: Thing) -> None:
        self._schemas[_key(thing)].discard(thing.name.schema)
        if thing.kind in ("table", "column"):  # indexes go with them; of a column it is not known which
            gone = [index for index, table in self._indexed.items() if table.matches(thing.name)]
            for index in gone:
                self._schemas["index", index.text, ""].clear()

    def _learn_table(self, tree: Any) -> None:
        match kind(tree):
            case "CreateStmt" if tree.HasField("partspec"):
                self._partitioned.add(relation_name(tree.relation))
            case "IndexStmt":
                self._indexed[Name(tree.relation.schemaname, tree.idxname)] = relation_name(tree.relation)
            case "AlterTableStmt":
                table = relation_name(tree.relation)
                added = (definition(c) for c in alter_commands(tree) if enum_name(c, "subtype") == "AT_AddConstraint")
                self._not_null |= {(table, column) for constraint in added if (column := _checked_not_null(constraint))}

    def _learn_columns(self, tree: Any) -> None:
        if kind(tree) == "RenameStmt" and enum_name(tree, "rename_type") == "OBJECT_COLUMN":
            table = relation_name(tree.relation)
            if known := self.type_of(table, tree.subname):
                self._types["column", table.text, tree.newname].append((table, known))
        for table, column, found in typed_columns(tree):
            self._types["column", table.text, column].append((table, found))


def typed_columns(tree: Any) -> Iterator[tuple[Name, str, ColumnType]]:
    """Every column the statement makes or gives a type to."""
    match kind(tree):
        case "CreateStmt":
            table = relation_name(tree.relation)
            columns = (unwrap(node) for node in tree.table_elts)
            yield from ((table, c.colname, column_type(c.type_name)) for c in columns if kind(c) == "ColumnDef")
        case "AlterTableStmt":
            table = relation_name(tree.relation)
            for command in alter_commands(tree):
                if enum_name(command, "subtype") in ("AT_AddColumn", "AT_AlterColumnType"):
                    column = definition(command)
                    yield table, command.name or column.colname, column_type(column.type_name)


def _checked_not_null(constraint: Any) -> str:
    """The column of CHECK (column IS NOT NULL), else nothing."""
    test = constraint.raw_expr.null_test
    if not constraint.raw_expr.HasField("null_test") or enum_name(test, "nulltesttype") != "IS_NOT_NULL":
        return ""
    return "".join(strings(test.arg.column_ref.fields)[-1:])


def _key(thing: Thing) -> _Key:
    return (thing.kind, thing.name.text, thing.part)
