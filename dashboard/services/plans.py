"""Plans, computed from the target as it is now and the folder as it is now. Nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from dashboard.engine import planner
from dashboard.engine.errors import EngineError, NotAcknowledged, SqlSyntaxError
from dashboard.engine.migration import Folder, MigrationId
from dashboard.engine.plan import CHANGES_NOTHING, UNPROVEN, Action, Plan, PlanWarning, RowChange, Step
from dashboard.engine.run import dryrun
from dashboard.engine.sql import directives, transaction
from dashboard.engine.sql.statements import Statement
from dashboard.engine.sql.transaction import TransactionMode
from dashboard.models import environments
from dashboard.models.environments import Environment
from dashboard.selectors import findings, folders, git, rehearsals
from dashboard.selectors.findings import Findings
from dashboard.selectors.git import CommitFact, Staleness
from dashboard.selectors.observations import LastLook
from dashboard.services import imports, targets
from dashboard.services.errors import ReasonMissing
from dashboard.services.imports import OtherHistories


def apply(environment: Environment, *, upto: str | None = None) -> Plan:
    """Whoever runs it, or asks for that, has to accept what a rehearsal saw change nothing."""
    target = targets.look(environment)
    plan = planner.apply(target, targets.judged(environment, folders.read(environment), target), upto=upto)
    warnings = [
        PlanWarning(code=CHANGES_NOTHING, version=proof.version, sentence=proof.nothing_changed, needs_acceptance=True)
        for proof in rehearsals.changing_nothing(plan)
    ]
    return replace(plan, warnings=(*plan.warnings, *warnings))


def offered(environment: Environment, look: LastLook | None, folder: Folder | None) -> Plan | EngineError | None:
    """What an apply would do, judged by the last look: the plan, or why there is none; None where nothing is known.

    The page behind the button asks the target itself.
    """
    target = targets.last_seen(environment, look)
    if target is None or folder is None or (look and look.other_database):
        return None
    try:
        return planner.apply(target, folder)
    except EngineError as error:
        return error


def rollback(environment: Environment, *, downto: MigrationId) -> Plan:
    """Nobody has to accept as unproven what a rehearsal has proven."""
    folder = folders.current(environment).folder
    plan = planner.rollback(targets.look(environment, scripts=True), downto=downto, folder=folder)
    targets.check_captured(environment, plan)
    if rehearsals.proving(plan) is None:
        return plan
    return replace(plan, warnings=tuple(w for w in plan.warnings if w.code != UNPROVEN))


def skip(environment: Environment, migrations: Sequence[MigrationId], *, reason: str) -> Plan:
    return planner.skip(targets.look(environment), folders.read(environment), migrations, reason=_given(reason, "skip"))


def unskip(environment: Environment, migrations: Sequence[MigrationId], *, reason: str) -> Plan:
    reason = _given(reason, "take back a skip")
    return planner.unskip(targets.look(environment), migrations, reason=reason)


def mark_applied(environment: Environment, migrations: Sequence[MigrationId], *, reason: str) -> Plan:
    reason = _given(reason, "record as applied what somebody ran by hand")
    folder = folders.read(environment)
    plan = planner.mark_applied(targets.look(environment), folder, migrations, reason=reason)
    return targets.doubted(environment, plan, folder)


def baseline(environment: Environment, *, upto: str, reason: str) -> Plan:
    reason, folder = _given(reason, "record a baseline"), folders.read(environment)
    plan = planner.baseline(targets.look(environment), folder, upto=upto, reason=reason)
    return targets.doubted(environment, plan, folder)


def restore_record(environment: Environment, migrations: Sequence[MigrationId], *, reason: str) -> Plan:
    reason = _given(reason, "restore a record")
    return planner.restore_record(targets.look(environment), folders.read(environment), migrations, reason=reason)


def import_history(environment: Environment, *, table: str = "") -> Plan:
    """Record what another tool has applied there; of several, the one whose table is named, or that the folder is
    of."""
    others = imports.read(environment, table=table)
    plan = imports.plan(targets.look(environment), others, table=table)
    return targets.doubted(environment, plan, others.folder)


def import_offered(environment: Environment, others: OtherHistories, *, table: str = "") -> Plan | EngineError:
    """The import, or why there is none, by what was read just now. Raises what looking at the target does."""
    target = targets.look(environment)
    try:
        plan = imports.plan(target, others, table=table)
    except EngineError as error:
        return error
    return targets.doubted(environment, plan, others.folder)


def accept_edits(environment: Environment, migrations: Sequence[MigrationId], *, reason: str = "") -> Plan:
    return planner.accept_edits(targets.look(environment), folders.read(environment), migrations, reason=reason)


def accept_changes(environment: Environment, migrations: Sequence[MigrationId], *, reason: str) -> Plan:
    reason = _given(reason, "accept the changed SQL of a file that was applied")
    return planner.accept_changes(targets.look(environment), folders.read(environment), migrations, reason=reason)


def resume(environment: Environment, migration: MigrationId, *, doubtful_done: bool = False) -> Plan:
    """Continue what broke off outside a transaction; `doubtful_done` is a person's word on a statement in doubt."""
    target = targets.look(environment, scripts=True)
    plan = planner.resume(target, folders.read(environment), migration, doubtful_done=doubtful_done)
    targets.check_captured(environment, plan)
    return plan


