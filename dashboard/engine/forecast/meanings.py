"""Whether names and conditions still mean, at a statement of a plan, what they mean on the target before it runs. Pure.

The target is looked at before the plan begins, so whatever is not found there counts as nothing. That holds only while
no earlier statement moves old rows under another name, connects them to something new, or changes how names and
conditions are read. From such a statement on, what it may concern cannot be judged. Nothing is taken back: where the
text does not tell how far a change reaches, it reaches everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from dashboard.engine.forecast import harmless
from dashboard.engine.forecast.values import Fate, Threat
from dashboard.engine.sql.objects import (
    DatabaseObject,
    alter_commands,
    dropped_by,
    is_temporary,
    made_by,
    object_kind,
    table,
)
from dashboard.engine.sql.trees import (
    Name,
    by_kind,
    constant,
    definition,
    enum_name,
    function_name,
    kind,
    relation_name,
    unwrap,
)

#: A name as it is written, and the search path that decides where it has no schema.
Spelling = tuple[Name, tuple[str, ...]]
_Own = tuple[DatabaseObject, tuple[str, ...]]

#: Settings under which names and conditions mean the same.
_NEUTRAL_SETTINGS = frozenset(
    [
        "application_name",
        "check_function_bodies",
        "client_encoding",
        "client_min_messages",
        "default_table_access_method",
        "default_tablespace",
        "default_toast_compression",
        "default_with_oids",
        "idle_in_transaction_session_timeout",
        "idle_session_timeout",
        "jit",
        "lock_timeout",
        "log_min_duration_statement",
        "log_statement",
        "maintenance_work_mem",
        "max_parallel_maintenance_workers",
        "max_parallel_workers_per_gather",
        "row_security",
        "session characteristics",
        "statement_timeout",
        "synchronous_commit",
        "transaction",
        "transaction_timeout",
        "work_mem",
        "xmloption",
    ]
)
_DECIDE_NAMES = frozenset({"search_path", "role", "session_authorization"})
#: Statements after which old objects may be reached, dropped or converted in a way that the target does not show yet.
_REACHES_EVERYTHING = {
    "ImportForeignSchemaStmt": "imports foreign tables",
    "AlterExtensionContentsStmt": "changes what belongs to an extension",
    "AlterObjectDependsStmt": "changes what depends on an extension",
    "CreateCastStmt": "makes a cast",
    "DropOwnedStmt": "drops whatever a role owns",
}
#: Of these a name alone tells nothing: there may be others of it.
_OVERLOADED = frozenset({"function", "aggregate", "operator"})
_NEVER_RENAMED_ROWS = frozenset({"constraint", "trigger", "policy", "rule", "tabconstraint", "domconstraint"})
_WITH_COLUMNS_CHANGED = frozenset({"AT_AddColumn", "AT_DropColumn", "AT_AlterColumnType", "AT_DropExpression"})
_CAST = re.compile(r"::|\bcast\b", re.IGNORECASE)
_DOES_SOMETHING = frozenset({"c", "n", "d"})  # a foreign key: cascade, set null, set default


@dataclass
class Meanings:
    """Goes through the plan in order. Each reason is half a sentence that names the statement it comes from."""

    path: tuple[str, ...] = ()  # each step begins with the session's own
    tables: dict[Spelling, Spelling] = field(
        default_factory=dict
    )  # the name at this statement, to the name on the target
    columns: dict[tuple[Spelling, str], str] = field(default_factory=dict)  # the same, by the target's table
    changed: set[str] = field(default_factory=set)  # tables whose rows or columns have changed
    _own: dict[_Own, bool] = field(default_factory=dict)  # made by the plan; True where it ends with the session
    _everything: str = ""
    _path: str = ""  # to the end of the step
    _lookup: str = ""  # the same, to the end of the plan
    _conditions: str = ""
    _settings: str = ""  # like conditions, to the end of the step
    _names: dict[str, str] = field(default_factory=dict)  # old and new names of what was moved
    _columns: dict[str, str] = field(default_factory=dict)  # new names of columns, and those no longer computed
    _views: dict[str, str] = field(default_factory=dict)  # they show rows that are kept elsewhere
    _schemas: dict[str, str] = field(default_factory=dict)  # something was moved into them
    _references: dict[Fate, str] = field(default_factory=dict)  # what a new foreign key does more than before
    _truncates: str = ""  # TRUNCATE ... CASCADE reaches more than before

    def begin_step(self) -> None:
        self._known_path(())
        self._settings = ""
        self._own = {own: False for own, is_temporary in self._own.items() if not is_temporary}

    def spelling(self, name: Name) -> Spelling:
        return name, () if name.schema else self.path

    # Asked

    def target_of(self, name: Name) -> Spelling:
        """The name that the target has for it, and where it is looked up."""
        return self.tables.get(self.spelling(name), self.spelling(name))

    def anywhere(self, name: Name) -> Name:
        """The name without its schema, where it has to be looked for in every schema: something was moved that the text
        does not follow, such as a renamed schema."""
        return Name("", name.text) if self._everything else name

    def view_of(self, name: Name) -> str:
        """The statement that makes the view; empty where the plan makes no view of that name."""
        return self._views.get(name.text, "")

    def is_own(self, item: DatabaseObject) -> bool:
        """Whether the plan makes it, so that the target holds no data there now."""
        return item.name.schema == "pg_temp" or (item, self.spelling(item.name)[1]) in self._own

    def is_own_threat(self, threat: Threat) -> bool:
        item = DatabaseObject(kind=threat.kind, name=threat.name, part=threat.column)
        return threat.kind not in _OVERLOADED and (self.is_own(item) or self.is_own(table(threat.name)))

    def doubt_of_name(self, name: Name) -> str:
        """Why it is not clear which table this is; empty where it is clear."""
        moved = "" if self.spelling(name) in self.tables else self._names.get(name.text, "")
        return self._everything or ("" if name.schema else self._path or self._lookup) or moved

    def doubt_of_rows(self, name: Name) -> str:
        """The same for rows that are written through it."""
        return self.doubt_of_name(name) or self._views.get(name.text, "")

    def doubt(self, threat: Threat) -> str:
        """Why the target's answer about a threat may not be about what goes."""
        if threat.kind in {"schema", "extension"}:
            return self._everything or self._schemas.get(threat.name.text, "")
        if threat.fate is Fate.DROPPED and not threat.column:
            return self.doubt_of_name(threat.name)
        return (
            self.doubt_of_rows(threat.name)
            or self._doubt_of_column(threat)
            or self._references.get(threat.fate, "")
            or (self._truncates if threat.cascade and threat.fate is Fate.EMPTIED else "")
        )

    def _doubt_of_column(self, threat: Threat) -> str:
        is_followed = (self.target_of(threat.name), threat.column) in self.columns
        return "" if is_followed else self._columns.get(threat.column, "")

    def as_target_calls(self, threat: Threat) -> Threat:
        name, path = self.target_of(threat.name)
        column = self.columns.get(((name, path), threat.column), threat.column)
        return replace(threat, name=name, path=path, column=column)

    def countable(self, threat: Threat) -> Threat:
        """A count of the rows that meet a condition tells nothing once the condition is read in another way, or values
        have changed."""
        is_cast_elsewhere = bool(self.path) and _CAST.search(threat.condition)
        if self._conditions or self._settings or threat.name.text in self.changed or is_cast_elsewhere:
            threat = replace(threat, condition="")
        return replace(threat, after_changes=bool(self.changed))

    # Learnt

    def learn(self, tree: Any, where: str, *, surely: bool = True) -> None:
        """What a statement changes. For a statement in a DO block nobody knows whether it runs, and in which order."""
        if kind(tree) == "CreateSchemaStmt":
            for element in tree.schema_elts:
                self._learn_connections(unwrap(element), where)
        self._learn_dropped(tree, where)
        if surely:
            self._learn_made(tree)
        self._learn_settings(tree, where, surely=surely)
        self._learn_connections(tree, where)
        match kind(tree):
            case "RenameStmt":
                self._learn_rename(tree, where, surely=surely)
            case "AlterObjectSchemaStmt":
                self._learn_schema(tree, where, surely=surely)
            case "AlterTableStmt":
                for command in alter_commands(tree):
                    self._learn_command(tree, command, where)

    def _learn_made(self, tree: Any) -> None:
        if _may_have_been_there(tree) or kind(tree) in {"RenameStmt", "CreateForeignTableStmt"}:
            return
        for item in made_by(tree):
            if kind(tree) == "CreateSchemaStmt" and item.kind != "schema":
                continue  # its name has no schema, and is not looked up where others are
            path = self.spelling(item.name)[1]
            self._own[item, path] = _is_temporary(tree) or self._own.get((table(item.name), path), False)

    def _learn_dropped(self, tree: Any, where: str) -> None:
        """After a DROP the name can mean an older object further back in the search path."""
        for drop in dropped_by(tree):
            name, is_own = drop.object.name, self.is_own(drop.object)
            if drop.object.kind in {"schema", "extension"} and not is_own:
                self._lookup = f"{where} drops {drop.object}"
            elif drop.object.kind in {"table", "view", "materialized view"}:
                self._forget(name.text)
                if not is_own and not name.schema:
                    self._names[name.text] = f"{where} drops what has this name"
            if drop.cascade or drop.object.kind in {"schema", "extension"}:
                self._own.clear()
            self._own.pop((drop.object, self.spelling(name)[1]), None)

    def _forget(self, text: str) -> None:
        """An object of that name is no longer the plan's own, nor are its columns."""
        self._own = {own: ends for own, ends in self._own.items() if own[0].name.text != text}

    def _all(self, reason: str) -> None:
        self._everything = self._everything or reason
        self._own.clear()

    # Settings

    def _learn_settings(self, tree: Any, where: str, *, surely: bool) -> None:
        match kind(tree):
            case "VariableSetStmt":
                self._set(tree, where, surely=surely)
            case "AlterRoleSetStmt" | "AlterDatabaseSetStmt" if tree.setstmt.name.lower() not in _NEUTRAL_SETTINGS:
                self._all(f"{where} sets {tree.setstmt.name or 'everything'} for later sessions")
            case "TransactionStmt" if "ROLLBACK" in enum_name(tree, "kind"):
                self._all(f"{where} takes back what was done before")
            case "DiscardStmt":
                self._unknown_path(f"{where} discards what the session holds")
        if not harmless.is_definition(tree):
            for call in by_kind(tree).get("FuncCall", ()):
                if function_name(call) == "set_config":
                    self._set_by_call(call, where)

    def _set(self, tree: Any, where: str, *, surely: bool) -> None:
        name = tree.name.lower()
        reason = f"{where} sets {name or 'everything'}"
        if name == "search_path" and surely and not tree.is_local and (path := _path_of(tree)) is not None:
            self._known_path(path)
        elif name in _DECIDE_NAMES:
            self._unknown_path(reason)
        elif not name:
            self._unknown_path(reason)
            self._settings = reason
        elif name not in _NEUTRAL_SETTINGS:
            self._settings = reason

    def _set_by_call(self, call: Any, where: str) -> None:
        name = (constant(call.args[0]) or "").lower() if call.args else ""
        reason = f"{where} sets {name or 'something'}"
        if name in _DECIDE_NAMES or not name:
            self._unknown_path(reason)
        if name not in _NEUTRAL_SETTINGS | {"search_path"}:
            self._settings = reason

    def _known_path(self, path: tuple[str, ...]) -> None:
        if self._path:
            self._own.clear()
        self.path, self._path = path, ""

    def _unknown_path(self, reason: str) -> None:
        self._path = reason
        self._own.clear()

    def _is_followed(self, name: Name) -> bool:
        return bool(name.schema) or not self._path

    # Connections to rows that were there before

    def _learn_connections(self, tree: Any, where: str) -> None:
        if does := _REACHES_EVERYTHING.get(kind(tree)):
            self._all(f"{where} {does}")
        match kind(tree):
            case "ViewStmt":
                self._views[tree.view.relname] = f"{where} makes the view"
                if tree.replace:
                    self.changed.add(tree.view.relname)
            case "CreateForeignTableStmt":
                self._views[tree.base_stmt.relation.relname] = f"{where} makes the foreign table"
            case "AlterEnumStmt" if tree.old_val:
                self._conditions = f"{where} renames a value"
            case "DefineStmt" if enum_name(tree, "kind") == "OBJECT_OPERATOR":
                self._conditions = f"{where} makes an operator"

    def _learn_command(self, tree: Any, command: Any, where: str) -> None:
        subtype, name = enum_name(command, "subtype"), relation_name(tree.relation)
        if subtype in _WITH_COLUMNS_CHANGED:
            self.changed.add(name.text)
        if subtype == "AT_DropExpression":
            self._columns[command.name] = f"{where} keeps as values what was computed"
        if subtype == "AT_AddOf":
            self._all(f"{where} makes a table depend on a type")
        if subtype == "AT_AttachPartition" and not self.is_own(table(relation_name(definition(command).name))):
            self._all(f"{where} attaches a table that was there before")
        if subtype == "AT_AddInherit" and not self.is_own(table(name)):
            self._all(f"{where} lets a table inherit that was there before")
        if subtype in {"AT_AddConstraint", "AT_AddColumn"} and not self.is_own(table(name)):
            for constraint in by_kind(command).get("Constraint", ()):
                self._learn_reference(constraint, where)

    def _learn_reference(self, constraint: Any, where: str) -> None:
        if enum_name(constraint, "contype") != "CONSTR_FOREIGN":
            return
        reason = f"{where} adds a foreign key"
        self._truncates = reason
        if constraint.fk_del_action in _DOES_SOMETHING:
            self._references |= {Fate.EMPTIED: reason, Fate.REDUCED: reason}
        if constraint.fk_upd_action in _DOES_SOMETHING:
            self._references[Fate.OVERWRITTEN] = reason
        self._own.clear()

    # Other names

    def _learn_rename(self, tree: Any, where: str, *, surely: bool) -> None:
        renamed = object_kind(enum_name(tree, "rename_type"))
        reason = f"{where} renames a {renamed}"
        if renamed in _NEVER_RENAMED_ROWS:
            return
        if not tree.HasField("relation"):
            self._all(reason)
        elif renamed == "column":
            self._learn_column(tree, reason, surely=surely)
        else:
            old = relation_name(tree.relation)
            self._moved(old, Name(old.schema, tree.newname), reason, surely=surely and not tree.missing_ok)

    def _learn_column(self, tree: Any, reason: str, *, surely: bool) -> None:
        name = relation_name(tree.relation)
        if not surely or tree.missing_ok or not self._is_followed(name):
            return self._all(reason)
        self.changed.add(name.text)
        self._columns[tree.newname] = reason
        target = self.target_of(name)
        self.columns[target, tree.newname] = self.columns.pop((target, tree.subname), tree.subname)
        self._own.pop((DatabaseObject(kind="column", name=name, part=tree.subname), self.spelling(name)[1]), None)
        return None

    def _learn_schema(self, tree: Any, where: str, *, surely: bool) -> None:
        reason = f"{where} moves something into the schema {tree.newschema}"
        if not tree.HasField("relation"):
            return self._all(reason)
        old = relation_name(tree.relation)
        self._schemas[tree.newschema] = reason
        self._moved(old, Name(tree.newschema, old.text), reason, surely=surely and not tree.missing_ok)
        if not self.is_own(table(Name(tree.newschema, old.text))):
            self._forget(tree.newschema)
        return None

    def _moved(self, old: Name, new: Name, reason: str, *, surely: bool) -> None:
        if old.text in self.changed:
            self.changed.add(new.text)
        if old.text in self._views:
            self._views[new.text] = self._views[old.text]
        ends = self._own.get((table(old), self.spelling(old)[1]))
        self._forget(old.text)
        self._forget(new.text)
        if surely and ends is not None:
            self._own[table(new), self.spelling(new)[1]] = ends
            self.tables.pop(self.spelling(new), None)
            return
        self._names |= {old.text: reason, new.text: reason}
        target = self.tables.pop(self.spelling(old), self.spelling(old))
        self.tables.pop(self.spelling(new), None)
        if surely and self._is_followed(old):
            self.tables[self.spelling(new)] = target


