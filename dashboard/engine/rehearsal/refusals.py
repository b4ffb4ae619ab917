"""Statements that reach beyond the throw-away database, and so are not rehearsed. Pure.

What a statement does by way of a function, or of text that EXECUTE puts together, cannot be seen beforehand: whoever
may put files into the migrations folder may do to the rehearsal server what its role may do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dashboard.engine.errors import SqlSyntaxError
from dashboard.engine.rehearsal.report import ScriptError
from dashboard.engine.sql import do_blocks, excerpts, statements
from dashboard.engine.sql.statements import Statement
from dashboard.engine.sql.trees import enum_name, function_name, kind, options, walk

#: They change what all databases of a server share.
_CLUSTER_WIDE = frozenset(
    {
        *("CreateRoleStmt", "AlterRoleStmt", "AlterRoleSetStmt", "DropRoleStmt", "GrantRoleStmt"),
        *("CreatedbStmt", "DropdbStmt", "AlterDatabaseStmt", "AlterDatabaseSetStmt", "AlterDatabaseRefreshCollStmt"),
        *("CreateTableSpaceStmt", "DropTableSpaceStmt", "AlterTableSpaceOptionsStmt", "AlterSystemStmt"),
        *("ReassignOwnedStmt", "DropOwnedStmt"),
    }
)
#: The same, where they are about a role, a database or a tablespace.
_ABOUT = {
    "RenameStmt": "rename_type",
    "CommentStmt": "objtype",
    "SecLabelStmt": "objtype",
    "AlterOwnerStmt": "object_type",
    "GrantStmt": "objtype",
}
_SERVER_FUNCTIONS = frozenset(
    {"pg_reload_conf", "pg_rotate_logfile", "pg_terminate_backend", "pg_cancel_backend", "pg_promote"}
)
_SHARED_OBJECTS = frozenset({"OBJECT_ROLE", "OBJECT_DATABASE", "OBJECT_TABLESPACE", "OBJECT_PARAMETER_ACL"})

#: They connect to another server, or load a program.
_OUTSIDE = frozenset({"CreateSubscriptionStmt", "ImportForeignSchemaStmt", "LoadStmt"})
_FUNCTIONS = frozenset(
    {
        *("lo_import", "lo_export", "pg_read_file", "pg_read_binary_file", "pg_ls_dir", "pg_file_write"),
        *("http", "http_get", "http_post", "http_put", "http_delete"),
    }
)
#: Code in them can do whatever the user of the server can.
_UNTRUSTED = frozenset({"plpythonu", "plpython3u", "plperlu", "pltclu", "plsh"})
#: They name functions without calling them.
_DEFINITIONS = frozenset({"CreateFunctionStmt", "CreateTrigStmt", "ViewStmt", "CreatePolicyStmt", "RuleStmt"})


def refusal(script: str, *, server_is_private: bool) -> ScriptError | None:
    """Why this script is not rehearsed; None where it may be."""
    try:
        parsed = statements.split(script)
    except SqlSyntaxError:
        return None  # the sandbox says so
    for statement in parsed:
        for each in (statement, *do_blocks.inner(statement)):
            if sentence := _objection(each, server_is_private):
                return _error(script, each, sentence)
    return None


def _objection(statement: Statement, server_is_private: bool) -> str:
    tree = statements.tree(statement)
    if tree is None:
        return ""
    if not server_is_private and _is_cluster_wide(tree):
        return "changes the whole server, which others use too"
    if _language(tree) in _UNTRUSTED or any(_reaches_out(node) for node in _executed(tree)):
        return "reaches outside the database, to files, programs or other servers"
    return ""


def _is_cluster_wide(tree: Any) -> bool:
    field = _ABOUT.get(kind(tree))
    return (
        kind(tree) in _CLUSTER_WIDE
        or (field is not None and enum_name(tree, field) in _SHARED_OBJECTS)
        or any(kind(node) == "FuncCall" and function_name(node) in _SERVER_FUNCTIONS for node in _executed(tree))
    )


def _executed(tree: Any) -> Iterator[Any]:
    return iter(()) if kind(tree) in _DEFINITIONS else walk(tree)


def _reaches_out(node: Any) -> bool:
    match kind(node):
        case "CopyStmt":
            return bool(node.filename)
        case "FuncCall":
            name = function_name(node)
            return name in _FUNCTIONS or name.startswith("dblink")
        case other:
            return other in _OUTSIDE


def _language(tree: Any) -> str:
    match kind(tree):
        case "CreateFunctionStmt":
            given = options(tree.options)
        case "DoStmt":
            given = options(tree.args)
        case _:
            return ""
    return str(given["language"].arg.string.sval).lower() if "language" in given else ""


def _error(script: str, statement: Statement, sentence: str) -> ScriptError:
    place = excerpts.locate(script, statement.offset + 1)
    return ScriptError(
        sentence=f"{statement.summary} {sentence}.",
        remedy="It is not rehearsed. Do this outside migrations, or rehearse on a private server.",
        statement=statement.number,
        line=place.line,
        column=place.column,
        excerpt=place.excerpt,
    )
