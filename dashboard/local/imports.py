"""The histories that other tools keep in a target, held against the files of its environment. Only reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from dashboard.engine import planner
from dashboard.engine.database import connection, tool_tables
from dashboard.engine.database.connection import Access
from dashboard.engine.database.doctor import Check, CheckLevel
from dashboard.engine.database.tool_tables import ToolHistory, ToolTable
from dashboard.engine.errors import EngineError, NoSuchToolTable, NothingToDo, ToolTableUnreadable
from dashboard.engine.files import known_files
from dashboard.engine.files.listing import Listing
from dashboard.engine.imports import catalogue
from dashboard.engine.imports.matching import Reconciliation, reconcile
from dashboard.engine.migration import Folder
from dashboard.engine.plan import Plan, Target


@dataclass(frozen=True, kw_only=True)
class ToolReading:
    """One table of a tool: either what it says, or why nothing can be taken from it."""

    tool: ToolTable
    history: ToolHistory | None = None
    reconciliation: Reconciliation | None = None
    failure: ToolTableUnreadable | None = None
    is_doubtful: bool = False  # it may as well be about something else, and nobody has called it a history

    @property
    def label(self) -> str:
        return self.tool.label

    @property
    def title(self) -> str:
        return self.tool.importer.title

    @property
    def doubt(self) -> str:
        """What it may be, as a clause."""
        return (
            f"the table {self.label}, whose only column is a number: it may be the history that {self.title} keeps, or "
            "be about something else"
        )

    @property
    def is_only_recognised(self) -> bool:
        return bool(self.tool.importer.explained)

    @property
    def matches(self) -> int:
        """Files of the folder that it calls applied."""
        return len(self.reconciliation.applied) if self.reconciliation else 0


@dataclass(frozen=True, kw_only=True)
class OtherHistories:
    """All of them, first the one that its source declares, then the one that the folder belongs to."""

    folder: Folder
    readings: tuple[ToolReading, ...]
    declared: str = ""  # the table that `history_table` of the source names

    @property
    def lacks_declared(self) -> bool:
        return bool(self.declared) and self.named(self.declared) is None

    @property
    def chosen(self) -> ToolReading | None:
        """The one that is imported unless a person says otherwise."""
        declared = self.named(self.declared)
        return declared or next((r for r in self.readings if r.reconciliation and not r.is_doubtful), None)

    @property
    def failed(self) -> tuple[ToolReading, ...]:
        return tuple(reading for reading in self.readings if reading.failure)

    @property
    def doubtful(self) -> tuple[ToolReading, ...]:
        return tuple(reading for reading in self.readings if reading.is_doubtful)

    def named(self, table: str) -> ToolReading | None:
        return next((reading for reading in self.readings if reading.label == table), None)


def read(to: Access, folder: Folder, listing: Listing, *, table: str = "") -> OtherHistories:
    """Read from the target now; `listing` is what lies where `folder` was read. `table` names one that is the history
    of the folder's tool, whatever it is called, if its columns are. Raises TargetUnreachable, TargetNotConfigured."""
    with connection.reading(to.address) as opened, connection.naming_errors(opened, to):
        named = {table: catalogue.of_format(folder.format), **tool_tables.declared(to)}
        tools = tool_tables.find(opened, named)
        readings = [_reading(opened, tool, folder, listing, is_named=tool.label in named) for tool in tools]
    ranked = sorted(readings, key=lambda r: (r.label != to.history_table, *_rank(r, folder)))
    return OtherHistories(folder=folder, readings=tuple(ranked), declared=to.history_table)


def plan(target: Target, others: OtherHistories, *, table: str = "") -> Plan:
    """The import of what one tool has applied: of the table that is named, or of the one that the folder belongs to.

    Raises NothingToDo, PlanBlocked, NoSuchToolTable, and ToolTableUnreadable where nothing can be taken from the table.
    """
    reading = others.named(table) if table else others.chosen or next(iter(others.failed), None)
    if reading is None:
        if table:
            known = ", ".join(f"{r.label} ({r.title})" for r in others.readings) or "no such table"
            raise NoSuchToolTable(environment=target.name, table=table, known=known)
        raise NothingToDo(environment=target.name, reason=_reason(others))
    if reading.failure is not None:
        raise reading.failure
    assert reading.history is not None
    assert reading.reconciliation is not None, "what was read was held against the folder"
    importer, origin = reading.tool.importer, reading.history.origin
    made = planner.import_history(target, others.folder, importer, origin, reading.reconciliation)
    return replace(made, source=target.source)


