"""Which objects a statement makes and which it drops."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.engine.sql.trees import Name, definition, dotted, enum_name, kind, relation_name, strings, unwrap


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseObject:
    """An object by kind and name; `part` names what belongs to a table: a column, constraint, trigger or policy.

    A constraint or index that PostgreSQL names has no `part`, or an empty name.
    """

    kind: str  # as in DROP, lower case: "table", "materialized view"
    name: Name
    part: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}.{self.part}" if self.part else f"{self.kind} {self.name}"

    @property
    def key(self) -> tuple[str, str, str]:
        """All but the schema."""
        return (self.kind, self.name.text, self.part)


class ObjectSet:
    """Objects that are found again by a name with or without its schema, however many there are."""

    def __init__(self, items: Iterable[DatabaseObject] = ()) -> None:
        self._schemas: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        for item in items:
            self.add(item)

    def add(self, item: DatabaseObject) -> None:
        self._schemas[item.key].add(item.name.schema)

    def discard(self, item: DatabaseObject) -> None:
        self._schemas[item.key].discard(item.name.schema)

    def __contains__(self, item: DatabaseObject) -> bool:
        schemas = self._schemas.get(item.key, ())
        return item.name.schema in schemas or "" in schemas or (not item.name.schema and bool(schemas))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    object: DatabaseObject
    cascade: bool = False


def made_by(tree: Any) -> Iterator[DatabaseObject]:
    """What exists after the statement and can be dropped by name; new names after a rename too."""
    if maker := _MAKERS.get(kind(tree)):
        yield from maker(tree)


def newly_made_by(tree: Any) -> Iterator[DatabaseObject]:
    """What was not there before the statement, under any name: nothing where IF NOT EXISTS lets it come upon it."""
    if kind(tree) in _RENAMES or getattr(tree, "if_not_exists", False):
        return
    old = {_added_column(c) for c in alter_commands(tree) if c.missing_ok} if kind(tree) == "AlterTableStmt" else set()
    yield from (item for item in made_by(tree) if item.kind != "column" or item.part not in old)


def _added_column(command: Any) -> str:
    definition = getattr(command, "def")
    return str(definition.column_def.colname) if definition.HasField("column_def") else ""


_RENAMES = ("RenameStmt", "AlterObjectSchemaStmt")


#: The kinds of statements that `dropped_by` knows.
DROPPING = frozenset({"DropStmt", "AlterTableStmt", "DropdbStmt", "DropRoleStmt"})


def dropped_by(tree: Any) -> Iterator[Drop]:
    match kind(tree):
        case "DropStmt":
            cascade = tree.behavior == _CASCADE
            yield from (Drop(object=item, cascade=cascade) for item in _drop_targets(tree))
        case "AlterTableStmt":
            yield from _dropped_parts(tree)
        case "DropdbStmt":
            yield Drop(object=DatabaseObject(kind="database", name=Name("", tree.dbname)))
        case "DropRoleStmt":
            names = (role.role_spec.rolename for role in tree.roles)
            yield from (Drop(object=DatabaseObject(kind="role", name=Name("", name))) for name in names)


def alter_commands(tree: Any) -> Iterator[Any]:
    """The commands of an ALTER TABLE, ALTER VIEW and so on."""
    return (command.alter_table_cmd for command in tree.cmds if command.HasField("alter_table_cmd"))


def table(name: Name) -> DatabaseObject:
    return DatabaseObject(kind="table", name=name)


def is_temporary(relation: Any) -> bool:
    return bool(relation.relpersistence == "t") or relation.schemaname == "pg_temp"


_CASCADE = 2  # DropBehavior.DROP_CASCADE


def object_kind(name: str) -> str:
    """OBJECT_MATVIEW to "materialized view"."""
    plain = name.removeprefix("OBJECT_").lower()
    return _OBJECT_KINDS.get(plain, plain.replace("_", " "))


_OBJECT_KINDS = {
    "matview": "materialized view",
    "domain": "type",
    "tabconstraint": "constraint",
    "procedure": "function",
    "routine": "function",
    "attribute": "column",
}


# Made


def _table(tree: Any) -> Iterator[DatabaseObject]:
    name = relation_name(tree.relation)
    yield DatabaseObject(kind="table", name=name)
    for element in (unwrap(node) for node in tree.table_elts):
        if kind(element) == "ColumnDef":
            yield DatabaseObject(kind="column", name=name, part=element.colname)
        elif kind(element) == "Constraint":
            yield DatabaseObject(kind="constraint", name=name, part=element.conname)


def _foreign_table(tree: Any) -> Iterator[DatabaseObject]:
    yield from (DatabaseObject(kind=_as_foreign(t.kind), name=t.name, part=t.part) for t in _table(tree.base_stmt))


def _as_foreign(kind: str) -> str:
    return "foreign table" if kind == "table" else kind


def _table_as(tree: Any) -> Iterator[DatabaseObject]:
    yield DatabaseObject(kind=object_kind(enum_name(tree, "objtype")), name=relation_name(tree.into.rel))


def _select_into(tree: Any) -> Iterator[DatabaseObject]:
    if tree.HasField("into_clause"):
        yield DatabaseObject(kind="table", name=relation_name(tree.into_clause.rel))


def _index(tree: Any) -> Iterator[DatabaseObject]:
    yield DatabaseObject(kind="index", name=Name(tree.relation.schemaname, tree.idxname))


def _view(tree: Any) -> Iterator[DatabaseObject]:
    yield DatabaseObject(kind="view", name=relation_name(tree.view))


def _sequence(tree: Any) -> Iterator[DatabaseObject]:
    yield DatabaseObject(kind="sequence", name=relation_name(tree.sequence))


def _function(tree: Any) -> Iterator[DatabaseObject]:
    yield DatabaseObject(kind="function", name=dotted(tree.funcname))


def _schema(tree: Any) -> Iterator[DatabaseObject]:
    yield DatabaseObject(kind="schema", name=Name("", tree.schemaname))
    for element in tree.schema_elts:
        yield from made_by(unwrap(element))


def _defined(tree: Any) -> Iterator[DatabaseObject]:
    yield DatabaseObject(kind=object_kind(enum_name(tree, "kind")), name=dotted(tree.defnames))


def _composite(tree: Any) -> Iterator[DatabaseObject]:
    yield DatabaseObject(kind="type", name=relation_name(tree.typevar))


def _on_table(kind: str, field: str, relation: str) -> Callable[[Any], Iterator[DatabaseObject]]:
    def made(tree: Any) -> Iterator[DatabaseObject]:
        yield DatabaseObject(kind=kind, name=relation_name(getattr(tree, relation)), part=getattr(tree, field))

    return made


def _plain(kind: str, field: str) -> Callable[[Any], Iterator[DatabaseObject]]:
    def made(tree: Any) -> Iterator[DatabaseObject]:
        yield DatabaseObject(kind=kind, name=Name("", getattr(tree, field)))

    return made


def _listed(kind: str, field: str) -> Callable[[Any], Iterator[DatabaseObject]]:
    def made(tree: Any) -> Iterator[DatabaseObject]:
        yield DatabaseObject(kind=kind, name=dotted(getattr(tree, field)))

    return made


def _added_parts(tree: Any) -> Iterator[DatabaseObject]:
    name = relation_name(tree.relation)
    for command in alter_commands(tree):
        match enum_name(command, "subtype"):
            case "AT_AddColumn":
                yield DatabaseObject(kind="column", name=name, part=definition(command).colname)
            case "AT_AddConstraint":
                yield DatabaseObject(kind="constraint", name=name, part=definition(command).conname)


def _renamed(tree: Any) -> Iterator[DatabaseObject]:
    renamed = object_kind(enum_name(tree, "rename_type"))
    if renamed in ("column", "constraint", "trigger", "policy"):
        yield DatabaseObject(kind=renamed, name=relation_name(tree.relation), part=tree.newname)
    elif tree.HasField("relation"):
        yield DatabaseObject(kind=renamed, name=Name(tree.relation.schemaname, tree.newname))
    else:
        yield DatabaseObject(kind=renamed, name=Name("", tree.newname))


_MAKERS: Mapping[str, Callable[[Any], Iterator[DatabaseObject]]] = {
    "CreateStmt": _table,
    "CreateForeignTableStmt": _foreign_table,
    "CreateTableAsStmt": _table_as,
    "SelectStmt": _select_into,
    "IndexStmt": _index,
    "ViewStmt": _view,
    "CreateSeqStmt": _sequence,
    "CreateFunctionStmt": _function,
    "CreateSchemaStmt": _schema,
    "DefineStmt": _defined,
    "CompositeTypeStmt": _composite,
    "CreateEnumStmt": _listed("type", "type_name"),
    "CreateRangeStmt": _listed("type", "type_name"),
    "CreateDomainStmt": _listed("type", "domainname"),
    "CreateTrigStmt": _on_table("trigger", "trigname", "relation"),
    "CreatePolicyStmt": _on_table("policy", "policy_name", "table"),
    "RuleStmt": _on_table("rule", "rulename", "relation"),
    "CreateExtensionStmt": _plain("extension", "extname"),
    "CreateRoleStmt": _plain("role", "role"),
    "CreatedbStmt": _plain("database", "dbname"),
    "CreateForeignServerStmt": _plain("foreign server", "servername"),
    "CreatePublicationStmt": _plain("publication", "pubname"),
    "CreateEventTrigStmt": _plain("event trigger", "trigname"),
    "CreateStatsStmt": _listed("statistic ext", "defnames"),
    "AlterTableStmt": _added_parts,
    "RenameStmt": _renamed,
}


# Dropped


def _drop_targets(tree: Any) -> Iterator[DatabaseObject]:
    dropped = object_kind(enum_name(tree, "remove_type"))
    for target in (unwrap(node) for node in tree.objects):
        match kind(target):
            case "List" if dropped in ("trigger", "policy", "rule"):
                *table, part = strings(target.items)
                yield DatabaseObject(kind=dropped, name=Name(table[-2] if len(table) > 1 else "", table[-1]), part=part)
            case "List":
                yield DatabaseObject(kind=dropped, name=dotted(target.items))
            case "TypeName":
                yield DatabaseObject(kind=dropped, name=dotted(target.names))
            case "ObjectWithArgs":
                yield DatabaseObject(kind=dropped, name=dotted(target.objname))
            case "String":
                yield DatabaseObject(kind=dropped, name=Name("", target.sval))


def _dropped_parts(tree: Any) -> Iterator[Drop]:
    name = relation_name(tree.relation)
    parts = {"AT_DropColumn": "column", "AT_DropConstraint": "constraint"}
    for command in alter_commands(tree):
        if part := parts.get(enum_name(command, "subtype")):
            item = DatabaseObject(kind=part, name=name, part=command.name)
            yield Drop(object=item, cascade=command.behavior == _CASCADE)
