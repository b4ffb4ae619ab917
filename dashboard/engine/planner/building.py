"""How a plan and its steps are put together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from dashboard.engine.errors import NothingToDo, PlanBlocked
from dashboard.engine.imports import catalogue
from dashboard.engine.migration import AppliedMigration, History, Kind, Migration, MigrationId
from dashboard.engine.plan import (
    DUAL_WRITTEN,
    DYNAMIC,
    WRITES_TWICE,
    Action,
    DualWrite,
    Plan,
    PlanWarning,
    Step,
    Target,
    last_deeds,
    records,
)
from dashboard.engine.sql import dynamic


def plan_of(
    target: Target,
    action: Action,
    steps: Sequence[Step],
    *,
    warnings: Iterable[PlanWarning] = (),
    stops_before: str = "",
    commit: str = "",
) -> Plan:
    dual_write = target.dual_write if action in DUAL_WRITTEN else None
    if dual_write is not None:
        _refuse_unnamed(dual_write, steps)
    return Plan(
        environment=target.environment,
        action=action,
        identity=target.identity,
        policy=target.policy,
        basis=records(target.history),
        steps=tuple(steps),
        warnings=(*warnings, *_dynamic_warnings(target, steps), *_dual_warnings(dual_write)),
        stops_before=stops_before,
        source=target.source,
        commit=commit,
        dual_write=dual_write,
        last_deeds=last_deeds(target.history, action, steps),
    )


def _refuse_unnamed(dual_write: DualWrite, steps: Sequence[Step]) -> None:
    """goose has no row for what is no number."""
    for step in steps:
        if dual_write.tool == "goose" and not (step.is_repeatable or step.version.isdecimal()):
            raise PlanBlocked(
                version=step.label,
                reason=f"goose counts in whole numbers, and {dual_write.label} can have no row for {step.version}.",
                remedy="Take `dual_write` out of the environment, or give the file a whole number.",
            )


def _dual_warnings(dual_write: DualWrite | None) -> Iterator[PlanWarning]:
    if dual_write is not None:
        tool = catalogue.BY_NAME[dual_write.tool].title
        sentence = (
            f"What is recorded is also written to {dual_write.label}, the table of {tool}, in the same transaction."
        )
        yield PlanWarning(code=WRITES_TWICE, version="", sentence=sentence, needs_acceptance=False)


def chosen(target: Target, migrations: Iterable[MigrationId]) -> Sequence[MigrationId]:
    """Each once, in their order. Raises NothingToDo where there is none."""
    each_once = sorted(set(migrations))
    if not each_once:
        raise NothingToDo(environment=target.name, reason="no migration was chosen")
    return each_once


def apply_step(migration: Migration, history: History) -> Step:
    (step,) = apply_steps([migration], history)
    return step


def apply_steps(migrations: Sequence[Migration], history: History) -> list[Step]:
    """Where a skipped file has the row of its version, another file of that version gets a row under its whole name."""
    holders: Mapping[str, set[str]] = defaultdict(set)
    for row in history.rows:
        if row.success:
            holders[row.key].add(row.name)
    return [
        replace(
            bare_step(Action.APPLY, migration, ""),
            key=migration.label if holders[migration.version] - {migration.name} else migration.version,
            sql=migration.up.sql,
            down_sql=migration.usable_down,
        )
        for migration in migrations
    ]


def bare_step(action: Action, migration: Migration, reason: str) -> Step:
    return Step(
        action=action,
        version=migration.version,
        name=migration.name,
        key=migration.version,
        file=migration.up.file,
        sql="",
        checksum=migration.up.checksum,
        checksum_sql=migration.up.checksum_sql,
        reason=reason,
    )


def step_without_file(action: Action, migration: MigrationId) -> Step:
    """A step that sends nothing from a file, about the row that has the version for its key."""
    version, name = migration
    return Step(action=action, version=version, name=name, key=version, file="", sql="", checksum="")


def rollback_step(row: AppliedMigration) -> Step:
    if row.kind is not Kind.APPLIED or not row.rollback_script:
        when = "applied" if row.kind is Kind.APPLIED else "recorded, as Signalbox did not run it"
        raise PlanBlocked(
            version=row.label,
            reason=f"it has no rollback: none was captured when it was {when}.",
            remedy="Write a new migration that undoes what it did, and apply that.",
        )
    return Step(
        action=Action.ROLLBACK,
        version=row.version,
        name=row.name,
        key=row.key,
        file="",
        sql=row.rollback_script,
        checksum=row.checksum,
    )


def _dynamic_warnings(target: Target, steps: Sequence[Step]) -> Iterator[PlanWarning]:
    """For steps that run SQL which is put together at run time."""
    for step in steps:
        lines = [c.line for c in dynamic.commands_in(step.sql) if not c.is_defined_only] if step.sql else []
        if lines:
            more = f" and {len(lines) - 1} more" if len(lines) > 1 else ""
            yield PlanWarning(
                code=DYNAMIC,
                version=step.version,
                sentence=f"{step.label} puts SQL together while it runs (line {lines[0]}{more}). What that SQL does "
                "cannot be judged beforehand, by no forecast, no lint and no rehearsal.",
                needs_acceptance=target.policy.protected,
            )
