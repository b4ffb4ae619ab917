"""A migration that broke off outside a transaction, as the person who settles it has to see it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dashboard.engine import planner
from dashboard.engine.database import connection as connections
from dashboard.engine.database import leftovers
from dashboard.engine.database.leftovers import Aftermath, Leftover, Progress
from dashboard.engine.errors import EngineError, NothingToDo, PlanBlocked, SqlSyntaxError
from dashboard.engine.migration import (
    AppliedMigration,
    Folder,
    Identified,
    JournalEntry,
    MigrationId,
    Unfinished,
    checksum,
)
from dashboard.engine.plan import Action, Plan, Target
from dashboard.engine.sql import statements
from dashboard.engine.sql.concurrently import concurrent
from dashboard.engine.sql.statements import Statement
from dashboard.models.environments import Environment
from dashboard.selectors import folders
from dashboard.services import targets
from dashboard.services.errors import PageOutdated


class WayOn(StrEnum):
    """How a migration that broke off is settled, as the form sends it."""

    REPAIR = "repair"  # take the leftovers away
    AGAIN = "again"  # go on, and send a statement in doubt again
    AFTER = "after"  # go on behind the statement in doubt
    RESET = "reset"  # what is committed was undone by hand: start over


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
    HALF = "half"  # it left something half done, which has to be taken away first


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalLine:
    """One statement of the script, and what the journal says of it."""

    number: int
    line: int | None  # None: the text is gone
    summary: str
    trace: Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenOff(Identified):
    """What stands, what does not, and the plans that lead on; an error says why one of them cannot be had."""

    version: str
    name: str
    action: Action  # apply or rollback
    row: AppliedMigration | None
    lines: tuple[JournalLine, ...]
    mark: str  # changes with the journal
    evidence: InDoubt
    index: str  # the index or table in question, as SQL names it
    leftovers: tuple[Leftover, ...]  # what the statement in question left half done
    again: Plan | EngineError  # from the first statement that is not known to be done
    after: Plan | EngineError | None  # the same, the one in doubt taken for done; None: none is in doubt
    repair: Plan | None  # take the leftovers away

    @property
    def doubtful(self) -> JournalLine | None:
        return next((line for line in self.lines if line.trace is Trace.DOUBTFUL), None)


def look(environment: Environment, migration: MigrationId) -> BrokenOff | None:
    """Read from the target now; None where nothing of this migration waits to be settled."""
    target = targets.look(environment, scripts=True)
    unfinished = next((u for u in target.history.unfinished if u.identity == migration), None)
    return _broken_off(environment, target, folders.read(environment), unfinished) if unfinished else None


def check_shown(broken_off: BrokenOff, mark: str, environment: Environment) -> None:
    """The journal must be the one that was on the page. Raises PageOutdated."""
    if broken_off.mark != mark:
        raise PageOutdated(environment=environment.name)


def _broken_off(environment: Environment, target: Target, folder: Folder, unfinished: Unfinished) -> BrokenOff:
    script = _script(_text(target, folder, unfinished))
    doubtful = _in_doubt(script, unfinished)
    standing = _standing(environment, script, doubtful)
    evidence = _VERDICTS[standing.progress]
    return BrokenOff(
        version=unfinished.version,
        name=unfinished.name,
        action=Action(unfinished.action),
        row=target.history.row(unfinished.identity),
        lines=tuple(_lines(script, unfinished)),
        mark=hashlib.sha256(repr(unfinished.entries).encode()).hexdigest(),
        evidence=evidence,
        index=_subject(doubtful),
        leftovers=tuple(sorted(standing.leftovers)),
        again=_resumed(environment, target, folder, unfinished, evidence, doubtful_done=False),
        after=None
        if all(entry.done for entry in unfinished.entries)
        else _resumed(environment, target, folder, unfinished, evidence, doubtful_done=True),
        repair=_repair(target, folder, unfinished, standing),
    )


def _script(text: str) -> tuple[Statement, ...]:
    """None where it cannot be read, as after somebody has changed it in the history."""
    try:
        return statements.split(text)
    except SqlSyntaxError:
        return ()


def _text(target: Target, folder: Folder, unfinished: Unfinished) -> str:
    """What the journal is about: the captured rollback, or the file; empty where it is gone."""
    row = target.history.row(unfinished.identity)
    if unfinished.action == Action.ROLLBACK and row is not None:
        return row.rollback_script or ""
    migration = folder.find(unfinished.identity) or folder.find_elsewhere(unfinished.identity)
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


def _standing(environment: Environment, script: Sequence[Statement], statement: Statement | None) -> Aftermath:
    """What is done CONCURRENTLY can be seen in the catalog; nothing else can."""
    if statement is None or concurrent(statement) is None:
        return Aftermath(progress=Progress.NOT_KNOWN)
    with connections.as_given(targets.address(environment)) as connection:
        return leftovers.standing_of(connection, script, statement)


def _subject(statement: Statement | None) -> str:
    several = concurrent(statement) if statement else None
    return several.subject if several else ""


_VERDICTS = {
    Progress.DONE: InDoubt.HAPPENED,
    Progress.NOT_DONE: InDoubt.DID_NOT,
    Progress.HALF: InDoubt.HALF,
    Progress.NOT_KNOWN: InDoubt.NONE,
}


def _resumed(
    environment: Environment,
    target: Target,
    folder: Folder,
    unfinished: Unfinished,
    evidence: InDoubt,
    *,
    doubtful_done: bool,
) -> Plan | EngineError:
    if evidence is InDoubt.HALF:
        return PlanBlocked(version=unfinished.label, reason="it left something half done.", remedy="Repair that first.")
    try:
        plan = planner.resume(target, folder, unfinished.identity, doubtful_done=doubtful_done)
        targets.check_captured(environment, plan)
        return plan
    except EngineError as error:
        return error


def _repair(target: Target, folder: Folder, unfinished: Unfinished, standing: Aftermath) -> Plan | None:
    if not standing.leftovers:
        return None
    ways_on = leftovers.ways_on(standing.leftovers)
    try:
        return planner.repair(target, folder, unfinished.identity, ways_on=ways_on)
    except (NothingToDo, PlanBlocked):
        return None
