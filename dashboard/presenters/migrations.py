"""The page of one migration: its files, what is wrong with them, and where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.urls import reverse

from dashboard.engine.files.catalogue import title_of
from dashboard.engine.migration import NO_ROLLBACK, AppliedMigration, Direction, Folder, Migration, MigrationId, Script
from dashboard.engine.sql.transaction import TransactionMode, TransactionShape
from dashboard.engine.status import MigrationStatus, State
from dashboard.models import Rehearsal, RunStep
from dashboard.models.sources import Source
from dashboard.presenters import actions, links, rehearsals, runs, statuses
from dashboard.presenters.badges import Badge, badge
from dashboard.presenters.findings import Note, notes
from dashboard.presenters.matrix import STANDS, state_pill
from dashboard.presenters.pills import Pill
from dashboard.presenters.rehearsals import RehearsalRow
from dashboard.presenters.runs import RunRow
from dashboard.selectors.board import BoardRow
from dashboard.selectors.environments import Standing
from dashboard.selectors.findings import Findings


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentState:
    """How it stands in one environment."""

    badge: Badge
    pill: Pill
    sentence: str
    at: datetime | None
    rehearsal: RehearsalRow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EditedPlace:
    name: str
    url: str  # of what differs there


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """Its file was edited after it was applied in these places."""

    comments_only: bool
    places: tuple[EditedPlace, ...]

    @property
    def last(self) -> EditedPlace:
        return self.places[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptView:
    file: str
    sql: str
    problems: tuple[Note, ...]
    refused: bool  # it has an error of its own, so it is never run
    first_line: int | None  # of that error


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A run that had this migration in it."""

    run: RunRow
    action: str
    pill: Pill


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationPage:
    identity: MigrationId
    up: ScriptView | None  # None: there is no such file
    down: ScriptView | None
    no_down: tuple[str, ...]  # why there is no rollback
    facts: tuple[tuple[str, Any], ...]
    places: tuple[EnvironmentState, ...]
    edited: tuple[Edited, ...]
    passages: tuple[Passage, ...]


#: The filter value for whatever a person must decide or mend.
ATTENTION = "attention"


