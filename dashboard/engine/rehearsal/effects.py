"""Does a migration change anything? Said only of what a look at every catalog can tell; of the rest, why it cannot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dashboard.engine.errors import SqlSyntaxError
from dashboard.engine.rehearsal.report import Proof, RehearsedEffect
from dashboard.engine.sql import statements, trees
from dashboard.engine.sql.statements import Statement

#: All that these do is in the catalogs of the database, or is over with the session.
_IN_CATALOGS = re.compile(
    r"(?:create|alter)_(?:am|cast|collation|conversion|default_privileges|domain|enum|event_trig|extension|fdw|foreign_table"
    r"|function|op_class|op_family|policy|publication|range|schema|seq|stats|transform|trig|type|ts_\w+)_stmt"
    r"|alter_(?:collation|extension_contents|object_depends|object_schema|operator|owner|table)_stmt"
    r"|(?:comment|composite_type|create|define|drop|grant|index|rename|rule|sec_label|view)_stmt"
    r"|(?:constraints_set|transaction|variable_set|variable_show)_stmt"
)
#: Expressions in these are worked out for each row that is there.
_FOR_EACH_ROW = ("alter_domain_stmt", "alter_table_stmt", "index_stmt")
_ON_ROWS = {
    "copy_stmt": "copies rows",
    "delete_stmt": "deletes rows",
    "insert_stmt": "inserts rows",
    "merge_stmt": "merges rows",
    "truncate_stmt": "empties a table",
    "update_stmt": "updates rows",
}
_RUNS_CODE = "runs code, which may change rows, or what lies outside the schema"

_HERE = "the database of a rehearsal has none of the rows of the target"


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectReading:
    """What the text of a migration tells beforehand. `hidden`: why no look at the catalogs can tell what it does."""

    is_empty: bool = False
    hidden: str = ""
    surely_changes: bool = False  # it only makes, and fails where that is there already

    @property
    def may_be_told(self) -> bool:
        return not (self.is_empty or self.hidden or self.surely_changes)


def read(script: str) -> EffectReading:
    try:
        parsed = statements.split(script)
    except SqlSyntaxError:
        return EffectReading(is_empty=True)
    hidden = (reason for statement in parsed if (reason := _hidden(statement)))
    return EffectReading(is_empty=not parsed, hidden=next(hidden, ""), surely_changes=_only_makes(parsed))


def judged(proof: Proof, reading: EffectReading, *, same_schema: bool, same_catalogs: bool) -> Proof:
    """With what its first up did. `same_catalogs` is asked only where the schema is the same and it may be told."""
    if reading.is_empty:
        return proof
    if not same_schema or proof.up.wrote:
        return replace(proof, effect=RehearsedEffect.CHANGES)
    if reading.hidden:
        return replace(proof, effect=RehearsedEffect.UNKNOWN, effect_because=reading.hidden)
    if not same_catalogs:
        because = "what it made anew or changed looks as before in a comparison of schemas"
        return replace(proof, effect=RehearsedEffect.UNKNOWN, effect_because=because)
    return replace(proof, effect=RehearsedEffect.NOTHING)


_WRITTEN = re.compile(r"(?:INSERT 0|UPDATE|DELETE|MERGE|COPY) (?P<count>[0-9]+)")


def written(tag: str) -> int:
    """How many rows a statement wrote, by the tag of its answer."""
    match = _WRITTEN.fullmatch(tag)
    return int(match["count"]) if match else 0


def _hidden(statement: Statement) -> str:
    line = f"line {statement.line}"
    if does := _ON_ROWS.get(statement.node):
        return f"{line} {does}, and {_HERE}"
    tree = statements.tree(statement)
    if tree is None:
        return f"{line} is too long to be judged"
    if statement.node in ("call_stmt", "do_stmt", "execute_stmt"):
        return f"{line} {_RUNS_CODE}"
    if statement.node == "select_stmt":
        return "" if _only_constants(tree) else f"{line} {_RUNS_CODE}"
    if not _IN_CATALOGS.fullmatch(statement.node) or _is_about_the_server(tree):
        return f"{line} does what no look at the schema shows ({statement.summary})"
    if statement.node in _FOR_EACH_ROW and "FuncCall" in trees.by_kind(tree):
        return f"{line} calls a function for each row, and {_HERE}"
    return ""


#: What a query with one of these may do, or reads, is not in the query itself.
_NOT_CONSTANT = frozenset(
    {"FuncCall", "RangeVar", "IntoClause", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "RangeFunction"}
)


def _only_constants(tree: Any) -> bool:
    return not _NOT_CONSTANT & trees.by_kind(tree).keys()


_OF_THE_SERVER = frozenset(
    {"OBJECT_DATABASE", "OBJECT_LARGEOBJECT", "OBJECT_ROLE", "OBJECT_SUBSCRIPTION", "OBJECT_TABLESPACE"}
    | {"OBJECT_USER_MAPPING", "OBJECT_FOREIGN_SERVER", "OBJECT_PARAMETER_ACL", "OBJECT_EVENT_TRIGGER"}
)


def _is_about_the_server(tree: Any) -> bool:
    """It names something that stands in a catalog which a rehearsal shares with others, or may not read."""
    fields = {field.name for field, _ in tree.ListFields()} & {"objtype", "object_type", "remove_type", "rename_type"}
    return any(trees.enum_name(tree, field) in _OF_THE_SERVER for field in fields)


_MAKES = ("create_schema_stmt", "create_stmt", "create_enum_stmt", "index_stmt", "view_stmt")


def _only_makes(parsed: Sequence[Statement]) -> bool:
    """One thing at least is made with no word on what happens if it is there, and nothing is taken away or altered."""
    if any(re.match("drop_|rename_|alter_", statement.node) for statement in parsed):
        return False
    made = (statements.tree(statement) for statement in parsed if statement.node in _MAKES)
    return any(tree is not None and not _is_lenient(tree) for tree in made)


def _is_lenient(tree: Any) -> bool:
    lenient = any(getattr(tree, word, False) for word in ("if_not_exists", "replace"))
    relation = getattr(tree, "relation", None) or getattr(tree, "view", None)
    return lenient or getattr(relation, "relpersistence", "p") == "t"
