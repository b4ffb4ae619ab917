"""Plans that take back: a rollback of what is applied, and saved rows that come back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from dashboard.engine.errors import NothingToDo, PlanBlocked, SqlSyntaxError
from dashboard.engine.migration import (
    AppliedMigration,
    Folder,
    History,
    Kind,
    LoggedSuccess,
    MigrationId,
    VersionKey,
    version_key,
)
from dashboard.engine.plan import STAYS, UNPROVEN, Action, Copy, Plan, PlanWarning, Record, RollbackReach, Step, Target
from dashboard.engine.planner.building import plan_of, rollback_step, step_without_file
from dashboard.engine.planner.dependencies import refuse_needed
from dashboard.engine.planner.obstacles import refuse_unfinished
from dashboard.engine.sql.statements import Statement, tree
from dashboard.engine.sql.transaction import TransactionMode, TransactionShape, shape_of


def rollback(target: Target, *, downto: MigrationId, folder: Folder | None = None) -> Plan:
    """Roll back this migration and everything applied after it, newest first, from the captured scripts.

    Repeatable migrations stay as they are: they have no rollback. Raises PlanBlocked where one of the others has none
    that was captured, where the row of a later one is gone, and where something that stays depends on one;
    NothingToDo where it is not applied. `target.history` must carry the scripts; where it has none of a migration, its
    file in `folder` says on what it depends.
    """
    refuse_unfinished(target.history)
    first = target.history.row(downto)
    if first is not None and first.is_repeatable:
        raise PlanBlocked(
            version=first.label,
            reason="it is repeatable, and has no rollback.",
            remedy="Restore the text that its file had before: it runs again with the next apply.",
        )
    if first is None or not first.success or first.kind is Kind.SKIPPED:
        raise NothingToDo(environment=target.name, reason=f"{downto.label} is not applied there")
    if first.kind is Kind.BASELINE:
        rollback_step(first)
    _refuse_gone_above(first, target.history)
    rows = [r for r in _newest_first(target.history.rows) if _order(r) >= _order(first)]
    rows = [row for row in rows if not _stays(row) and not _is_beneath(row, first)]
    steps = [rollback_step(row) for row in rows]
    refuse_needed(rows, target.history, folder)
    warnings = [*_unproven(steps), *_staying(target.history)]
    return plan_of(target, Action.ROLLBACK, steps, warnings=warnings)


def rollback_reach(history: History) -> RollbackReach:
    """How far `rollback` goes, without the scripts; nowhere while something is unfinished."""
    within: list[AppliedMigration] = []
    baseline: AppliedMigration | None = None  # the highest so far
    for row in () if history.unfinished else _newest_first(history.rows):
        if _stays(row):
            continue
        if row.kind is Kind.BASELINE:
            baseline = max(filter(None, (baseline, row)), key=lambda each: version_key(each.version))
            continue
        if baseline and not _is_beneath(baseline, row):
            return RollbackReach(within=tuple(within), end=baseline)
        gone = _gone_above(row, history)
        if gone or row.kind is not Kind.APPLIED or not row.has_rollback:
            return RollbackReach(within=tuple(within), end=row, gone=gone)
        within.append(row)
    return RollbackReach(within=tuple(within), end=baseline)


def inverse(plan: Plan) -> Plan | None:
    """The rollback of exactly this apply plan, as it will be once the plan has run.

    None where a step has no rollback. Its digest can be approved together with the plan, because nothing in it
    is unknown beforehand: should anything else touch the history in between, the digests differ.
    """
    taken_back = [step for step in plan.steps if not step.is_repeatable]
    if not plan.action.can_be_rolled_back or not taken_back or any(not step.down_sql for step in taken_back):
        return None
    applied = {s.identity: Record(s.version, s.name, s.checksum, s.kind.value) for s in plan.steps}
    basis = tuple(sorted([*(record for record in plan.basis if record.identity not in applied), *applied.values()]))
    steps = tuple(
        replace(s, action=Action.ROLLBACK, sql=s.down_sql or "", file="", checksum_sql="", down_sql=None, copies=())
        for s in reversed(taken_back)
    )
    return replace(
        plan,
        action=Action.ROLLBACK,
        basis=basis,
        steps=steps,
        warnings=tuple(_unproven(steps)),
        stops_before="",
        last_deeds=(),
    )


def is_newest_part(rollback: Plan, whole: Plan) -> bool:
    """Whether `rollback` is a part of what `whole` rolls back: its newest migrations that are still applied, and
    nothing out of order."""
    steps = [step.identity for step in whole.steps]
    if not rollback.steps or rollback.steps[0].identity not in steps:
        return False
    first = steps.index(rollback.steps[0].identity)
    newer = set(steps[:first])
    basis = tuple(record for record in whole.basis if record.identity not in newer)
    part = replace(whole, basis=basis, steps=whole.steps[first : first + len(rollback.steps)])
    return part.digest == rollback.without_saving().digest


def bring_back(target: Target, migration: MigrationId, *, copies: Sequence[Copy]) -> Plan:
    """Put back what was saved before this migration, or its rollback, destroyed it."""
    refuse_unfinished(target.history)
    step = step_without_file(Action.BRING_BACK, migration)
    return plan_of(target, Action.BRING_BACK, [replace(step, copies=(*copies,))])


def _refuse_gone_above(first: AppliedMigration, history: History) -> None:
    if gone := _gone_above(first, history):
        raise PlanBlocked(
            version=gone.label,
            reason=f"the log of this database says that it was applied after {first.label}, and its row in the "
            "history is gone, so its rollback would be left out.",
            remedy="An administrator restores its record first; then it is rolled back too.",
        )


def _gone_above(first: AppliedMigration, history: History) -> LoggedSuccess | None:
    """A migration that was applied later depends on it, also where somebody deleted its row."""
    for gone in history.contradicted:
        row = history.row(gone.identity)
        stands = not gone.was_skipped and not (row is not None and row.success)
        if stands and first.applied_at and gone.at and gone.at >= first.applied_at:
            return gone
    return None


def _stays(row: AppliedMigration) -> bool:
    """A rollback leaves it as it is."""
    return row.kind is Kind.SKIPPED or row.is_repeatable


def _is_beneath(row: AppliedMigration, first: AppliedMigration) -> bool:
    """A baseline does not tell when it came to be: it lies beneath whatever has a higher number."""
    return row.kind is Kind.BASELINE and version_key(row.version) < version_key(first.version)


def _staying(history: History) -> list[PlanWarning]:
    return [
        PlanWarning(
            code=STAYS,
            version=row.version,
            sentence=f"{row.label} is repeatable and stays as it is, also where it uses what is rolled back. If it has "
            "to change too, change its file: it runs again with the next apply.",
            needs_acceptance=False,
        )
        for row in sorted(history.rows, key=lambda row: row.identity.key)
        if row.success and row.is_repeatable and row.kind is not Kind.SKIPPED
    ]


def _unproven(steps: Sequence[Step]) -> Iterator[PlanWarning]:
    """One for all that a failure would undo, one for all whose failure leaves something."""
    shapes = {step.identity: _shape(step.sql) for step in steps}
    for mode in TransactionMode:
        of_mode = [step for step in steps if shapes[step.identity].mode is mode]
        if of_mode:
            yield _unproven_together(of_mode, [shapes[step.identity] for step in of_mode])


def _unproven_together(steps: Sequence[Step], shapes: Sequence[TransactionShape]) -> PlanWarning:
    versions = [step.version for step in steps]
    alone = len(steps) == 1
    which = f"rollback of {versions[0]} has" if alone else f"rollbacks of {_named(versions)} have"
    if shapes[0].mode is TransactionMode.SINGLE:
        how = "It runs" if alone else "Each runs"
        failure = f"{how} in one transaction, so if {'it' if alone else 'one'} fails nothing of it remains."
    else:
        failure = f"Each statement is committed by itself, so if one fails, those before it stay.{_once_only(shapes)}"
    return PlanWarning(
        code=UNPROVEN,
        version=",".join(versions),
        sentence=f"The {which} not been proven by a rehearsal. {failure} "
        f"Whether {'it undoes' if alone else 'they undo'} everything is not known.",
        needs_acceptance=True,
    )


_NAMED = 5


def _named(versions: Sequence[str]) -> str:
    if len(versions) > _NAMED:
        return f"{', '.join(versions[:_NAMED])} and {len(versions) - _NAMED} more"
    return f"{', '.join(versions[:-1])} and {versions[-1]}"


def _once_only(shapes: Sequence[TransactionShape]) -> str:
    """What a second attempt would stumble over."""
    drops = [s for shape in shapes for s in shape.sent if s.node == "drop_stmt" and not _may_be_gone(s)]
    if not drops:
        return ""
    return f" {drops[0].summary} says no IF EXISTS: where that is gone already, it fails, also when it is run again."


def _may_be_gone(drop: Statement) -> bool:
    parsed = tree(drop)
    return parsed is None or bool(parsed.missing_ok)


def _shape(sql: str) -> TransactionShape:
    """Captured long ago, perhaps by another tool, a script may not parse; then it is refused before it begins."""
    try:
        return shape_of(sql)
    except SqlSyntaxError:
        return TransactionShape(mode=TransactionMode.SINGLE, sent=())


def _order(row: AppliedMigration) -> tuple[float, VersionKey]:
    return (row.applied_at.timestamp() if row.applied_at else 0.0, version_key(row.version))


def _newest_first(rows: Iterable[AppliedMigration]) -> list[AppliedMigration]:
    return sorted((r for r in rows if r.success), key=_order, reverse=True)
