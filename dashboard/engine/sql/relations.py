"""Which tables and views a series of scripts leaves, as far as their text tells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from dashboard.engine.sql.objects import DatabaseObject, dropped_by, is_temporary, made_by, object_kind
from dashboard.engine.sql.statements import Statement, tree
from dashboard.engine.sql.trees import Name, enum_name, kind, relation_name

KINDS = frozenset({"table", "view", "materialized view", "foreign table"})


class LeftRelations[Owner: Hashable]:
    """Grows as `learn` is told the statements of each script in turn. What is dropped, or moved to another schema, is
    forgotten; a renamed one still belongs to the script that made it."""

    def __init__(self) -> None:
        self._owners: dict[str, dict[Name, Owner]] = defaultdict(dict)  # by name without schema

    def learn(self, owner: Owner, statements: Iterable[Statement]) -> None:
        for statement in statements:
            if (parsed := tree(statement)) is not None:
                self._learn(owner, parsed)

    def of_each(self) -> Mapping[Owner, list[Name]]:
        left: dict[Owner, list[Name]] = defaultdict(list)
        for owners in self._owners.values():
            for name, owner in owners.items():
                left[owner].append(name)
        return left

    def _learn(self, owner: Owner, parsed: Any) -> None:
        match kind(parsed):
            case "RenameStmt" if object_kind(enum_name(parsed, "rename_type")) in KINDS:
                before = relation_name(parsed.relation)
                for maker in self._forget(before):
                    self._owners[parsed.newname][Name(before.schema, parsed.newname)] = maker
            case "AlterObjectSchemaStmt" if parsed.HasField("relation"):
                self._forget(relation_name(parsed.relation))
            case _ if not _makes_temporary(parsed):
                self._drop(parsed)
                for item in made_by(parsed):
                    if item.kind in KINDS:
                        self._owners[item.name.text][item.name] = owner

    def _drop(self, parsed: Any) -> None:
        for drop in dropped_by(parsed):
            if drop.object.kind in KINDS:
                self._forget(drop.object.name)
            elif drop.object.kind == "schema":
                self._forget_schema(drop.object)

    def _forget(self, gone: Name) -> list[Owner]:
        owners = self._owners[gone.text]
        return [owners.pop(name) for name in [*owners] if name.matches(gone)]

    def _forget_schema(self, schema: DatabaseObject) -> None:
        for owners in self._owners.values():
            for name in [name for name in owners if name.schema == schema.name.text]:
                del owners[name]


def _makes_temporary(parsed: Any) -> bool:
    match kind(parsed):
        case "CreateStmt":
            return is_temporary(parsed.relation)
        case "CreateTableAsStmt":
            return is_temporary(parsed.into.rel)
        case "ViewStmt":
            return is_temporary(parsed.view)
        case "SelectStmt":
            return bool(parsed.HasField("into_clause")) and is_temporary(parsed.into_clause.rel)
    return False
