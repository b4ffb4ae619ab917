"""The columns that a statement makes or gives a type to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dashboard.engine.sql.objects import alter_commands
from dashboard.engine.sql.trees import ColumnType, Name, column_type, definition, enum_name, kind, relation_name, unwrap

TypedColumn = tuple[Name, str, ColumnType]  # table, column, its type


def typed_columns(tree: Any) -> Iterator[TypedColumn]:
    match kind(tree):
        case "CreateStmt":
            of = relation_name(tree.relation)
            columns = (unwrap(node) for node in tree.table_elts)
            yield from ((of, c.colname, column_type(c.type_name)) for c in columns if kind(c) == "ColumnDef")
        case "AlterTableStmt":
            of = relation_name(tree.relation)
            for command in alter_commands(tree):
                if enum_name(command, "subtype") in ("AT_AddColumn", "AT_AlterColumnType"):
                    column = definition(command)
                    yield of, command.name or column.colname, column_type(column.type_name)
