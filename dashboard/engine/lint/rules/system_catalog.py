"""PostgreSQL's own schemas are changed, or an operator of its own is given another meaning.

What stands in `pg_catalog` is found before everything else, by every session and by Signalbox's own queries. An
operator of the same name for the same types is found first where the search path says so. Operators for types of one's
own are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.parsed import Parsed
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.migration import Severity
from dashboard.engine.sql.trees import enum_name, relation_name, unwrap

_OWN = ("pg_catalog", "information_schema", "pg_toast")
_WRITES = ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "TruncateStmt", "AlterTableStmt")
#: Operators that everybody relies on; `=` is in every condition.
_OPERATORS = (
    *("=", "<>", "!=", "<", ">", "<=", ">=", "+", "-", "*", "/", "%", "||", "&&", "@>", "<@"),
    *("~", "!~", "~*", "!~*", "~~", "!~~", "~~*", "!~~*", "->", "->>", "#>", "#>>", "?"),
)
#: Types that they are for, as the parser writes them.
_TYPES = (
    *("int2", "int4", "int8", "float4", "float8", "numeric", "bool", "text", "varchar", "bpchar", "char", "name"),
    *("oid", "regclass", "bytea", "uuid", "json", "jsonb", "date", "time", "timetz", "timestamp", "timestamptz"),
    *("interval", "inet", "cidr", "anyelement", "anyarray", "record"),
)
_ADVICE = "Put it into a schema of your own, and name that schema where it is used."
_ADVICE_ROWS = "Use the statement that is made for the change: ALTER, COMMENT, GRANT. A catalog that is wrong is lost."
_ADVICE_OPERATOR = "Give it another name, or a type of your own. If it is meant, allow it with a reason."


def check(linted: LintedScript, context: LintContext) -> Iterator[Hit]:
    for parsed in linted.parsed:
        if schema := _made_in(parsed):
            yield parsed.hit(
                Severity.ERROR,
                f"An object is put into {schema}, where every session finds it before all others.",
                _ADVICE,
            )
        elif table := _written(parsed):
            yield parsed.hit(
                Severity.ERROR, f"{table} is PostgreSQL's own: its rows are changed by hand.", _ADVICE_ROWS
            )
        elif operator := _operator_of_builtin_types(parsed):
            yield parsed.hit(
                Severity.ERROR,
                f"The operator {operator} gets another meaning for types of PostgreSQL's own, wherever the search path "
                "leads there first.",
                _ADVICE_OPERATOR,
            )


def _made_in(parsed: Parsed) -> str:
    made = [item.name.schema for item in parsed.made]
    if parsed.kind == "AlterObjectSchemaStmt":
        made.append(parsed.tree.newschema)
    return next((schema for schema in made if schema in _OWN), "")


def _written(parsed: Parsed) -> str:
    if parsed.kind not in _WRITES:
        return ""
    relations = parsed.tree.relations if parsed.kind == "TruncateStmt" else ()
    names = [relation_name(unwrap(node)) for node in relations] or [relation_name(parsed.tree.relation)]
    ours = (name for name in names if name.schema in _OWN or (not name.schema and name.text.startswith("pg_")))
    return str(next(ours, ""))


def _operator_of_builtin_types(parsed: Parsed) -> str:
    if parsed.kind != "DefineStmt" or enum_name(parsed.tree, "kind") != "OBJECT_OPERATOR":
        return ""
    *_, symbol = [node.string.sval for node in parsed.tree.defnames]
    given = (node.def_elem for node in parsed.tree.definition)
    sides = [unwrap(element.arg).names for element in given if element.defname in ("leftarg", "rightarg")]
    builtin = all(names[-1].string.sval in _TYPES for names in sides)
    return symbol if symbol in _OPERATORS and sides and builtin else ""