def page(
    identity: MigrationId,
    *,
    folder: Folder | None,
    findings_by_file: Findings,
    standings: Sequence[Standing],
    steps: Sequence[RunStep],
    rehearsed: Mapping[str, Rehearsal],
    forgotten: Sequence[RunStep] = (),
    shape: TransactionShape | None = None,
) -> MigrationPage | None:
    """None where neither the folder nor any environment knows it. `rehearsed`: the last there, by environment;
    `forgotten`: what runs did and its environment does not know any more; `shape`: how its file runs."""
    migration = folder.find(identity) if folder else None
    places = tuple(
        replace(_place(standing, identity, forgotten), rehearsal=_rehearsal(rehearsed, standing, identity))
        for standing in standings
    )
    if migration is None and not steps and not any(s.status_of(identity) or _row(s, identity) for s in standings):
        return None
    return MigrationPage(
        identity=identity,
        up=_script(migration, migration.up, Direction.UP, findings_by_file) if migration else None,
        down=_script(migration, migration.down, Direction.DOWN, findings_by_file)
        if migration and migration.down
        else None,
        no_down=tuple(_why_no_down(migration)) if migration and not migration.down else (),
        facts=tuple(_facts(folder, migration, shape)) if migration else (),
        places=places,
        edited=tuple(_edited(standings, identity)),
        passages=tuple(_passage(step) for step in steps),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTab:
    label: str
    url: str
    current: bool


def tabs(chosen: Source, every: Sequence[Source]) -> tuple[SourceTab, ...]:
    """None where there is nothing to choose."""
    if len(every) < 2:
        return ()
    return tuple(SourceTab(label=s.name, url=links.migrations(s.name), current=s == chosen) for s in every)


def in_state(rows: Sequence[BoardRow], state: str) -> tuple[BoardRow, ...]:
    """The rows that have this state in any environment."""
    if not state:
        return tuple(rows)
    return tuple(row for row in rows if any(cell is not None and _is_in(cell, state) for cell in row.cells))


def _is_in(cell: MigrationStatus, state: str) -> bool:
    return cell.needs_attention if state == ATTENTION else cell.state.value == state


# Where it stands


def _place(standing: Standing, identity: MigrationId, forgotten: Sequence[RunStep]) -> EnvironmentState:
    item = standing.status_of(identity)
    if item is None:
        return _unknown_place(standing, identity)
    stands = item.state in STANDS or item.state is State.SKIPPED
    return EnvironmentState(
        badge=badge(standing.environment),
        pill=state_pill(item),
        sentence=f"{item.sentence} {_forgotten(standing, item, forgotten)}".rstrip(),
        at=item.applied.applied_at if item.applied and stands else None,
    )


def _forgotten(standing: Standing, item: MigrationStatus, forgotten: Sequence[RunStep]) -> str:
    slug = standing.environment.slug
    steps = (step for step in forgotten if step.run.environment == slug and step.identity == item.identity)
    return "".join(
        f"But run {step.run_id} has applied it, and neither the history nor the log of this database says so any more: "
        "an older copy may have been restored into it."
        for step in steps
    )


def _edited(standings: Sequence[Standing], identity: MigrationId) -> Iterator[Edited]:
    query = identity._asdict()
    for state in (State.MODIFIED, State.ANNOTATED):
        held = (s.environment for s in standings if (item := s.status_of(identity)) and item.state is state)
        places = tuple(EditedPlace(name=e.name, url=reverse("edits", args=[e.slug], query=query)) for e in held)
        if places:
            yield Edited(comments_only=state is State.ANNOTATED, places=places)


def _unknown_place(standing: Standing, identity: MigrationId) -> EnvironmentState:
    row = _row(standing, identity)
    if row:
        sentence = "It is recorded there. The folder cannot be read, so it is not compared with its file."
    elif standing.look is None or standing.look.history is None:
        sentence = f"{standing.environment.name} has not been seen yet."
    else:
        sentence = "It is not recorded there."
    return EnvironmentState(
        badge=badge(standing.environment),
        pill=statuses.NOT_SEEN,
        sentence=sentence,
        at=row.applied_at if row else None,
    )


def _row(standing: Standing, identity: MigrationId) -> AppliedMigration | None:
    return next((row for row in standing.rows if row.identity == identity), None)


def _rehearsal(rehearsed: Mapping[str, Rehearsal], standing: Standing, identity: MigrationId) -> RehearsalRow | None:
    last = rehearsed.get(standing.environment.slug)
    return rehearsals.row(last, rehearsals.seen(last, identity)) if last else None


def _passage(step: RunStep) -> Passage:
    return Passage(run=runs.row(step.run), action=actions.WORDS[step.action].short, pill=statuses.STEP[step.status])


# Its files


def _script(migration: Migration, script: Script, direction: Direction, findings_by_file: Findings) -> ScriptView:
    """A number shared with other files is no error of its own: an environment can settle that."""
    errors = [p for p in migration.errors(direction) if not p.is_duplicate]
    return ScriptView(
        file=script.file,
        sql=script.sql,
        problems=notes(findings_by_file.get(script.file, ()), [p for p in migration.problems if p.file == script.file]),
        refused=bool(errors),
        first_line=next((p.line for p in errors if p.line), None),
    )


def _facts(folder: Folder | None, migration: Migration, shape: TransactionShape | None) -> Iterator[tuple[str, Any]]:
    yield "Read as", title_of(folder.format) if folder else ""
    yield "Statements", len(migration.up.statements) or ""
    yield "Transaction", how_it_runs(shape) if shape else ""
    for key, value in sorted(migration.directives.items()):
        yield f"signalbox: {key}", value
    yield "sha256", migration.up.checksum


def how_it_runs(shape: TransactionShape) -> str:
    """In what kind of transaction; empty where the script cannot run at all."""
    if shape.fault or not shape.sent:
        return ""
    if shape.mode is TransactionMode.NONE:
        return "none: each statement is committed by itself, so a failure leaves what came before it"
    if shape.absorbed:
        return "one; the file's own BEGIN and COMMIT are not sent, Signalbox opens and commits it"
    return "one: all of it is committed, or nothing"


def _why_no_down(migration: Migration) -> Iterator[str]:
    if migration.is_repeatable:
        yield "It is repeatable: it runs again whenever its text changes, and has no rollback."
        yield "To go back, restore the text that it had; it runs again then."
    if reason := migration.directives.get("irreversible"):
        yield f"Declared irreversible: {reason}"
    for problem in migration.problems:
        if problem.code == NO_ROLLBACK:
            yield problem.sentence
            yield problem.advice