def _path_of(tree: Any) -> tuple[str, ...] | None:
    """None where the session decides, or a name that stands for another schema."""
    if enum_name(tree, "kind") in {"VAR_RESET", "VAR_SET_DEFAULT"}:
        return ()
    schemas = [constant(arg) for arg in tree.args]
    is_plain = enum_name(tree, "kind") == "VAR_SET_VALUE" and None not in schemas and "$user" not in schemas
    return tuple(filter(None, schemas)) if is_plain else None


def _may_have_been_there(tree: Any) -> bool:
    """With IF NOT EXISTS nothing is made where the target has it already."""
    if kind(tree) == "AlterTableStmt":
        return any(command.missing_ok for command in alter_commands(tree))
    return bool(getattr(tree, "if_not_exists", False) or getattr(tree, "replace", False))


def _is_temporary(tree: Any) -> bool:
    """Whether it, or what it is added to, ends with the session."""
    return any(is_temporary(relation) for relation in _made_relations(tree))


def _made_relations(tree: Any) -> Iterator[Any]:
    match kind(tree):
        case "CreateTableAsStmt":
            yield tree.into.rel
        case "SelectStmt" if tree.HasField("into_clause"):
            yield tree.into_clause.rel
        case "CreateStmt":
            yield tree.relation
        case "ViewStmt":
            yield tree.view
        case "CreateSeqStmt":
            yield tree.sequence
