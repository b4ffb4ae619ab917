"""A condition asks where the script runs: in which database, under which name, with which rights.

Such a script can do one thing on a throw-away database, where it is rehearsed, and another in production. Conditions of
policies, views and functions are left alone: they ask when they are used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.parsed import Parsed
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.migration import Severity
from dashboard.engine.sql import do_blocks
from dashboard.engine.sql.trees import constant, enum_name, function_name, kind, walk

_FUNCTIONS = (
    *("current_database", "current_catalog", "inet_server_addr", "inet_server_port", "inet_client_addr"),
    *("pg_is_in_recovery", "pg_postmaster_start_time", "pg_backend_pid", "pg_control_system"),
)
_SETTINGS = (
    *("application_name", "is_superuser", "port", "data_directory", "cluster_name", "listen_addresses"),
    *("unix_socket_directories", "config_file", "hba_file", "session_authorization"),
)
#: Without one of these in its tree a statement asks for nothing.
_ASKING = frozenset(("FuncCall", "SQLValueFunction", "ColumnRef"))
KINDS = _ASKING | {"DoStmt"}
#: Fields of a tree that decide whether something happens.
_CONDITIONS = ("where_clause", "having_clause", "quals", "join_condition")
_READS_LATER = ("CreatePolicyStmt", "AlterPolicyStmt", "ViewStmt", "CreateFunctionStmt", "RuleStmt", "CreateTrigStmt")
_ADVICE = (
    "Let the script do the same everywhere. What belongs to one environment alone is not a migration of all of them; "
    "what has to differ is read from a table or set by whoever starts the run."
)


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    for parsed in linted.parsed:
        for asked in asked_in(parsed):
            yield _hit(parsed, asked)


def asked_in(parsed: Parsed) -> Iterable[str]:
    """What its conditions ask for, each once."""
    if parsed.kind in _READS_LATER or (_ASKING.isdisjoint(parsed.nodes) and parsed.kind != "DoStmt"):
        return ()
    return dict.fromkeys(_all_asked(parsed))


def _hit(parsed: Parsed, asked: str) -> Hit:
    sentence = f"A condition asks for {asked}, so this can do one thing in a rehearsal and another in production."
    return parsed.hit(Severity.WARNING, sentence, _ADVICE)


def _all_asked(parsed: Parsed) -> Iterator[str]:
    """In a block, what a query fetches is there to be compared."""
    if parsed.is_inner and parsed.kind == "SelectStmt":
        yield from _asked(parsed.tree)
    else:
        yield from _asked_in_conditions(parsed.tree)
    if parsed.kind == "DoStmt":
        for condition in do_blocks.conditions(parsed.statement):
            yield from _asked(condition)


def _asked_in_conditions(tree: Any) -> Iterator[str]:
    for node in walk(tree):
        if kind(node) in ("CaseExpr", "CaseWhen"):
            yield from _asked(node)
        for field in _CONDITIONS:
            if field in node.DESCRIPTOR.fields_by_name and node.HasField(field):
                yield from _asked(getattr(node, field))


def _asked(tree: Any) -> Iterator[str]:
    for node in walk(tree):
        match kind(node):
            case "FuncCall" if function_name(node) in _FUNCTIONS:
                yield f"{function_name(node)}()"
            case "FuncCall" if function_name(node) == "current_setting" and node.args:
                name = (constant(node.args[0]) or "").lower()
                if name in _SETTINGS:
                    yield name
            case "SQLValueFunction" if enum_name(node, "op") == "SVFOP_CURRENT_CATALOG":
                yield "current_catalog"
            case "ColumnRef" if _last_name(node) == "application_name":
                yield "application_name"


def _last_name(reference: Any) -> str:
    fields = [field.string.sval for field in reference.fields if field.HasField("string")]
    return fields[-1] if fields else ""
