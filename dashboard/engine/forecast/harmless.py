"""Which statements are proven to remove no row and no value. Pure.

This is an allow-list: a statement that is not in it cannot be judged. The functions, triggers and rules that an allowed
statement calls or fires are judged on the target, by `counting`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dashboard.engine.forecast.values import Effect
from dashboard.engine.sql.objects import alter_commands
from dashboard.engine.sql.tokens import TokenKind, tokens
from dashboard.engine.sql.trees import (
    Name,
    by_kind,
    constant,
    dotted,
    enum_name,
    function_name,
    kind,
    relation_name,
    strings,
    unwrap,
)

#: They make, rename or describe something, or set the session. None of them touches a row that is there.
_KEEPS_ROWS = frozenset(
    f"{name}Stmt"
    for name in [
        "Create",
        "CreateForeignTable",
        "CreateTableAs",
        "Index",
        "View",
        "CreateSeq",
        "CreateFunction",
        "CreateSchema",
        "Define",
        "CompositeType",
        "CreateEnum",
        "CreateRange",
        "CreateDomain",
        "CreateTrig",
        "CreatePolicy",
        "AlterPolicy",
        "Rule",
        "CreateExtension",
        "CreateRole",
        "AlterRole",
        "AlterRoleSet",
        "Createdb",
        "AlterDatabase",
        "AlterDatabaseSet",
        "AlterDatabaseRefreshColl",
        "CreateForeignServer",
        "AlterForeignServer",
        "CreateFdw",
        "AlterFdw",
        "CreateUserMapping",
        "AlterUserMapping",
        "DropUserMapping",
        "CreatePublication",
        "AlterPublication",
        "DropSubscription",
        "CreateStats",
        "AlterStats",
        "CreateCast",
        "CreateConversion",
        "CreateTransform",
        "CreateOpClass",
        "CreateOpFamily",
        "AlterOpFamily",
        "CreateAm",
        "CreatePLang",
        "CreateTableSpace",
        "AlterTableSpaceOptions",
        "AlterTableMoveAll",
        "ImportForeignSchema",
        "Comment",
        "SecLabel",
        "Grant",
        "GrantRole",
        "AlterDefaultPrivileges",
        "Rename",
        "AlterObjectSchema",
        "AlterOwner",
        "AlterObjectDepends",
        "AlterSeq",
        "AlterDomain",
        "AlterEnum",
        "AlterFunction",
        "AlterType",
        "AlterOperator",
        "AlterCollation",
        "AlterTSDictionary",
        "AlterTSConfiguration",
        "AlterExtensionContents",
        "VariableSet",
        "VariableShow",
        "Transaction",
        "ConstraintsSet",
        "Lock",
        "Vacuum",
        "Cluster",
        "Reindex",
        "CheckPoint",
        "Listen",
        "Unlisten",
        "Notify",
        "Discard",
        "Deallocate",
        "ClosePortal",
        "Fetch",
        "RefreshMatView",
        "ReassignOwned",
        "DropRole",
        "DropTableSpace",
        "AlterSystem",
        "Select",
        "Explain",
        "Prepare",
        "Execute",
        "DeclareCursor",
    ]
)
#: What they destroy is read out of them and counted.
_COUNTED = frozenset(("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "CopyStmt", "TruncateStmt", "DropStmt"))

_KEEPING_COMMANDS = frozenset(
    f"AT_{name}"
    for name in [
        "AddColumn",
        "ColumnDefault",
        "CookedColumnDefault",
        "DropNotNull",
        "SetNotNull",
        "CheckNotNull",
        "SetStatistics",
        "SetOptions",
        "ResetOptions",
        "SetStorage",
        "SetCompression",
        "AddIndex",
        "ReAddIndex",
        "AddConstraint",
        "AlterConstraint",
        "ValidateConstraint",
        "AddIndexConstraint",
        "DropConstraint",
        "AlterColumnGenericOptions",
        "ChangeOwner",
        "ClusterOn",
        "DropCluster",
        "SetLogged",
        "DropOids",
        "SetAccessMethod",
        "SetTableSpace",
        "SetRelOptions",
        "ResetRelOptions",
        "ReplaceRelOptions",
        "EnableTrig",
        "EnableAlwaysTrig",
        "EnableReplicaTrig",
        "DisableTrig",
        "EnableTrigAll",
        "DisableTrigAll",
        "EnableTrigUser",
        "DisableTrigUser",
        "EnableRule",
        "EnableAlwaysRule",
        "EnableReplicaRule",
        "DisableRule",
        "AddInherit",
        "AddOf",
        "DropOf",
        "ReplicaIdentity",
        "EnableRowSecurity",
        "DisableRowSecurity",
        "ForceRowSecurity",
        "NoForceRowSecurity",
        "GenericOptions",
        "AttachPartition",
        "AddIdentity",
        "SetIdentity",
        "DropIdentity",
        "DropExpression",
    ]
)
_COUNTED_COMMANDS = frozenset(("AT_DropColumn", "AT_AlterColumnType"))

#: Extensions whose functions only compute.
HARMLESS_EXTENSIONS = [
    "uuid-ossp",
    "pgcrypto",
    "citext",
    "hstore",
    "ltree",
    "pg_trgm",
    "unaccent",
    "intarray",
    "cube",
    "earthdistance",
    "fuzzystrmatch",
    "btree_gin",
    "btree_gist",
    "vector",
]
#: Those too whose casts and operators only compute, although not all of their functions do.
COMPUTING_EXTENSIONS = [*HARMLESS_EXTENSIONS, "postgis", "postgis_raster", "isn", "seg", "ip4r"]
#: They only write down what runs later, so nothing inside them is called now.
_DEFINITIONS = frozenset(
    f"{name}Stmt"
    for name in [
        "CreateFunction",
        "View",
        "CreateTrig",
        "Rule",
        "CreatePolicy",
        "AlterPolicy",
        "Create",
        "CreateDomain",
        "CreateSchema",
    ]
)


_READERS = frozenset(
    f"{name}Stmt"
    for name in [
        "Select",
        "Insert",
        "Update",
        "Delete",
        "Merge",
        "Copy",
        "CreateTableAs",
        "RefreshMatView",
        "Explain",
        "Prepare",
        "DeclareCursor",
    ]
)
_CONVERTING = frozenset(("InsertStmt", "UpdateStmt", "MergeStmt", "CopyStmt", "AlterTableStmt", "AlterDomainStmt"))
_EXPRESSIONS = frozenset(("TypeCast", "FuncCall", "A_Expr"))
_VALIDATING_COMMANDS = frozenset(
    ("AT_ValidateConstraint", "AT_AddConstraint", "AT_AlterColumnType", "AT_AddColumn", "AT_AttachPartition")
)


def objection(tree: Any) -> str:
    """Why the text does not tell what the statement destroys; empty where its kind is proven harmless or counted."""
    if any(_is_of_the_system(name) for name, effect in writes(tree) if effect is not Effect.VALIDATION):
        return "it writes to a catalog of PostgreSQL itself, which can hide or break any table"
    match kind(tree):
        case "AlterTableStmt":
            return next(filter(None, (_of_command(tree, command) for command in alter_commands(tree))), "")
        case "DropOwnedStmt":
            return "DROP OWNED drops everything a role owns here; which rows that are is not counted"
        case "CallStmt":
            return "what the procedure does is not told by the script"
        case "CreateSubscriptionStmt" | "AlterSubscriptionStmt":
            return "what a publisher sends from then on changes rows here, and may delete them"
        case "DoStmt":
            return ""  # its block is read statement by statement
        case known if known in _KEEPS_ROWS or known in _COUNTED:
            return ""
        case _:
            return "what a statement of this kind destroys cannot be judged from the text"


def _of_command(tree: Any, command: Any) -> str:
    subtype = enum_name(command, "subtype")
    if subtype in _COUNTED_COMMANDS:
        is_type = enum_name(tree, "objtype") == "OBJECT_TYPE"
        return "values of this type lose a part wherever a table holds them, which is not counted" if is_type else ""
    if subtype in ("AT_DetachPartition", "AT_DropInherit"):
        return "its rows stay in the table, but are gone from its parent, which is not counted"
    if subtype == "AT_SetUnLogged":
        return "its rows stay until the server crashes: then PostgreSQL empties a table that is not logged"
    return "" if subtype in _KEEPING_COMMANDS else "what this change of a table destroys cannot be judged from the text"


def _is_of_the_system(name: Name) -> bool:
    return name.schema in {"pg_catalog", "information_schema"} or (not name.schema and name.text.startswith("pg_"))


def is_definition(tree: Any) -> bool:
    return kind(tree) in _DEFINITIONS


def calls(tree: Any) -> Iterator[Name]:
    """The functions that run when the statement does."""
    if is_definition(tree):
        return
    for node in _run_now(tree):
        yield from (dotted(call.funcname) for call in by_kind(node).get("FuncCall", ()))


def calls_later(tree: Any) -> Iterator[Name]:
    """The functions that a default, a check or a cast calls once rows are written or values converted."""
    match kind(tree):
        case "CreateStmt" | "CreateDomainStmt" | "CreateSchemaStmt":
            yield from (dotted(call.funcname) for call in by_kind(tree).get("FuncCall", ()))
        case "AlterTableStmt":
            for command in alter_commands(tree):
                yield from (dotted(call.funcname) for call in by_kind(command).get("FuncCall", ()))
        case "CreateCastStmt" if tree.HasField("func"):
            yield dotted(tree.func.objname)


def policed(tree: Any) -> Iterator[tuple[Name, Name]]:
    """Tables with the functions that a policy calls for each row of them."""
    if kind(tree) in {"CreatePolicyStmt", "AlterPolicyStmt"}:
        for call in by_kind(tree).get("FuncCall", ()):
            yield relation_name(tree.table), dotted(call.funcname)


def switches_row_security(tree: Any) -> bool:
    """Whether policies may apply afterwards that did not apply before: to another role, or to the owner of a table."""
    match kind(tree):
        case "VariableSetStmt":
            return tree.name.lower() in _DECIDES_ROW_SECURITY or not tree.name
        case "AlterTableStmt":
            return any(enum_name(c, "subtype") in _SECURING_COMMANDS for c in alter_commands(tree))
        case "AlterRoleStmt" | "AlterOwnerStmt" | "ReassignOwnedStmt" | "GrantRoleStmt":
            return True
    set_by_call = (c for c in by_kind(tree).get("FuncCall", ()) if function_name(c) == "set_config" and c.args)
    return any((constant(c.args[0]) or "role").lower() in _DECIDES_ROW_SECURITY for c in set_by_call)


_DECIDES_ROW_SECURITY = frozenset(("role", "session_authorization", "row_security"))
_SECURING_COMMANDS = frozenset(("AT_EnableRowSecurity", "AT_ForceRowSecurity", "AT_ChangeOwner"))


def attributes(tree: Any) -> Iterator[Name]:
    """Every name written as a column of something: it can also be a function of the row."""
    if is_definition(tree):
        return
    nodes = by_kind(tree)
    for fields in (
        *(node.fields for node in nodes.get("ColumnRef", ()) if len(node.fields) > 1),
        *(node.indirection for node in nodes.get("A_Indirection", ())),
    ):
        yield from (Name("", text) for text in strings(fields)[-1:])


def reads(tree: Any) -> Iterator[Name]:
    """The relations that are read when the statement runs."""
    if kind(tree) in _READERS:
        yield from (relation_name(relation) for relation in by_kind(tree).get("RangeVar", ()))


def converts(tree: Any) -> bool:
    """It may cast values, or check them by a domain."""
    return kind(tree) in _CONVERTING or (not is_definition(tree) and not _EXPRESSIONS.isdisjoint(by_kind(tree)))


def operators(tree: Any) -> Iterator[str]:
    if is_definition(tree):
        return
    nodes = by_kind(tree)
    for written in (
        *(node.name for node in nodes.get("A_Expr", ())),
        *(node.oper_name for node in nodes.get("SubLink", ())),
        *(node.use_op for node in nodes.get("SortBy", ())),
    ):
        if name := dotted(written).text:
            yield name


def _run_now(tree: Any) -> Iterator[Any]:
    """A new default is only written down; everything else in ALTER TABLE is computed for the rows that are there."""
    if kind(tree) != "AlterTableStmt":
        yield tree
        return
    yield from (c for c in alter_commands(tree) if enum_name(c, "subtype") != "AT_ColumnDefault")


def is_upsert(node: Any) -> bool:
    conflict = node.on_conflict_clause
    return node.HasField("on_conflict_clause") and enum_name(conflict, "action") == "ONCONFLICT_UPDATE"


def writes(tree: Any) -> Iterator[tuple[Name, Effect]]:
    """The tables whose triggers and rules fire, and by what."""
    if is_definition(tree):
        return
    nodes = by_kind(tree)
    for name, effects in _WRITERS.items():
        for node in nodes.get(name, ()):
            yield from ((relation_name(node.relation), effect) for effect in effects)
    yield from (
        (relation_name(node.relation), Effect.UPDATE) for node in nodes.get("InsertStmt", ()) if is_upsert(node)
    )
    for node in nodes.get("TruncateStmt", ()):
        yield from ((relation_name(unwrap(item)), Effect.TRUNCATE) for item in node.relations)
    yield from ((relation_name(node.relation), Effect.INSERT) for node in nodes.get("CopyStmt", ()) if node.is_from)
    if kind(tree) == "AlterTableStmt" and any(
        enum_name(command, "subtype") in _VALIDATING_COMMANDS for command in alter_commands(tree)
    ):
        yield relation_name(tree.relation), Effect.VALIDATION


_WRITERS: Mapping[str, tuple[Effect, ...]] = {
    "InsertStmt": (Effect.INSERT,),
    "UpdateStmt": (Effect.UPDATE,),
    "DeleteStmt": (Effect.DELETE,),
    "MergeStmt": (Effect.INSERT, Effect.UPDATE, Effect.DELETE),
}


# Text that no tree is built of


def code_of(text: str) -> str:
    """The text without its strings and comments. Raises SqlSyntaxError where it has no readable tokens."""
    return " ".join(t.text for t in tokens(text) if t.kind in (TokenKind.CODE, TokenKind.QUOTED_NAME))


_NAME = r'(?:"(?:[^"]|"")+"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)'
_CALL = re.compile(rf"({_NAME}(?:\s*\.\s*{_NAME})*)\s*\(")
_INTO = re.compile(rf"\s*(?:insert\s+into|copy)\s+({_NAME}(?:\s*\.\s*{_NAME})*)", re.IGNORECASE)
_OPERATOR = re.compile(r"[-+*/<>=~!@#%^&|`?]+")
_QUERIES = re.compile(r"\b(select|table|with)\b", re.IGNORECASE)
_WRITES = re.compile(r"\b(delete|update|insert|truncate|merge|drop|alter|copy)\b", re.IGNORECASE)


def called_in(code: str) -> Iterator[Name]:
    """Every word before a bracket: more than the functions, never fewer."""
    yield from (_name(match[1]) for match in _CALL.finditer(code))


def filled_by(code: str) -> tuple[Name, tuple[Effect, ...]] | None:
    """The table of an INSERT or COPY that is too long to be parsed into a tree."""
    match = _INTO.match(code)
    if match is None:
        return None
    upsert = re.search(r"\bon\s+conflict\b", code, re.IGNORECASE)
    return _name(match[1]), (Effect.INSERT, *([Effect.UPDATE] if upsert else []))


def operators_in(code: str) -> set[str]:
    """Whatever is written like one: more than are operators, never fewer."""
    return set(_OPERATOR.findall(code))


def asks_for_rows(code: str) -> bool:
    """There may be a query in it, which reads views and may write by WITH."""
    return _QUERIES.search(code) is not None


def says_it_writes(code: str) -> bool:
    return _WRITES.search(code) is not None


def _name(text: str) -> Name:
    parts = [p[1:-1].replace('""', '"') if p.startswith('"') else p.lower() for p in re.findall(_NAME, text)]
    return Name(parts[-2] if len(parts) > 1 else "", parts[-1])
