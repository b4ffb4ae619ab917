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
from dashboard.engine.forecast.values import Call, Effect, Fate, PlanReading, Threat, Write
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
from dashboard.engine.sql.tokens import behind_where
from dashboard.engine.sql.trees import (
    Name,
    by_kind,
    constant,
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
    reader = _Reader()
    for step in plan.steps:
        if step.sql:
            reader.step(step, observed.get(step.identity, ()))
    return PlanReading(
        threats=tuple(dict.fromkeys(reader.threats)),
        writes=tuple(dict.fromkeys(reader.writes)),
        calls=tuple(dict.fromkeys(reader.calls)),
        makes=frozenset(reader.functions),
        tags=frozenset(reader.tags),
        unseen=tuple(dict.fromkeys(reader.unseen)),
    )


@dataclass
class _Reader:
    """Goes through the steps in order, so that what an earlier one has made or renamed is known."""

    threats: list[Threat] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)  # made or replaced here
    firing: ObjectSet = field(default_factory=ObjectSet)  # tables that get a trigger or rule here
    changed: ObjectSet = field(default_factory=ObjectSet)  # tables whose values are others by now than on the target
    made: ObjectSet = field(default_factory=ObjectSet)
    tables: dict[str, dict[Name, Name]] = field(default_factory=dict)  # by their names now, first without the schema
    renamed: set[Name] = field(
        default_factory=set
    )  # tables that this step gives another name, as the target calls them
    columns: dict[tuple[Name, str], str] = field(default_factory=dict)  # the same, by the target's name of the table
    renamed_columns: dict[str, set[Name]] = field(
        default_factory=dict
    )  # the tables, by the target's name of the column
    path: tuple[str, ...] = ()  # each step begins with the session's own

    def step(self, step: Step, observed: Sequence[Difference]) -> None:
        threats = [self._as_target_calls(threat) for threat in _removed(step.identity, observed)]
        self.renamed = set()
        self.path = ()
        for statement in self._script(step):
            if statement.number >= step.first_statement:
                self._statement(step, statement)
        self.threats += [threat for threat in threats if not self._is_renamed(threat)]

    def _is_renamed(self, threat: Threat) -> bool:
        """To a schema's eyes what has another name now is gone, and another has come."""
        renamed = self.renamed | self.renamed_columns.get(threat.column, set())
        return any(threat.name.matches(name) for name in renamed)

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
        for each in (statement, *do_blocks.inner(statement)):
            tree = statements.tree(each)
            if tree is not None:
                self.tags.add(each.node)
                self._tree(step, f"{step.label}, line {each.line}", each, tree)

    def _tree(self, step: Step, where: str, statement: Statement, tree: Any) -> None:
        if reason := harmless.objection(tree):
            self.unseen.append(f"{where}: {reason}.")
        self._called(where, harmless.calls(tree))
        self.calls += [Call(where=where, name=Name("", o), is_operator=True) for o in harmless.operators(tree)]
        for threat in _threats(step.identity, statement, tree):
            if not self._is_own(threat):
                self.threats.append(self._as_target_calls(self._countable(threat)))
        for name, effect in harmless.writes(tree):
            self._written(where, name, effect)
        self._learn(tree)

    def _long(self, where: str, sql: str) -> None:
        """A statement that no tree is built of. Only one that fills a table, or defines something, is known."""
        code = harmless.code_of(sql)
        if filled := harmless.filled_by(code):
            name, effects = filled
            for effect in effects:
                self._written(where, name, effect)
            self._called(where, harmless.called_in(code))
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

    def _called(self, where: str, names: Iterable[Name]) -> None:
        for name in names:
            if name.text in self.functions:
                self.unseen.append(f"{where}: what the function {name} does is not told by the script.")
            else:
                self.calls.append(Call(where=where, name=name))

    def _written(self, where: str, name: Name, effect: Effect) -> None:
        if table(name) in self.firing:
            self.unseen.append(f"{where}: {name} has a trigger or rule by then; what it does to rows is not told.")
        if effect is not Effect.INSERT:
            self.changed.add(table(name))
        if table(name) not in self.made and name.schema != "pg_temp":
            now = self._as_target_calls(Threat(step=MigrationId("", ""), fate=Fate.REDUCED, kind="table", name=name))
            self.writes.append(Write(where=where, name=now.name, effect=effect, path=now.path))

    def _countable(self, threat: Threat) -> Threat:
        """Which rows met a condition on the target tells nothing once the plan has changed what stands in them."""
        if threat.condition and table(threat.name) in self.changed:
            return replace(threat, condition="")
        return threat

    def _is_own(self, threat: Threat) -> bool:
        """Made by the plan itself, so the target holds no data there now."""
        column = DatabaseObject(kind="column", name=threat.name, part=threat.column)
        own = DatabaseObject(kind=threat.kind, name=threat.name) if not threat.column else column
        return own in self.made or table(threat.name) in self.made or threat.name.schema == "pg_temp"

    def _as_target_calls(self, threat: Threat) -> Threat:
        names = self.tables.get(threat.name.text, {})
        name = next((old for new, old in names.items() if new.matches(threat.name)), threat.name)
        path = () if name.schema else self.path
        return replace(threat, name=name, path=path, column=self.columns.get((name, threat.column), threat.column))

    def _learn(self, tree: Any) -> None:
        if not _may_have_been_there(tree):
            for item in made_by(tree):
                self.made.add(item)
        for drop in dropped_by(tree):
            self.made.discard(drop.object)
        self._learn_writers(tree)
        match kind(tree):
            case "VariableSetStmt" if tree.name == "search_path":
                self.path = tuple(filter(None, (constant(arg) for arg in tree.args)))
            case "RenameStmt":
                self._learn_rename(tree)
            case "AlterObjectSchemaStmt" if tree.HasField("relation"):
                self._moved(relation_name(tree.relation), Name(tree.newschema, tree.relation.relname))

    def _learn_writers(self, tree: Any) -> None:
        """What the target does not have yet, and what fires or is called later."""
        match kind(tree):
            case "CreateFunctionStmt":
                self.functions.add(dotted(tree.funcname).text)
            case "CreateTrigStmt" | "RuleStmt":
                self.firing.add(table(relation_name(tree.relation)))
            case "AlterTableStmt":
                self._learn_changes(tree)

    def _learn_changes(self, tree: Any) -> None:
        for command in alter_commands(tree):
            subtype = enum_name(command, "subtype")
            if subtype == "AT_AlterColumnType":
                self.changed.add(table(relation_name(tree.relation)))
            elif subtype.startswith("AT_Enable") and subtype.endswith(("Trig", "TrigAll", "TrigUser", "Rule")):
                self.firing.add(table(relation_name(tree.relation)))

    def _learn_rename(self, tree: Any) -> None:
        if not tree.HasField("relation"):
            return
        of = relation_name(tree.relation)
        now = self.tables.get(of.text, {}).get(of, of)
        if enum_name(tree, "rename_type") == "OBJECT_COLUMN":
            self.made.discard(DatabaseObject(kind="column", name=of, part=tree.newname))
            old = self.columns.get((now, tree.subname), tree.subname)
            self.columns[now, tree.newname] = old
            self.renamed_columns.setdefault(old, set()).add(now)
        else:
            self.made.discard(
                DatabaseObject(kind=object_kind(enum_name(tree, "rename_type")), name=Name(of.schema, tree.newname))
            )
            self._moved(of, Name(of.schema, tree.newname))

    def _moved(self, old: Name, new: Name) -> None:
        names = self.tables.get(old.text, {})
        if old not in names:
            self.renamed.add(old)
        self.tables.setdefault(new.text, {})[new] = names.pop(old, old)