def repair(environment: Environment, migration: MigrationId) -> Plan:
    return planner.repair(targets.look(environment, scripts=True), folders.read(environment), migration)


def reset(environment: Environment, migration: MigrationId, *, reason: str) -> Plan:
    return planner.reset(targets.look(environment), migration, reason=_given(reason, "start over"))


def as_sql(plan: Plan, environment: Environment) -> str:
    """Everything that a run of it would send, as text; nothing is sent but one look."""
    return dryrun.text(plan, targets.access(environment))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """How the SQL of one step is sent. `sent` is empty where the parser refuses it; the executor then says so."""

    sent: tuple[Statement, ...] = ()
    outside: bool = False  # each statement is committed by itself
    absorbed: bool = False  # its own BEGIN and COMMIT are not sent
    directives: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """A plan with what is known of its scripts."""

    plan: Plan
    outlines: tuple[Outline, ...]  # one for each step
    folder: Folder | None
    findings: Findings
    rows: tuple[RowChange, ...] = ()  # of the history, before and after; where it sends SQL the steps say it
    commit: CommitFact | None = None  # that its files were read from
    stale: Staleness | None = None  # later pushes may be missing


def detail(plan: Plan) -> Detail:
    """With what lint says of the scripts, where they are those of the folder."""
    reading = folders.current(environments.get_even_former(plan.environment))
    return Detail(
        plan=plan,
        outlines=tuple(outline(step) for step in plan.steps),
        folder=reading.folder,
        findings=findings.by_file(reading.folder),
        commit=git.of_plan(plan),
        stale=reading.stale,
        rows=planner.row_changes(plan) if plan.action.only_records or plan.action is Action.RESET else (),
    )


def outline(step: Step) -> Outline:
    whole = _outline_of(step.sql)
    return replace(whole, sent=tuple(s for s in whole.sent if s.number >= step.first_statement))


@lru_cache(maxsize=256)
def _outline_of(sql: str) -> Outline:
    """A script captured long ago by another tool may not parse."""
    try:
        shape = transaction.shape_of(sql)
        values = directives.values_in(sql)
    except SqlSyntaxError:
        return Outline()
    return Outline(
        sent=shape.sent,
        outside=shape.mode is TransactionMode.NONE,
        absorbed=shape.absorbed,
        directives=tuple(values.items()),
    )


def check_accepted(plan: Plan, accepted: Sequence[str]) -> None:
    """Raise NotAcknowledged for the first warning that needs acceptance and has none."""
    for warning in plan.warnings:
        if warning.needs_acceptance and warning.key not in accepted:
            raise NotAcknowledged(warning=warning.sentence)


def copied(plan: Plan) -> list[str]:
    """What it saves before it destroys it, or brings back."""
    return [copy.label for step in plan.steps for copy in step.copies]


def title(plan: Plan, environment: Environment) -> str:
    """One line for lists, buttons and the log: 'Apply 009 and 010 to Production'."""
    verb, preposition = plan.action.verb, plan.action.preposition
    if any(step.first_statement > 1 for step in plan.steps):
        verb, preposition = "Continue", "on"
    return f"{verb} {_versions([s.version for s in plan.steps])} {preposition} {environment.name}"[:200]


def _versions(versions: Sequence[str]) -> str:
    if len(versions) > 3:
        return f"{len(versions)} migrations ({versions[0]} … {versions[-1]})"
    return " and ".join([", ".join(versions[:-1]), versions[-1]] if len(versions) > 1 else versions)


def _given(reason: str, purpose: str) -> str:
    if not reason.strip():
        raise ReasonMissing(what=purpose)
    return reason.strip()
