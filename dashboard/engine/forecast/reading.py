"""What a plan would destroy, told before it runs. Pure: `counting` asks the target about what is read here.

A script is read statement by statement, with what it and the steps before it have made or renamed. A statement is
proven harmless, or it is counted, or it cannot be judged: there is no fourth. A rehearsal adds objects that it saw go;
of rows it proves nothing, as it has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dashboard.engine.errors import SqlSyntaxError
from dashboard.engine.forecast import harmless
from dashboard.engine.forecast.harmless import HARMLESS_EXTENSIONS
from dashboard.engine.forecast.meanings import Meanings
from dashboard.engine.forecast.values import Call, Effect, Fate, PlanReading, Read, Threat, Write
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Plan, Step
from dashboard.engine.schema.diff import Change, Difference
from dashboard.engine.sql import do_blocks, statements
from dashboard.engine.sql.columns import typed_columns
from dashboard.engine.sql.objects import ObjectSet, alter_commands, dropped_by, table
from dashboard.engine.sql.statements import Statement
from dashboard.engine.sql.tokens import behind_where
from dashboard.engine.sql.trees import (
    Name,
    by_kind,
    column_type,
    constant_of,
    definition,
    dotted,
    enum_name,
    kind,
    options,
    relation_name,
    strings,
    unwrap,
)


def read(plan: Plan, observed: Mapping[MigrationId, Sequence[Difference]]) -> PlanReading:
    """What the scripts of a plan destroy. `observed` is what a rehearsal saw each step do to the schema."""
    reader = _ScriptReader()
    for step in plan.steps:
        if step.sql:
            reader.step(step, observed.get(step.identity, ()))
    return PlanReading(
        threats=tuple(dict.fromkeys(reader.threats)),
        writes=tuple(dict.fromkeys(reader.writes)),
        calls=tuple(dict.fromkeys(reader.calls)),
        reads=tuple(dict.fromkeys(reader.reads)),
        converts=reader.converts,
        switches_row_security=reader.switches_row_security,
        makes=frozenset(reader.functions),
        tags=frozenset(reader.tags),
        unseen=tuple(dict.fromkeys(reader.unseen)),
    )


@dataclass
class _ScriptReader:
    """Goes through the steps in order, so that what an earlier one has made or renamed is known."""

    threats: list[Threat] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    converts: bool = False
    switches_row_security: bool = False
    makes_extension: bool = False  # one whose functions are not known
    tags: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)  # made or replaced here
    later: list[Name] = field(default_factory=list)  # functions that rows written from here on call
    policed: list[tuple[Name, Name]] = field(default_factory=list)  # tables with what their new policies call
    firing: ObjectSet = field(default_factory=ObjectSet)  # tables that get a trigger or rule here
    meanings: Meanings = field(default_factory=Meanings)

    def step(self, step: Step, observed: Sequence[Difference]) -> None:
        self.meanings.begin_step()
        threats = [self.meanings.as_target_calls(threat) for threat in _removed(step.identity, observed)]
        known = self._renamed_tables()
        for statement in self._script(step):
            if statement.number >= step.first_statement:
                self._statement(step, statement)
        renamed = self._renamed_tables() - known
        self.threats += [t for t in threats if not any(t.name.matches(name) for name in renamed | self._renamed(t))]

    def _renamed(self, threat: Threat) -> set[Name]:
        """Tables in which this column has another name now. To a comparison of schemas one column is gone and another
        is new."""
        return {name for ((name, _), _), old in self.meanings.columns.items() if old == threat.column}

    def _renamed_tables(self) -> set[Name]:
        return {name for name, _ in self.meanings.tables.values()}

    def _script(self, step: Step) -> Sequence[Statement]:
        try:
            return statements.split(step.sql)
        except SqlSyntaxError:
            self.unseen.append(f"The script of {step.label} cannot be read, so what it destroys is not known.")
            return ()

    def _statement(self, step: Step, statement: Statement) -> None:
        where = f"{step.label}, line {statement.line}"
        self.tags.add(statement.node)
        if not statement.node:
            self._long(where, statement.sql)
        elif statement.node == "do_stmt":
            self._block(where, statement)
        tree = statements.tree(statement)
        if tree is not None:
            self._tree(step, where, statement, tree)
            self._learn(tree, where)
        self._inner(step, do_blocks.inner(statement))

    def _inner(self, step: Step, inner: Sequence[Statement]) -> None:
        """For a DO block, where any statement may have run before any other. Its variables may stand in a condition."""
        trees = [(each, f"{step.label}, line {each.line}", statements.tree(each)) for each in inner]
        for each, where, tree in trees:
            if tree is not None:
                self.tags.add(each.node)
                self._learn(tree, where, surely=False)
        for each, where, tree in trees:
            if tree is not None:
                self._tree(step, where, replace(each, sql=""), tree)

    def _tree(self, step: Step, where: str, statement: Statement, tree: Any) -> None:
        if reason := harmless.objection(tree):
            self.unseen.append(f"{where}: {reason}.")
        self._called(where, harmless.calls(tree))
        if self.later and (by_kind(tree).get("TypeCast") or any(harmless.writes(tree))):
            self._called(where, self.later)
        self._called(where, self._called_by_policies(tree))
        self._called(where, harmless.attributes(tree), are_attributes=True)
        self._read(where, tree)
        self.converts = self.converts or harmless.converts(tree)
        self._operated(where, harmless.operators(tree))
        for threat in _threats(step.identity, statement, tree):
            self._threatened(where, threat)
        for name, effect in harmless.writes(tree):
            self._written(where, name, effect)

    def _threatened(self, where: str, threat: Threat) -> None:
        if self.meanings.is_own_threat(threat):
            return
        if reason := self.meanings.doubt(threat):
            self.unseen.append(f"{where}: what it destroys of {threat.name} cannot be judged, as {reason}.")
        self.threats.append(self.meanings.as_target_calls(self.meanings.countable(threat)))

    def _long(self, where: str, sql: str) -> None:
        """A statement that is too long to be parsed into a tree. Only those that fill a table or define something are
        known."""
        code = harmless.code_of(sql)
        if filled := harmless.filled_by(code):
            name, effects = filled
            for effect in effects:
                self._written(where, name, effect)
            self._called(where, harmless.called_in(code))
            self._operated(where, harmless.operators_in(code))
            if harmless.asks_for_rows(code):
                self.unseen.append(f"{where}: it is too long to be read, so what its query does is not known.")
            if Effect.UPDATE in effects:
                self.unseen.append(f"{where}: rows of {name} may be overwritten; which ones shows only when it runs.")
        elif not _DEFINES.match(code):
            self.unseen.append(f"{where}: the statement is too long to be read, so what it destroys is not known.")

    def _block(self, where: str, statement: Statement) -> None:
        tree = statements.tree(statement)
        given = options(tree.args) if tree is not None else {}
        language = constant_of(given["language"]) if "language" in given else "plpgsql"
        try:
            code = harmless.code_of(constant_of(given["as"])) if "as" in given else ""
        except SqlSyntaxError:
            code = ""
        if language != "plpgsql" or not code:
            self.unseen.append(f"{where}: what the block does is not told by the script.")
        elif re.search(r"\bexecute\b", code, re.IGNORECASE):
            self.unseen.append(
                f"{where}: the block puts SQL together while it runs; the text does not tell what that destroys."
            )
        elif harmless.says_it_writes(code) and not do_blocks.inner(statement):
            self.unseen.append(f"{where}: the block cannot be read, so what it destroys is not known.")
        self._called(where, harmless.called_in(code))
        self._operated(where, harmless.operators_in(code))
        for tree in do_blocks.expressions(statement):
            self._called(where, harmless.attributes(tree), are_attributes=True)
            self._read(where, tree)

    def _read(self, where: str, tree: Any) -> None:
        for name in harmless.reads(tree):
            if reason := self.meanings.view_of(name):
                self.unseen.append(f"{where}: what is called when it reads {name} cannot be judged, as {reason}.")
            old = self.meanings.anywhere(self.meanings.target_of(name)[0])
            self.reads.append(Read(where=where, name=old, is_refresh=kind(tree) == "RefreshMatViewStmt"))

    def _called_by_policies(self, tree: Any) -> Iterator[Name]:
        """About the tables that are read or written; about any, where the plan has renamed some."""
        names = {name.text for name in harmless.reads(tree)}
        for table_name, function in self.policed if names else ():
            if table_name.text in names or self.meanings.tables:
                yield function

    def _called(self, where: str, names: Iterable[Name], *, are_attributes: bool = False) -> None:
        for name in names:
            if name.text in self.functions:
                self.unseen.append(f"{where}: what the function {name} does is not told by the script.")
            else:
                self.calls.append(
                    Call(
                        where=where,
                        name=self.meanings.anywhere(name),
                        is_attribute=are_attributes,
                        may_be_new=self.makes_extension,
                    )
                )

    def _operated(self, where: str, names: Iterable[str]) -> None:
        for operator in names:
            if operator in self.functions:
                self.unseen.append(f"{where}: what the operator {operator} does is not told by the script.")
            self.calls.append(Call(where=where, name=Name("", operator), is_operator=True))

    def _written(self, where: str, name: Name, effect: Effect) -> None:
        if effect is not Effect.VALIDATION and table(name) in self.firing:
            self.unseen.append(
                f"{where}: when it runs, {name} has a trigger or rule; what that does to rows is not told."
            )
        if effect not in {Effect.INSERT, Effect.VALIDATION}:
            self.meanings.changed.add(name.text)
        if self.meanings.is_own(table(name)):
            return
        if reason := self.meanings.doubt_of_rows(name):
            self.unseen.append(f"{where}: what fires when it writes to {name} cannot be judged, as {reason}.")
        old, path = self.meanings.target_of(name)
        self.writes.append(Write(where=where, name=old, effect=effect, path=path, after_triggers=bool(self.firing)))

    def _learn(self, tree: Any, where: str, *, surely: bool = True) -> None:
        """What the target does not have yet, and what fires or is called later."""
        self.later += harmless.calls_later(tree)
        self.policed += harmless.policed(tree)
        self.switches_row_security = self.switches_row_security or harmless.switches_row_security(tree)
        match kind(tree):
            case "CreateFunctionStmt":
                self.functions.add(dotted(tree.funcname).text)
            case "DefineStmt":
                self.functions.add(dotted(tree.defnames).text)
            case "CreateExtensionStmt" | "AlterExtensionStmt" if tree.extname not in HARMLESS_EXTENSIONS:
                self.makes_extension = True
            case "CreateTrigStmt" | "RuleStmt":
                self.firing.add(table(relation_name(tree.relation)))
            case "AlterTableStmt":
                self._learn_enabled(tree)
            case "RenameStmt" | "AlterObjectSchemaStmt":
                self._learn_moved(tree)
        self.meanings.learn(tree, where, surely=surely)

    def _learn_enabled(self, tree: Any) -> None:
        for command in alter_commands(tree):
            subtype = enum_name(command, "subtype")
            if subtype.startswith("AT_Enable") and subtype.endswith(("Trig", "TrigAll", "TrigUser", "Rule")):
                self.firing.add(table(relation_name(tree.relation)))

    def _learn_moved(self, tree: Any) -> None:
        """A function or a table with a new trigger is the same under its new name."""
        is_rename = kind(tree) == "RenameStmt"
        if tree.HasField("relation"):
            name = relation_name(tree.relation)
            if table(name) in self.firing:
                self.firing.add(
                    table(Name(name.schema, tree.newname) if is_rename else Name(tree.newschema, name.text))
                )
        elif is_rename:
            self.functions.add(tree.newname)
        elif (moved := unwrap(tree.object)) is not None and kind(moved) == "ObjectWithArgs":
            self.functions.add(dotted(moved.objname).text)


# Threats


#: What goes with them is looked up, with or without CASCADE.
_WITH_ROWS = {"table", "materialized view", "column", "schema", "extension"}


def _threats(step: MigrationId, statement: Statement, tree: Any) -> Iterator[Threat]:
    if harmless.is_definition(tree):
        return
    yield from _dropped(step, tree)
    yield from _retyped(step, tree)
    nodes = by_kind(tree)
    yield from (
        _of_table(step, node.relation, Fate.EMPTIED) for node in nodes.get("RefreshMatViewStmt", ()) if node.skip_data
    )
    for node in nodes.get("TruncateStmt", ()):
        yield from _truncated(step, node)
    for node in nodes.get("DeleteStmt", ()):
        yield _deleted(step, node, statement.sql if node is tree else "")
    for node in nodes.get("MergeStmt", ()):
        yield from _merged(step, node)
    for node in nodes.get("UpdateStmt", ()):
        yield from _overwritten(step, node, statement.sql if node is tree else "")
    for node in nodes.get("InsertStmt", ()):
        yield from _upserted(step, node)


def _dropped(step: MigrationId, tree: Any) -> Iterator[Threat]:
    for drop in dropped_by(tree):
        dropped = drop.object
        if drop.cascade or dropped.kind in _WITH_ROWS:
            yield Threat(
                step=step,
                fate=Fate.DROPPED,
                kind=dropped.kind,
                name=dropped.name,
                column=dropped.part,
                cascade=drop.cascade,
                only=kind(tree) == "AlterTableStmt" and not tree.relation.inh,
            )


def _retyped(step: MigrationId, tree: Any) -> Iterator[Threat]:
    if kind(tree) != "AlterTableStmt" or enum_name(tree, "objtype") == "OBJECT_TYPE":
        return
    changed = {c.name: c for c in alter_commands(tree) if enum_name(c, "subtype") == "AT_AlterColumnType"}
    for of, column, wanted in typed_columns(tree):
        if column in changed:
            is_cast = _is_cast(changed[column])
            yield Threat(
                step=step,
                fate=Fate.NARROWED if is_cast else Fate.REWRITTEN,
                kind="column",
                name=of,
                column=column,
                wanted=wanted if is_cast and _is_plain(definition(changed[column]).type_name) else None,
                only=not tree.relation.inh,
            )


def _is_cast(command: Any) -> bool:
    """No USING, or one that only casts the column to the new type, as PostgreSQL does by itself."""
    column = definition(command)
    node = unwrap(column.raw_default)
    if node is None:
        return True
    if kind(node) == "TypeCast":
        if not _is_plain(node.type_name) or column_type(node.type_name) != column_type(column.type_name):
            return False
        node = unwrap(node.arg)
    return node is not None and kind(node) == "ColumnRef" and strings(node.fields)[-1:] == [command.name]


def _is_plain(type_name: Any) -> bool:
    """It is PostgreSQL's or on the search path, and its numbers are all that it is narrowed by."""
    numbers = column_type(type_name).numbers
    return dotted(type_name.names).schema in ("", "pg_catalog") and len(numbers) == len(type_name.typmods)