def _may_have_been_there(tree: Any) -> bool:
    """IF NOT EXISTS makes nothing where the target has it."""
    if kind(tree) == "AlterTableStmt":
        return any(command.missing_ok for command in alter_commands(tree))
    return bool(getattr(tree, "if_not_exists", False) or getattr(tree, "replace", False))


# Threats


#: What goes with them is looked up, with or without CASCADE.
_WITH_ROWS = {"table", "materialized view", "column", "schema", "extension"}


def _threats(step: MigrationId, statement: Statement, tree: Any) -> Iterator[Threat]:
    if harmless.is_definition(tree):
        return
    yield from _dropped(step, tree)
    yield from _retyped(step, tree)
    nodes = by_kind(tree)
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
                wanted=wanted if is_cast else None,
                only=not tree.relation.inh,
            )


def _is_cast(command: Any) -> bool:
    """No USING, or one that only names the column with a cast, which is what PostgreSQL does by itself."""
    using = definition(command).raw_default
    node = unwrap(using)
    while node is not None and kind(node) == "TypeCast":
        node = unwrap(node.arg)
    is_column = node is not None and kind(node) == "ColumnRef" and strings(node.fields)[-1:] == [command.name]
    return node is None or (
        is_column and by_kind(using).keys().isdisjoint({"FuncCall", "A_Expr"}) and _casts(using) < 2
    )


def _casts(node: Any) -> int:
    return len(by_kind(node).get("TypeCast", ()))


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
    """What stands behind WHERE. Nobody has approved it yet, so nothing in it may call anything."""
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
