"""A migration that broke off outside a transaction, as the person who settles it has to see it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from dashboard.engine import planner
from dashboard.engine.database import connection as connections
from dashboard.engine.database import indexes
from dashboard.engine.database.indexes import Built
from dashboard.engine.errors import EngineError, NothingToDo, PlanBlocked
from dashboard.engine.migration import AppliedMigration, Folder, JournalEntry, Unfinished, checksum
from dashboard.engine.plan import Action, Plan, Target
from dashboard.engine.sql import statements
from dashboard.engine.sql.indexes import concurrent_index, concurrently_dropped
from dashboard.engine.sql.statements import Statement
from dashboard.models.environments import Environment
from dashboard.selectors import folders
from dashboard.services import targets
from dashboard.services.errors import PageOutdated


class Trace(StrEnum):
    DONE = "done"  # its work is committed
    DOUBTFUL = "doubtful"  # it was started, and its end was never seen
    NOT_RUN = "not_run"
    CHANGED = "changed"  # it ran, and the file has another text there now


class InDoubt(StrEnum):
    """What the catalog says of the statement in doubt."""

    NONE = "none"  # nothing: a person has to know
    HAPPENED = "happened"
    DID_NOT = "did_not"
    INVALID = "invalid"  # it left an invalid index


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalLine:
    """One statement of the script, and what the journal says of it."""

    number: int
    line: int | None  # None: the text is gone
    summary: str
    trace: Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenOff:
    """What stands, what does not, and the plans that lead on; an error says why one of them cannot be had."""

    version: str
    name: str
    action: Action  # apply or rollback
    row: AppliedMigration | None
    lines: tuple[JournalLine, ...]
    mark: str  # changes with the journal
    evidence: InDoubt
    index: str  # the one in question, as SQL names it
    again: Plan | EngineError  # from the first statement that is not known to be done
    after: Plan | EngineError | None  # the same, the one in doubt taken for done; None: none is in doubt
    repair: Plan | None  # drop the invalid index

    @property
    def label(self) -> str:
        return f"{self.version}_{self.name}"

    @property
    def doubtful(self) -> JournalLine | None:
        return next((line for line in self.lines if line.trace is Trace.DOUBTFUL), None)


def look(environment: Environment, *, version: str, name: str) -> BrokenOff | None:
    """Read from the target now; None where nothing of this migration waits to be settled."""
    target = targets.look(environment, scripts=True)
    unfinished = next((u for u in target.history.unfinished if u.identity == (version, name)), None)
    return _broken_off(environment, target, folders.read(), unfinished) if unfinished else None


def check_shown(found: BrokenOff, mark: str, environment: Environment) -> None:
    """The journal must be the one that was on the page. Raises PageOutdated."""
    if found.mark != mark:
        raise PageOutdated(environment=environment.name)


def _broken_off(environment: Environment, target: Target, folder: Folder, unfinished: Unfinished) -> BrokenOff:
    script = statements.split(_text(target, folder, unfinished))
    evidence, index = _evidence(environment, _in_doubt(script, unfinished))
    return BrokenOff(
        version=unfinished.version,
        name=unfinished.name,
        action=Action(unfinished.action),
        row=target.history.row(*unfinished.identity),
        lines=tuple(_lines(script, unfinished)),
        mark=hashlib.sha256(repr(unfinished.entries).encode()).hexdigest(),
        evidence=evidence,
        index=index,
        again=_resumed(target, folder, unfinished, evidence, doubtful_done=False),
        after=None
        if all(entry.done for entry in unfinished.entries)
        else _resumed(target, folder, unfinished, evidence, doubtful_done=True),
        repair=_repair(target, folder, unfinished) if evidence is InDoubt.INVALID else None,
    )


def _text(target: Target, folder: Folder, unfinished: Unfinished) -> str:
    """What the journal is about: the captured rollback, or the file; empty where it is gone."""
    row = target.history.row(*unfinished.identity)
    if unfinished.action == Action.ROLLBACK and row is not None:
        return row.rollback_script or ""
    migration = folder.find(*unfinished.identity)
    return migration.up.sql if migration and migration.up.statements else ""


def _lines(script: tuple[Statement, ...], unfinished: Unfinished) -> Iterator[JournalLine]:
    entries = {entry.statement: entry for entry in unfinished.entries}
    for statement in script:
        trace = _trace(statement, entries.pop(statement.number, None))
        yield JournalLine(number=statement.number, line=statement.line, summary=statement.summary, trace=trace)
    for number, entry in entries.items():
        trace = Trace.DONE if entry.done else Trace.DOUBTFUL
        yield JournalLine(number=number, line=None, summary="", trace=trace)


def _trace(statement: Statement, entry: JournalEntry | None) -> Trace:
    if entry is None:
        return Trace.NOT_RUN
    if entry.checksum != checksum(statement.sql):
        return Trace.CHANGED
    return Trace.DONE if entry.done else Trace.DOUBTFUL


def _in_doubt(script: tuple[Statement, ...], unfinished: Unfinished) -> Statement | None:
    doubtful = {(entry.statement, entry.checksum) for entry in unfinished.entries if not entry.done}
    return next((s for s in script if (s.number, checksum(s.sql)) in doubtful), None)


def _evidence(environment: Environment, statement: Statement | None) -> tuple[InDoubt, str]:
    """Building and dropping an index concurrently can be seen in the catalog; nothing else can."""
    built = concurrent_index(statement) if statement else None
    dropped = concurrently_dropped(statement) if statement else ""
    if not (dropped or (built and built.name)):
        return InDoubt.NONE, ""
    with connections.reading(targets.address(environment)) as connection:
        if built:
            name = indexes.beside(connection, built.table, built.name)
            return _BUILT[indexes.built(connection, built)], name
        name, valid = dropped, indexes.is_valid(connection, dropped)
    return (InDoubt.HAPPENED if valid is None else InDoubt.DID_NOT), name


_BUILT = {
    Built.AS_ASKED: InDoubt.HAPPENED,
    Built.NOT_THERE: InDoubt.DID_NOT,
    Built.INVALID: InDoubt.INVALID,
    Built.NOT_KNOWN: InDoubt.NONE,
}


def _resumed(
    target: Target, folder: Folder, unfinished: Unfinished, evidence: InDoubt, *, doubtful_done: bool
) -> Plan | EngineError:
    label = f"{unfinished.version}_{unfinished.name}"
    if evidence is InDoubt.INVALID:
        return PlanBlocked(version=label, reason="it left an invalid index.", remedy="Drop that first.")
    try:
        return planner.resume(
            target, folder, version=unfinished.version, name=unfinished.name, doubtful_done=doubtful_done
        )
    except EngineError as error:
        return error


def _repair(target: Target, folder: Folder, unfinished: Unfinished) -> Plan | None:
    try:
        return planner.repair(target, folder, version=unfinished.version, name=unfinished.name)
    except (NothingToDo, PlanBlocked):
        return None