def _truncated(step: MigrationId, node: Any) -> Iterator[Threat]:
    cascade = enum_name(node, "behavior") == "DROP_CASCADE"
    for relation in (unwrap(item) for item in node.relations):
        yield _of_table(step, relation, Fate.EMPTIED, cascade=cascade)


def _deleted(step: MigrationId, node: Any, sql: str) -> Threat:
    if not node.HasField("where_clause"):
        return _of_table(step, node.relation, Fate.EMPTIED)
    condition = "" if node.using_clause else _condition(node, sql)
    return _of_table(step, node.relation, Fate.REDUCED, some=True, condition=condition)


def _overwritten(step: MigrationId, node: Any, sql: str) -> Iterator[Threat]:
    some = node.HasField("where_clause") or bool(node.from_clause)
    condition = _condition(node, sql) if some and not node.from_clause else ""
    for column in (unwrap(target).name for target in node.target_list):
        yield _of_table(step, node.relation, Fate.OVERWRITTEN, column=column, some=some, condition=condition)


def _merged(step: MigrationId, node: Any) -> Iterator[Threat]:
    for clause in (unwrap(item) for item in node.merge_when_clauses):
        match enum_name(clause, "command_type"):
            case "CMD_DELETE":
                yield _of_table(step, node.relation, Fate.REDUCED, some=True)
            case "CMD_UPDATE":
                for column in (unwrap(target).name for target in clause.target_list):
                    yield _of_table(step, node.relation, Fate.OVERWRITTEN, column=column, some=True)


