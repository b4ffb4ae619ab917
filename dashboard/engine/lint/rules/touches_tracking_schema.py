"""The migration touches what Signalbox itself keeps: its history of what is applied and was done, or its people and
approvals. Neither would be true any more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.parsed import Parsed
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.lint.settings import changed
from dashboard.engine.migration import Severity
from dashboard.engine.sql.trees import Name, constant, dotted, function_name, relation_name

TABLES = ("schema_migrations", "migration_audit_log", "migration_fuse")
#: Of the log: pushed to its end, it stops every later record.
SEQUENCE = "migration_audit_log_id_seq"
_OF_SEQUENCES = ("setval", "nextval")
_ONLY_READ = ("SelectStmt", "ExplainStmt", "ViewStmt")
_WRITE_ONE = ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    paths = _search_paths(linted)
    is_on_path = any(context.tracking_schema in path for path in paths.values())
    ours = _ours(context.tracking_schema, is_on_path=is_on_path or context.tracking_schema == "public")
    for parsed in linted.parsed:
        if schema := _whole_schema(parsed, context):
            yield parsed.hit(
                Severity.ERROR,
                f"The schema {schema} belongs to Signalbox; this would take what it keeps there with it.",
                "Leave the schema alone. Drop or change the objects in it by name.",
            )
        elif _makes_schema(parsed, context):
            yield parsed.hit(
                Severity.ERROR,
                f"Signalbox keeps its history in the schema {context.tracking_schema}, and makes it before this runs, "
                "so that this fails.",
                f"Write CREATE SCHEMA IF NOT EXISTS {context.tracking_schema}.",
            )
        elif control := _in_control_schema(parsed, paths[id(parsed)], context):
            yield parsed.hit(
                Severity.ERROR,
                f"{control} belongs to Signalbox: people, requests, approvals and the audit log are kept there.",
                "Remove this. A migration could approve itself there, and take away the traces.",
            )
        elif table := _table(parsed, ours):
            yield _hit(parsed, table)


def _hit(parsed: Parsed, table: Name) -> Hit:
    if table.text == SEQUENCE:
        return parsed.hit(
            Severity.ERROR,
            f"{table} numbers the log of Signalbox: moved to its end, no later run could be recorded.",
            "Remove this. The log numbers its rows by itself.",
        )
    if parsed.kind in _ONLY_READ:
        return parsed.hit(
            Severity.WARNING,
            f"{table} is read: what this does then depends on the order of migrations in each environment.",
            "Look at the schema itself, for example with to_regclass() or information_schema.",
        )
    return parsed.hit(
        Severity.ERROR,
        f"{table} belongs to Signalbox: it says what is applied here.",
        "Remove this. The pages skip a migration, settle what broke off and restore a record; each is audited.",
    )


def _whole_schema(parsed: Parsed, context: LintContext) -> str:
    gone = {drop.object.name.text for drop in parsed.drops if drop.object.kind == "schema"}
    if parsed.kind == "RenameStmt" and not parsed.tree.HasField("relation"):
        gone.add(parsed.tree.subname)
    owned = (context.tracking_schema, context.control_schema)
    return next((schema for schema in owned if schema in gone), "")


def _makes_schema(parsed: Parsed, context: LintContext) -> bool:
    """In a DO block a condition may stand before it."""
    is_schema = parsed.kind == "CreateSchemaStmt" and not parsed.is_inner
    return is_schema and parsed.tree.schemaname == context.tracking_schema and not parsed.tree.if_not_exists


def _search_paths(linted: LintedScript) -> Mapping[int, list[str]]:
    """The schemas of the search paths that a statement sets, by its `id`."""
    paths: dict[int, list[str]] = defaultdict(list)
    for setting in changed(linted):
        if setting.name == "search_path":
            paths[id(setting.parsed)] += setting.values
    return paths


def _in_control_schema(parsed: Parsed, path: Sequence[str], context: LintContext) -> str:
    """What the statement names there, if anything; a search path that leads there is enough."""
    schema = context.control_schema
    called = (dotted(call.funcname) for call in parsed.all("FuncCall"))
    changed_here = (*(drop.object.name for drop in parsed.drops), *(item.name for item in parsed.made))
    names = (*parsed.relations, *called, *changed_here)
    if control := next((name for name in names if name.schema == schema), None):
        return str(control)
    return f"The schema {schema} on the search path" if schema in path else ""


@lru_cache(maxsize=8)
def _ours(schema: str, *, is_on_path: bool) -> frozenset[Name]:
    """Also without the schema where that is on the search path."""
    schemas = (schema, "") if is_on_path else (schema,)
    return frozenset(Name(each, table) for each in schemas for table in (*TABLES, SEQUENCE))


def _table(parsed: Parsed, ours: Collection[Name]) -> Name | None:
    if parsed.kind in _WRITE_ONE:
        names = [relation_name(parsed.tree.relation)]
    else:
        names = [*parsed.relations, *(drop.object.name for drop in parsed.drops)]
    names += [name for call in parsed.all("FuncCall") if (name := _sequence(call))]
    return next((name for name in names if name in ours), None)


def _sequence(call: Any) -> Name | None:
    """What setval() and nextval() are told to move, where that is written out."""
    moves = function_name(call) in _OF_SEQUENCES and call.args
    name = constant(call.args[0]) if moves else None
    return Name.read(name) if name else None
