"""A dumped schema into a throw-away database, by two roles.

The one that foreign SQL runs as restores what can hold foreign code. A superuser makes only what asks for one and runs
none: extensions by their names, while the database is empty, and at the end owners, rights and publications. What
neither may make is left out, and said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from dashboard.engine.database import connection as connections
from dashboard.engine.database import pinned, wire
from dashboard.engine.database.connection import Address, Connection
from dashboard.engine.errors import RehearsalImpossible, SqlSyntaxError
from dashboard.engine.sql import statements
from dashboard.engine.sql.statements import Statement
from dashboard.engine.sql.trees import enum_name, kind, options, strings, unwrap, walk

MORE_LOCKS = (
    "The schema has more objects than {server} can lock at once: raise max_locks_per_transaction there, which takes a "
    "restart, and rehearse again."
)

#: Extensions with which SQL reaches other servers, programs or files. Without them nothing runs that would not run
#: with them.
_REACHING = frozenset(
    {
        *("dblink", "postgres_fdw", "file_fdw", "mysql_fdw", "oracle_fdw", "tds_fdw", "mongo_fdw", "redis_fdw"),
        *("http", "pg_net", "pg_cron", "pg_background", "adminpack", "aws_s3", "aws_lambda", "azure_storage"),
        *("plpython3u", "plpythonu", "plperlu", "pltclu", "plsh", "plrust", "plv8"),
    }
)
_EVENT_TRIGGERS = frozenset({"create_event_trig_stmt", "alter_event_trig_stmt"})
_FIRST = frozenset({"create_schema_stmt", "create_extension_stmt"})
_BY_A_SUPERUSER = frozenset(
    {
        *("alter_owner_stmt", "grant_stmt", "alter_default_privileges_stmt"),
        *("create_publication_stmt", "alter_publication_stmt"),
    }
)
_OF_POSTGRESQL = frozenset({"pg_catalog", "information_schema"})
#: About these a superuser gives no right: what they are for leads out of the database.
_KEPT_CLOSED = frozenset(
    {
        *("OBJECT_LANGUAGE", "OBJECT_FDW", "OBJECT_FOREIGN_SERVER", "OBJECT_PARAMETER_ACL", "OBJECT_TABLESPACE"),
        *("OBJECT_LARGEOBJECT", "OBJECT_EXTENSION", "OBJECT_EVENT_TRIGGER", "OBJECT_DATABASE", "OBJECT_PUBLICATION"),
    }
)
#: How a server says that something is not there, which may have been left out.
_ABSENT = frozenset({"3F000", "42P01", "42703", "42704", "42883", "42P13"})
_FORBIDDEN = "42501"


def restore(dump: str, runner: Address, *, maker: Address | None = None, role: str = "") -> tuple[str, ...]:
    """The statements that were left out, each in a few words. `maker` is the superuser, where there is one, and `role`
    the one of `runner`. Raises RehearsalImpossible where the server refuses any of it for another reason."""
    try:
        parsed = statements.split(dump)
    except SqlSyntaxError as error:
        raise _impossible(str(error), runner) from None
    parsed = tuple(each for each in parsed if not _is_about_event_triggers(each))
    first, last = [each for each in parsed if each.node in _FIRST], [each for each in parsed if _is_for_the_end(each)]
    if maker is None:
        with _connected(runner) as connection:
            return tuple(_as_runner(connection, runner, parsed))
    left_out: list[str] = []
    with _connected(maker) as connection:
        left_out += _each(connection, first, lambda statement: _make_first(connection, statement, role))
    with _connected(runner) as connection:
        made = {each.number for each in (*first, *last)}
        between = [s for s in parsed if s.number not in made and not _is_about(s, "OBJECT_EXTENSION")]
        left_out += _as_runner(connection, runner, between, something_is_missing=bool(left_out))
    with _connected(maker) as connection:
        left_out += _each(connection, last, lambda statement: _make_last(connection, statement))
    return tuple(left_out)


@contextmanager
def _connected(address: Address) -> Iterator[Connection]:
    settings = " ".join(f"-c {name}={value}" for name, value in pinned.SETTINGS.items())
    with psycopg.connect(
        address.url, autocommit=True, connect_timeout=10, options=settings, application_name=connections.LOOK
    ) as connection:
        yield connection


# By the role that foreign SQL runs as


def _as_runner(
    connection: Connection, address: Address, parsed: Sequence[Statement], *, something_is_missing: bool = False
) -> list[str]:
    """In one message; where that is refused for want of a right, one by one."""
    try:
        connection.execute(";\n".join(each.sql for each in parsed).encode())
    except psycopg.Error as error:
        if connection.closed or (error.sqlstate != _FORBIDDEN and not something_is_missing):
            raise _refused(error, address) from None
    else:
        return []
    return _one_by_one(connection, address, parsed, something_is_missing)


def _one_by_one(
    connection: Connection, address: Address, parsed: Sequence[Statement], something_is_missing: bool
) -> list[str]:
    left_out: list[str] = []
    for statement in parsed:
        try:
            wire.send(connection, statement.sql)
        except psycopg.Error as error:
            is_missing = (left_out or something_is_missing) and error.sqlstate in _ABSENT
            if connection.closed or not (error.sqlstate == _FORBIDDEN or is_missing):
                raise _refused(error, address) from None
            left_out.append(statement.summary)
    return left_out


# By a superuser


def _each(connection: Connection, parsed: Iterable[Statement], make: Callable[[Statement], bool]) -> Iterator[str]:
    """What of these was not made."""
    for statement in parsed:
        try:
            if not make(statement):
                yield statement.summary
        except (psycopg.Error, wire.CopyRefused):
            if connection.closed:
                raise
            yield statement.summary


def _make_first(connection: Connection, statement: Statement, role: str) -> bool:
    """From the names alone."""
    tree = statements.tree(statement)
    if tree is None:
        return False
    if kind(tree) == "CreateSchemaStmt":
        make = sql.SQL("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}")
        connection.execute(make.format(sql.Identifier(tree.schemaname), sql.Identifier(role)))
        return not tree.schema_elts
    if tree.extname in _REACHING:
        return False
    given = options(tree.options)
    extension = sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(tree.extname))
    if "schema" in given:
        extension += sql.SQL(" SCHEMA {}").format(sql.Identifier(given["schema"].arg.string.sval))
    connection.execute(extension)
    return True


def _make_last(connection: Connection, statement: Statement) -> bool:
    """Only what names roles and objects that are not PostgreSQL's own, all of them in full: it gives nobody the right
    to more than the target's own objects."""
    tree = statements.tree(statement)
    if tree is None or not _is_harmless(tree):
        return _needs_nothing(tree)
    wire.send(connection, statement.sql)
    return True


