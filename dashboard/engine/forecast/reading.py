"""What a plan would destroy, told before it runs. Pure: `target.counts` counts what is read out of the scripts here.

A script is read statement by statement, with what it and the steps before it have made or renamed. What a DO block puts
together at run time, and what functions and triggers do, no text tells; a rehearsal has seen at least which objects go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dashboard.engine.errors import SqlSyntaxError
from dashboard.engine.forecast.values import Fate, PlanReading, Threat
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Plan, Step
from dashboard.engine.schema.diff import Change, Difference
from dashboard.engine.sql import do_blocks, statements
from dashboard.engine.sql.columns import typed_columns
from dashboard.engine.sql.objects import (
    DatabaseObject,
    ObjectSet,
    alter_commands,
    dropped_by,
    made_by,
    object_kind,
    table,
)
from dashboard.engine.sql.statements import Statement
from dashboard.engine.sql.trees import Name, by_kind, constant, enum_name, kind, relation_name, unwrap


def read(plan: Plan, observed: Mapping[MigrationId, Sequence[Difference]]) -> PlanReading:
    """What the scripts of a plan destroy. `observed` is what a rehearsal saw each step do to the schema."""
    reader = _Reader()
    for step in plan.steps:
        if step.sql:
            reader.step(step, observed.get(step.identity, ()))
    return PlanReading(threats=tuple(dict.fromkeys(reader.threats)), unseen=tuple(dict.fromkeys(reader.unseen)))


@dataclass
class _Reader:
    """Goes through the steps in order, so that what an earlier one has made or renamed is known."""

    threats: list[Threat] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    made: ObjectSet = field(default_factory=ObjectSet)
    tables: dict[Name, Name] = field(default_factory=dict)  # as they are called by now, to what the target calls them
    columns: dict[tuple[Name, str], str] = field(default_factory=dict)  # the same, by the target's name of the table
    path: tuple[str, ...] = ()  # each step begins with the session's own

    def step(self, step: Step, observed: Sequence[Difference]) -> None:
        threats = [self._as_target_calls(threat) for threat in _removed(step.identity, observed)]
        known = set(self.tables.values())
        self.path = ()
        for statement in self._script(step):
            if statement.number >= step.first_statement:
                self._statement(step, statement)
        renamed = set(self.tables.values()) - known
        self.threats += [t for t in threats if not any(t.name.matches(name) for name in renamed | self._renamed(t))]

    def _renamed(self, threat: Threat) -> set[Name]:
        """Tables in which this column has another name now. To a schema's eyes it is gone, and another has come."""
        return {table for (table, _), old in self.columns.items() if old == threat.column}

    def _script(self, step: Step) -> Sequence[Statement]:
        try:
            return statements.split(step.sql)
        except SqlSyntaxError:
            self.unseen.append(f"The script of {step.label} cannot be read, so what it destroys is not known.")
            return ()

    def _statement(self, step: Step, statement: Statement) -> None:
        self.unseen += _unseen(step, statement)
        for each in (statement, *do_blocks.inner(statement)):
            tree = statements.tree(each)
            if tree is None:
                continue
            for threat in _threats(step.identity, each, tree):
                if not self._is_own(threat):
                    self.threats.append(self._as_target_calls(threat))
            self._learn(tree)

    def _is_own(self, threat: Threat) -> bool:
        """Made by the plan itself, so the target holds no data there now."""
        column = DatabaseObject(kind="column", name=threat.name, part=threat.column)
        own = DatabaseObject(kind=threat.kind, name=threat.name) if not threat.column else column
        return own in self.made or table(threat.name) in self.made or threat.name.schema == "pg_temp"

    def _as_target_calls(self, threat: Threat) -> Threat:
        name = next((old for new, old in self.tables.items() if new.matches(threat.name)), threat.name)
        path = () if name.schema else self.path
        return replace(threat, name=name, path=path, column=self.columns.get((name, threat.column), threat.column))

    def _learn(self, tree: Any) -> None:
        if not _may_have_been_there(tree):
            for item in made_by(tree):
                self.made.add(item)
        for drop in dropped_by(tree):
            self.made.discard(drop.object)
        match kind(tree):
            case "VariableSetStmt" if tree.name == "search_path":
                self.path = tuple(filter(None, (constant(arg) for arg in tree.args)))
            case "RenameStmt":
                self._learn_rename(tree)
            case "AlterObjectSchemaStmt" if tree.HasField("relation"):
                self._moved(relation_name(tree.relation), Name(tree.newschema, tree.relation.relname))

    def _learn_rename(self, tree: Any) -> None:
        if not tree.HasField("relation"):
            return
        of = relation_name(tree.relation)
        now = self.tables.get(of, of)
        if enum_name(tree, "rename_type") == "OBJECT_COLUMN":
            self.made.discard(DatabaseObject(kind="column", name=of, part=tree.newname))
            self.columns[now, tree.newname] = self.columns.get((now, tree.subname), tree.subname)
        else:
            self.made.discard(
                DatabaseObject(kind=object_kind(enum_name(tree, "rename_type")), name=Name(of.schema, tree.newname))
            )
            self._moved(of, Name(of.schema, tree.newname))

    def _moved(self, old: Name, new: Name) -> None:
        self.tables[new] = self.tables.pop(old, old)