def _upserted(step: MigrationId, node: Any) -> Iterator[Threat]:
    conflict = node.on_conflict_clause
    if node.HasField("on_conflict_clause") and enum_name(conflict, "action") == "ONCONFLICT_UPDATE":
        for column in (unwrap(target).name for target in conflict.target_list):
            yield _of_table(step, node.relation, Fate.OVERWRITTEN, column=column, some=True)


def _of_table(step: MigrationId, relation: Any, fate: Fate, **more: Any) -> Threat:
    return Threat(
        step=step,
        fate=fate,
        kind="column" if more.get("column") else "table",
        name=relation_name(relation),
        only=not relation.inh,
        alias=relation.alias.aliasname,
        **more,
    )


def _condition(node: Any, sql: str) -> str:
    """The condition behind WHERE. Nobody has approved it yet, so nothing in it may call anything."""
    nodes = by_kind(node.where_clause)
    plain = not (node.returning_list if hasattr(node, "returning_list") else node.HasField("returning_clause"))
    plain = plain and not node.HasField("with_clause")
    if not sql or not plain or any(nodes.get(calls) for calls in ("FuncCall", "SubLink", "SQLValueFunction")):
        return ""
    return behind_where(sql)


#: A definition takes nothing away, however long it is.
_DEFINES = re.compile(r"(create\s+(or\s+replace\s+)?(function|procedure|view|type)|comment|grant)\b", re.IGNORECASE)


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
