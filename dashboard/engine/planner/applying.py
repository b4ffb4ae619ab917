"""Plans that apply what is pending, and why they end before an obstacle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboard.engine import status
from dashboard.engine.errors import NoSuchMigration, NothingToDo, PlanBlocked
from dashboard.engine.imports import due
from dashboard.engine.migration import NO_ROLLBACK, Direction, Folder, UnreadFile, version_key
from dashboard.engine.plan import NOT_IMPORTED, Action, OutOfOrder, Plan, PlanWarning, Target
from dashboard.engine.planner.building import apply_steps, plan_of
from dashboard.engine.planner.dependencies import AppliedVersions
from dashboard.engine.planner.obstacles import modified, not_read, refuse_unfinished
from dashboard.engine.status import MigrationStatus, State


def apply(target: Target, folder: Folder, *, upto: str | None = None) -> Plan:
    """Apply what is pending, in order, up to and including version `upto` (all of it without).

    Raises NothingToDo, or PlanBlocked when something stands before the first step (or before `upto`).
    Without `upto` the plan stops before the first obstacle and says so in `stops_before`.
    """
    refuse_unfinished(target.history)
    statuses = status.compute(folder, target.history)
    _refuse_modified(statuses)
    pending = [s for s in statuses if s.state.is_pending or s.state is State.CONFLICT]
    unread = folder.unread
    if upto is not None:
        _require(upto, statuses, target.name)
        pending = [s for s in pending if version_key(s.version) <= version_key(upto)]
        unread = [u for u in unread if u.is_before(upto)]
    if not pending and not unread:
        raise NothingToDo(environment=target.name, reason=_why_nothing_is_left(folder, upto))
    runnable, obstacle = _until_obstacle(pending, statuses, unread, target.policy.out_of_order)
    if obstacle and (upto is not None or not runnable):
        raise obstacle
    return plan_of(
        target,
        Action.APPLY,
        apply_steps([s.migration for s in runnable if s.migration], target.history),
        warnings=[
            *_of_other_histories(folder, target),
            *_apply_warnings(runnable, statuses, target.policy.out_of_order),
        ],
        stops_before=_why_it_stops(obstacle, pending[len(runnable) :]) if obstacle else "",
        commit=folder.commit,
    )


def _refuse_modified(statuses: Sequence[MigrationStatus]) -> None:
    for item in statuses:
        if item.state is State.MODIFIED:
            raise modified(item)


def _require(version: str, statuses: Sequence[MigrationStatus], environment: str) -> None:
    if not any(s.version == version for s in statuses):
        raise NoSuchMigration(environment=environment, version=version)


def _why_nothing_is_left(folder: Folder, upto: str | None) -> str:
    """Only where every file was read."""
    if upto is not None:
        return f"every migration up to {upto} is settled there"
    return "every migration in the folder is settled there" if folder.migrations else "the folder holds no migration"


#: Of what a plan does not reach, so many are named.
_NAMED = 5


def _why_it_stops(obstacle: PlanBlocked, left: Sequence[MigrationStatus]) -> str:
    """The obstacle, what to do about it, and which migrations wait behind it."""
    behind = [item.label for item in left if item.label != obstacle.facts["version"]]
    more = f" and {len(behind) - _NAMED} more" if len(behind) > _NAMED else ""
    waiting = f" Not reached: {', '.join(behind[:_NAMED])}{more}." if behind else ""
    return f"{obstacle} {obstacle.remedy}{waiting}"


def _until_obstacle(
    pending: Sequence[MigrationStatus],
    statuses: Sequence[MigrationStatus],
    unread: Sequence[UnreadFile],
    order: OutOfOrder,
) -> tuple[list[MigrationStatus], PlanBlocked | None]:
    """What can run, and what stands behind it: a migration, or a file that may be one and that nobody can read."""
    applied = AppliedVersions(statuses)
    runnable: list[MigrationStatus] = []
    first_unread = unread[0] if unread else None
    for item in pending:
        if first_unread and first_unread.is_before(item.version):
            break
        if obstacle := _obstacle(item, applied, order):
            return runnable, obstacle
        runnable.append(item)
        applied.add(item)
    return runnable, not_read(first_unread) if first_unread else None


def _obstacle(item: MigrationStatus, applied: AppliedVersions, order: OutOfOrder) -> PlanBlocked | None:
    if item.state is State.CONFLICT:
        return PlanBlocked(version=item.label, reason=item.sentence, remedy="Rename it, or skip it with a reason.")
    assert item.migration is not None, "only a row without a file has no migration, and that is not pending"
    if errors := item.migration.errors(Direction.UP):
        where = f" (line {errors[0].line})" if errors[0].line else ""
        return PlanBlocked(version=item.label, reason=f"{errors[0].sentence}{where}", remedy=errors[0].advice)
    if item.state is State.OUT_OF_ORDER and order is OutOfOrder.REFUSE:
        return PlanBlocked(
            version=item.label,
            reason="a later migration is applied, and this environment takes nothing out of order.",
            remedy=f"{item.renaming} Or skip it with a reason, or let the environment take it: `out_of_order`.".strip(),
        )
    return applied.obstacle(item.migration)


def _of_other_histories(folder: Folder, target: Target) -> Iterator[PlanWarning]:
    """Another tool may have run these very files: then to run them again fails, or does harm."""
    if others := due.histories(folder, target.history):
        tools = " and ".join(other.label for other in others)
        sentence = (
            f"A history of {tools} in this database knows files of this folder that are not recorded here: this plan "
            "would run again what has run. Import that history first. Accept this only where it is wrong, and these "
            "files were not applied here."
        )
        yield PlanWarning(code=NOT_IMPORTED, version="", sentence=sentence, needs_acceptance=True)


def _apply_warnings(
    runnable: Sequence[MigrationStatus], statuses: Sequence[MigrationStatus], order: OutOfOrder
) -> list[PlanWarning]:
    warnings = [
        PlanWarning(
            code=State.MISSING.value,
            version=s.version,
            needs_acceptance=True,
            sentence=f"{s.label} is recorded as applied, but the folder has no such file: "
            "this plan may come from an older checkout.",
        )
        for s in statuses
        if s.state is State.MISSING and s.applied and s.applied.success
    ]
    warnings += [
        PlanWarning(code=s.state.value, version=s.version, needs_acceptance=True, sentence=s.sentence)
        for s in statuses
        if s.state is State.ALTERED
    ]
    for item in runnable:
        if item.state is State.OUT_OF_ORDER:
            late = f"{item.version} would run out of order: a later version is already applied."
            sentence = f"{late} {item.renaming}".strip()
            code = item.state.value
            asks = order is OutOfOrder.ASK
            warnings.append(PlanWarning(code=code, version=item.version, sentence=sentence, needs_acceptance=asks))
        if item.state is State.UNRECORDED:
            sentence = f"{item.sentence} This plan runs it a second time."
            code = item.state.value
            warnings.append(PlanWarning(code=code, version=item.version, sentence=sentence, needs_acceptance=True))
        if item.migration and not item.migration.up.statements:
            sentence = f"{item.label} holds no statement: it is recorded as applied, and nothing is run."
            warnings.append(
                PlanWarning(code="no_statement", version=item.version, sentence=sentence, needs_acceptance=False)
            )
        elif item.migration and not item.migration.usable_down:
            sentence = _without_rollback(item)
            warnings.append(
                PlanWarning(code=NO_ROLLBACK, version=item.version, sentence=sentence, needs_acceptance=False)
            )
    return warnings


def _without_rollback(item: MigrationStatus) -> str:
    if item.is_repeatable:
        return (
            f"{item.label} is repeatable and has no rollback: to go back, restore the text that it had, and it runs "
            "again."
        )
    return f"{item.version} has no usable rollback: once applied it can only be undone by a new migration."