def checks(target: Target, others: OtherHistories, *, command: str) -> Iterator[Check]:
    """What other tools have applied there and is not recorded yet; `command` imports it."""
    if others.lacks_declared:
        yield Check(code=CODE, level=CheckLevel.NOTE, finding=f"it has {_lack(others)}.", remedy=_LACK_REMEDY)
    strangers = [r for r in others.readings if r.reconciliation and not r.matches and not r.is_doubtful]
    for reading in others.readings:
        if reading.reconciliation is None:
            yield _unread(reading, others.folder)
        elif reading.is_doubtful:
            finding = f"it has {reading.doubt}."
            yield Check(code=CODE, level=CheckLevel.NOTE, finding=finding, remedy=f"{_DOUBT_REMEDY}.")
        elif reading.matches:
            yield _check(target, others, reading, command)
    if strangers:
        named = ", ".join(f"{reading.label} ({reading.title})" for reading in strangers[:_NAMED])
        finding = f"it has histories of other tools that know no file of the folder: {named}."
        yield Check(code=CODE, level=CheckLevel.NOTE, finding=finding)


#: Of the checks about histories of other tools.
CODE = "other_history"
_NAMED = 5


def _unread(reading: ToolReading, folder: Folder) -> Check:
    assert reading.failure is not None, "it was not held against the folder"
    if reading.is_only_recognised:
        finding = f"it has a history of {reading.title} ({reading.label})."
        return Check(code=CODE, level=CheckLevel.NOTE, finding=finding, remedy=str(reading.failure))
    finding = f"it may have a history of {reading.title}. {reading.failure}"
    is_its = folder.format in reading.tool.importer.formats
    level = CheckLevel.WARNING if is_its else CheckLevel.NOTE
    return Check(code=CODE, level=level, finding=finding, remedy=reading.failure.remedy)


def _check(target: Target, others: OtherHistories, reading: ToolReading, command: str) -> Check:
    total = len(others.folder.migrations)
    finding = f"it was migrated by {reading.title}: {reading.matches} of your {total} files, says {reading.label}"
    try:
        made = plan(target, others, table=reading.label)
    except NothingToDo:
        return Check(code=CODE, level=CheckLevel.FINE, finding=f"{finding}, and all of that is recorded.")
    except EngineError as error:
        return Check(code=CODE, level=CheckLevel.WARNING, finding=f"{finding}. {error}", remedy=error.remedy)
    count = len(made.steps)
    finding += f", and {count} of them {'is' if count == 1 else 'are'} not recorded here."
    way = f"on the page of the environment, or with `{command}`."
    remedy = f"An apply would run them again. Import that history first: {way}"
    return Check(code=CODE, level=CheckLevel.WARNING, finding=finding, remedy=remedy)


def _lack(others: OtherHistories) -> str:
    return f"no table {others.declared} with the columns of a tool that is known, which `history_table` names"


_LACK_REMEDY = "Where a tool has migrated it, correct that name."
_NONE = "no table of a tool that is known was found in it"


def _reason(others: OtherHistories) -> str:
    """Why nothing is imported where no table of a tool is known."""
    if others.lacks_declared:
        return f"it has {_lack(others)}. {_LACK_REMEDY}".rstrip(".")
    if others.doubtful:
        return f"it has {others.doubtful[0].doubt}. {_DOUBT_REMEDY}"
    return _NONE


_DOUBT_REMEDY = (
    "If it is the history of these files, say so with `history_table` of the source, or import from it by its name"
)


def _reading(
    opened: connection.Connection, tool: ToolTable, folder: Folder, listing: Listing, *, is_named: bool
) -> ToolReading:
    try:
        history = tool_tables.read(opened, tool)
    except ToolTableUnreadable as error:
        return ToolReading(tool=tool, failure=error)
    files = known_files.known_to(tool.importer.name, folder, listing)
    return ToolReading(
        tool=tool,
        history=history,
        reconciliation=reconcile(tool.importer, history.rows, files),
        is_doubtful=tool.importer.is_vague and folder.format not in tool.importer.formats and not is_named,
    )


def _rank(reading: ToolReading, folder: Folder) -> tuple[bool, bool, int, str]:
    """The folder's own tool first, then the one with the most of its files."""
    is_its = folder.format in reading.tool.importer.formats
    has_files = reading.matches > 0
    return (not (is_its and has_files), not is_its, -reading.matches, reading.label)
