"""What the migrations before this one have made, as far as their text tells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from dashboard.engine.lint.parsed import Parsed
from dashboard.engine.sql.columns import typed_columns
from dashboard.engine.sql.objects import DatabaseObject, ObjectSet, alter_commands, table
from dashboard.engine.sql.trees import ColumnType, Name, definition, enum_name, kind, relation_name, strings

_Columns = dict[str, list[tuple[Name, ColumnType]]]  # by column: its table and type, the newest last


class EarlierMigrations:
    """Grows as `learn` is told the statements of each migration in turn. A schema left out can be any schema."""

    def __init__(self) -> None:
        self._objects = ObjectSet()
        self._partitioned = ObjectSet()
        self._checked = ObjectSet()  # columns that a CHECK proves to be not null
        self._types: dict[str, _Columns] = defaultdict(lambda: defaultdict(list))  # by table
        self._indexes: dict[str, list[tuple[Name, DatabaseObject]]] = defaultdict(list)  # by table

    def has(self, item: DatabaseObject) -> bool:
        return item in self._objects

    def type_of(self, of: Name, column: str) -> ColumnType | None:
        known = reversed(self._types.get(of.text, {}).get(column, ()))
        return next((type_ for table, type_ in known if table.matches(of)), None)

    def is_partitioned(self, name: Name) -> bool:
        return table(name) in self._partitioned

    def is_checked_not_null(self, of: Name, column: str) -> bool:
        return DatabaseObject(kind="column", name=of, part=column) in self._checked

    def learn(self, statements: Iterable[Parsed]) -> None:
        for parsed in statements:
            for drop in parsed.drops:
                self._forget(drop.object)
            for item in parsed.made:
                self._objects.add(item)
            self._learn_columns(parsed.tree)
            self._learn_table(parsed)

    def _forget(self, item: DatabaseObject) -> None:
        self._objects.discard(item)
        if item.kind in ("table", "column"):  # indexes go with them; of a column it is not known which
            for name, index in self._indexes.pop(item.name.text, ()):
                if name.matches(item.name):
                    self._objects.discard(index)

    def _learn_columns(self, tree: Any) -> None:
        if kind(tree) == "RenameStmt":
            self._learn_rename(tree)
        for of, column, type_ in typed_columns(tree):
            self._types[of.text][column].append((of, type_))

    def _learn_rename(self, tree: Any) -> None:
        of = relation_name(tree.relation)
        match enum_name(tree, "rename_type"):
            case "OBJECT_COLUMN":
                if known := self.type_of(of, tree.subname):
                    self._types[of.text][tree.newname].append((of, known))
            case "OBJECT_TABLE":
                renamed = Name(of.schema, tree.newname)
                for column in [*self._types[of.text]]:
                    if known := self.type_of(of, column):
                        self._types[tree.newname][column].append((renamed, known))

    def _learn_table(self, parsed: Parsed) -> None:
        tree = parsed.tree
        match parsed.kind:
            case "CreateStmt" if tree.HasField("partspec"):
                self._partitioned.add(table(relation_name(tree.relation)))
            case "IndexStmt":
                of = relation_name(tree.relation)
                self._indexes[of.text].extend((of, index) for index in parsed.made)
            case "AlterTableStmt":
                of = relation_name(tree.relation)
                added = (definition(c) for c in alter_commands(tree) if enum_name(c, "subtype") == "AT_AddConstraint")
                for column in filter(None, map(_checked_not_null, added)):
                    self._checked.add(DatabaseObject(kind="column", name=of, part=column))


def _checked_not_null(constraint: Any) -> str:
    """The column of CHECK (column IS NOT NULL), else nothing."""
    test = constraint.raw_expr.null_test
    if not constraint.raw_expr.HasField("null_test") or enum_name(test, "nulltesttype") != "IS_NOT_NULL":
        return ""
    return "".join(strings(test.arg.column_ref.fields)[-1:])