def _may_have_been_there(tree: Any) -> bool:
    """IF NOT EXISTS makes nothing where the target has it."""
    if kind(tree) == "AlterTableStmt":
        return any(command.missing_ok for command in alter_commands(tree))
    return bool(getattr(tree, "if_not_exists", False))


# Threats


_WITH_ROWS = {"table", "materialized view", "column", "schema", "type"}


def _threats(step: MigrationId, statement: Statement, tree: Any) -> Iterator[Threat]:
    yield from _dropped(step, tree)
    yield from _retyped(step, tree)
    nodes = by_kind(tree)
    for node in nodes.get("TruncateStmt", ()):
        yield from _truncated(step, node)
    for node in nodes.get("DeleteStmt", ()):
        yield _deleted(step, node, statement.sql if node is tree else "")
    for node in nodes.get("MergeStmt", ()):
        yield Threat(step=step, fate=Fate.REDUCED, kind="table", name=relation_name(node.relation))
    for node in nodes.get("UpdateStmt", ()):
        yield from _overwritten(step, node)


def _dropped(step: MigrationId, tree: Any) -> Iterator[Threat]:
    for drop in dropped_by(tree):
        dropped = drop.object
        if dropped.kind in _WITH_ROWS and (dropped.kind != "type" or drop.cascade):
            yield Threat(
                step=step,
                fate=Fate.DROPPED,
                kind=dropped.kind,
                name=dropped.name,
                column=dropped.part,
                cascade=drop.cascade,
            )


def _retyped(step: MigrationId, tree: Any) -> Iterator[Threat]:
    if kind(tree) != "AlterTableStmt":
        return
    changed = {c.name for c in alter_commands(tree) if enum_name(c, "subtype") == "AT_AlterColumnType"}
    for of, column, wanted in typed_columns(tree):
        if column in changed:
            yield Threat(step=step, fate=Fate.NARROWED, kind="column", name=of, column=column, wanted=wanted)


def _truncated(step: MigrationId, node: Any) -> Iterator[Threat]:
    cascade = enum_name(node, "behavior") == "DROP_CASCADE"
    for relation in (unwrap(item) for item in node.relations):
        yield Threat(step=step, fate=Fate.EMPTIED, kind="table", name=relation_name(relation), cascade=cascade)


def _deleted(step: MigrationId, node: Any, sql: str) -> Threat:
    name = relation_name(node.relation)
    if not node.HasField("where_clause"):
        return Threat(step=step, fate=Fate.EMPTIED, kind="table", name=name)
    return Threat(step=step, fate=Fate.REDUCED, kind="table", name=name, counted_by=_count_of(node, sql))


def _count_of(node: Any, sql: str) -> str:
    """The DELETE as a SELECT that counts. Nobody has approved it yet, so nothing in it may call anything."""
    nodes = by_kind(node)
    plain = not (node.using_clause or node.HasField("returning_clause") or node.HasField("with_clause"))
    if not sql or not plain or any(nodes.get(calls) for calls in ("FuncCall", "SubLink", "SQLValueFunction")):
        return ""
    return re.sub(r"\A\s*DELETE\b", "SELECT pg_catalog.count(*)", sql, flags=re.IGNORECASE)


def _overwritten(step: MigrationId, node: Any) -> Iterator[Threat]:
    if node.HasField("where_clause"):
        return
    for column in (unwrap(target).name for target in node.target_list):
        yield Threat(step=step, fate=Fate.OVERWRITTEN, kind="column", name=relation_name(node.relation), column=column)


#: What takes nothing away, however long it is.
_ADDS = re.compile(r"(insert|create|comment|grant|copy)\b", re.IGNORECASE)


def _unseen(step: Step, statement: Statement) -> Iterator[str]:
    where = f"{step.label}, line {statement.line}"
    if not statement.node and not _ADDS.match(statement.sql):
        yield f"{where}: the statement is too long to be read, so what it destroys is not known."
    elif statement.node == "drop_owned_stmt":
        yield f"{where}: DROP OWNED drops everything a role owns here; which rows that are is not counted."
    elif statement.node == "do_stmt" and re.search(r"\bexecute\b", statement.sql, re.IGNORECASE):
        yield f"{where}: the block puts SQL together while it runs; the text does not tell what that destroys."
    elif statement.node == "call_stmt":
        yield f"{where}: what the procedure does is not told by the script."


# What a rehearsal saw


_PART = r'("(?:[^"]|"")+"|[^\s".]+)'
_REMOVED = re.compile(rf"(?P<kind>table|materialized view|column) {_PART}(?:\.{_PART})?(?:\.{_PART})?")


def _removed(step: MigrationId, observed: Sequence[Difference]) -> Iterator[Threat]:
    for difference in observed:
        match = _REMOVED.fullmatch(difference.key)
        if difference.change is Change.REMOVED and match:
            names = [_plain(part) for part in match.groups()[1:] if part]
            column = names.pop() if match["kind"] == "column" else ""
            name = Name(names[-2] if len(names) > 1 else "", names[-1])
            yield Threat(step=step, fate=Fate.DROPPED, kind=match["kind"], name=name, column=column)


def _plain(identifier: str) -> str:
    return identifier[1:-1].replace('""', '"') if identifier.startswith('"') else identifier