def _needs_nothing(tree: Any) -> bool:
    """Whether it is no loss that it was not made: whose a publication is, or rights on what is PostgreSQL's own."""
    return tree is not None and kind(tree) in {"GrantStmt", "AlterOwnerStmt"}


def _is_harmless(tree: Any) -> bool:
    if kind(tree) in {"GrantStmt", "AlterOwnerStmt"} and _object_type(tree) in _KEPT_CLOSED:
        return False
    nodes = list(walk(tree))
    if kind(tree) == "AlterDefaultPrivilegesStmt":  # names no object
        return all(_is_of_the_target(node) for node in nodes if kind(node) == "RoleSpec")
    if any(node.HasField("where_clause") for node in nodes if kind(node) == "PublicationTable"):
        return False  # an expression, which may hold functions
    return all(_is_of_the_target(node) for node in nodes if kind(node) == "RoleSpec") and all(
        len(parts) > 1 and not _OF_POSTGRESQL & set(parts) for parts in map(_name, nodes) if parts
    )


def _name(node: Any) -> list[str]:
    """The name of an object, schema first; empty where the node is none."""
    match kind(node):
        case "RangeVar":
            return [part for part in (node.schemaname, node.relname) if part]
        case "ObjectWithArgs":
            return strings(node.objname)
        case "List":
            return strings(node.items)
        case _:
            return []


def _is_of_the_target(role: Any) -> bool:
    """Not the superuser that says it, nor one of PostgreSQL's own, of which some may run programs."""
    if enum_name(role, "roletype") == "ROLESPEC_PUBLIC":
        return True
    is_own = role.rolename.startswith("pg_") and role.rolename != "pg_database_owner"
    return enum_name(role, "roletype") == "ROLESPEC_CSTRING" and not is_own


# Which is which


def _is_about_event_triggers(statement: Statement) -> bool:
    """They are off here. Nobody but a superuser could make them, and they would meet everyone's statements."""
    return statement.node in _EVENT_TRIGGERS or _is_about(statement, "OBJECT_EVENT_TRIGGER")


def _is_about(statement: Statement, object_type: str) -> bool:
    """It says whose an object of this type is, or what it is for."""
    tree = statements.tree(statement) if statement.node in {"alter_owner_stmt", "comment_stmt"} else None
    return tree is not None and _object_type(tree) == object_type


def _object_type(tree: Any) -> str:
    return enum_name(tree, "object_type" if kind(tree) == "AlterOwnerStmt" else "objtype")


def _is_for_the_end(statement: Statement) -> bool:
    if statement.node in _BY_A_SUPERUSER or _is_about(statement, "OBJECT_PUBLICATION"):
        return True
    tree = statements.tree(statement) if statement.node in {"alter_table_stmt", "variable_set_stmt"} else None
    match kind(tree) if tree is not None else "":
        case "AlterTableStmt":
            return all(enum_name(unwrap(each), "subtype") == "AT_ChangeOwner" for each in tree.cmds)  # type: ignore[union-attr]
        case "VariableSetStmt":  # around rights that another role gave
            return str(tree.name) == "session_authorization"  # type: ignore[union-attr]
        case _:
            return False


def _refused(error: psycopg.Error, address: Address) -> RehearsalImpossible:
    if isinstance(error, psycopg.errors.OutOfMemory):
        remedy = MORE_LOCKS.format(server="the rehearsal server")
        return _impossible(connections.reason_of(error, address), address, remedy)
    return _impossible(connections.reason_of(error, address), address)


def _impossible(reason: str, address: Address, remedy: str = "") -> RehearsalImpossible:
    return RehearsalImpossible(
        reason=f"the rehearsal server refuses the schema of the target ({reason}).",
        remedy=remedy or f"Make there what it misses, or set {address.variable} to a server like the target.",
    )
