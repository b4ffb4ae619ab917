"""Who may do what is changed: roles, memberships, grants, owners, the role a statement runs as."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.parsed import Parsed
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.migration import Severity
from dashboard.engine.sql.trees import enum_name, options

_POWERS = {
    "superuser": "SUPERUSER",
    "bypassrls": "BYPASSRLS",
    "createrole": "CREATEROLE",
    "isreplication": "REPLICATION",
    "createdb": "CREATEDB",
}
_POWERFUL_ROLES = (
    "pg_execute_server_program",
    "pg_read_server_files",
    "pg_write_server_files",
    "pg_read_all_data",
    "pg_write_all_data",
    "rds_superuser",
    "postgres",
    "service_role",
    "supabase_admin",
)
_EVERYONE = ("anon", "public")
_CLUSTER = (
    "Roles belong to the whole server, not to this database, and a rollback in another environment meets them too. "
)
_REVIEW = "Let someone who owns access rights read this."

_ROLES = frozenset({"CreateRoleStmt", "AlterRoleStmt", "DropRoleStmt", "AlterRoleSetStmt"})
_GRANTS = frozenset({"GrantStmt", "AlterDefaultPrivilegesStmt"})
KINDS = _ROLES | _GRANTS | {"GrantRoleStmt", "ReassignOwnedStmt", "VariableSetStmt"}


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    for parsed in linted.parsed:
        match parsed.kind:
            case "CreateRoleStmt" | "AlterRoleStmt" | "DropRoleStmt" | "AlterRoleSetStmt":
                yield _role(parsed)
            case "GrantRoleStmt":
                yield _membership(parsed)
            case "GrantStmt" | "AlterDefaultPrivilegesStmt":
                yield from _grant(parsed)
            case "ReassignOwnedStmt":
                yield parsed.hit(Severity.WARNING, "REASSIGN OWNED gives away everything a role owns.", _REVIEW)
            case "VariableSetStmt" if parsed.tree.name in ("role", "session_authorization"):
                yield _other_role(parsed)


def _role(parsed: Parsed) -> Hit:
    powers = _powers(parsed.tree) if parsed.kind in ("CreateRoleStmt", "AlterRoleStmt") else []
    if powers:
        return parsed.hit(
            Severity.ERROR,
            f"A role is given {', '.join(powers)}.",
            f"{_CLUSTER}Grant the narrow right that is needed instead, or allow this with a reason.",
        )
    verb = {"CreateRoleStmt": "created", "DropRoleStmt": "dropped"}.get(parsed.kind, "changed")
    return parsed.hit(Severity.WARNING, f"A role is {verb}.", f"{_CLUSTER}{_REVIEW}")


def _powers(tree: Any) -> list[str]:
    given = options(tree.options)
    return [word for name, word in _POWERS.items() if name in given and given[name].arg.boolean.boolval]


def _membership(parsed: Parsed) -> Hit:
    granted = [node.access_priv.priv_name for node in parsed.tree.granted_roles]
    powerful = parsed.tree.is_grant and any(name in _POWERFUL_ROLES or name.endswith("_admin") for name in granted)
    verb = "given to" if parsed.tree.is_grant else "taken from"
    return parsed.hit(
        Severity.ERROR if powerful else Severity.WARNING,
        f"Membership in {', '.join(granted)} is {verb} another role.",
        f"{_CLUSTER}{_REVIEW}",
    )


def _grant(parsed: Parsed) -> Iterator[Hit]:
    """A grant to a named role is part of most migrations; one to everybody is not."""
    grant = parsed.tree.action if parsed.kind == "AlterDefaultPrivilegesStmt" else parsed.tree
    if not grant.is_grant:
        return
    everyone = [name for name in (_grantee(node.role_spec) for node in grant.grantees) if name in _EVERYONE]
    if everyone and not _is_harmless(grant):
        to_whom = "everyone (PUBLIC)" if "public" in everyone else "anon, which is everyone on the internet in Supabase"
        yield parsed.hit(
            Severity.WARNING,
            f"A right is granted to {to_whom}.",
            "Grant it to the role that needs it. On a table that is meant to be open, row level security must hold.",
        )


def _grantee(role: Any) -> str:
    return "public" if enum_name(role, "roletype") == "ROLESPEC_PUBLIC" else str(role.rolename)


def _is_harmless(grant: Any) -> bool:
    """USAGE on a schema or type shows nothing; EXECUTE is what every function starts with."""
    rights = [node.access_priv.priv_name for node in grant.privileges]
    return bool(rights) and all(right in ("usage", "execute") for right in rights)


def _other_role(parsed: Parsed) -> Hit:
    name = "SESSION AUTHORIZATION" if parsed.tree.name == "session_authorization" else "ROLE"
    reset = enum_name(parsed.tree, "kind") in ("VAR_RESET", "VAR_SET_DEFAULT")
    if reset:
        return parsed.hit(
            Severity.WARNING,
            f"RESET {name} goes back to the role that signed in, which may have more rights.",
            "Leave it out: Signalbox resets the session between migrations.",
        )
    return parsed.hit(
        Severity.WARNING,
        f"SET {name} runs the statements behind it as another role.",
        "Let the environment's own role own what it makes. Where another owner is meant, write ALTER ... OWNER TO.",
    )
