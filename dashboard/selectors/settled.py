"""What has become since of the migrations that a run did not bring to its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from dashboard.engine.migration import AppliedMigration, Kind, MigrationId
from dashboard.engine.plan import Action
from dashboard.models import Run, RunStep, environments
from dashboard.selectors import observations

#: After one of these, nothing that an earlier run left of a migration is open any more.
_SETTLES = (
    *(Action.APPLY, Action.MARK_APPLIED, Action.BASELINE),
    *(Action.ROLLBACK, Action.SKIP, Action.UNSKIP, Action.RESET),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The last thing that was done with a migration after the run. `run` is None where only the history of the target
    tells of it; then `by` is whoever it names."""

    migration: MigrationId
    action: Action
    run: int | None
    at: datetime
    by: str = ""


def since(run: Run, steps: Sequence[RunStep]) -> tuple[Settled, ...]:
    """What settled each step that is not committed, in their order; nothing while the run itself is under way."""
    left = [step.identity for step in steps if step.status != RunStep.Status.COMMITTED]
    if run.is_active or not left:
        return ()
    by_run = _by_later_runs(run, left)
    unknown = [migration for migration in left if migration not in by_run]
    settled = {**_by_others(run, unknown), **by_run} if run.action == Action.APPLY and unknown else by_run
    return tuple(settled[migration] for migration in left if migration in settled)


def _by_later_runs(run: Run, left: Iterable[MigrationId]) -> Mapping[MigrationId, Settled]:
    later = (
        RunStep.objects.filter(Q(action__in=_SETTLES) | Q(action=run.action))
        .filter(run__environment=run.environment, run_id__gt=run.pk, status=RunStep.Status.COMMITTED)
        .filter(version__in={migration.version for migration in left})
        .select_related("run")
        .defer("run__frozen_plan")
        .order_by("run_id", "position")
    )
    return {step.identity: _of_step(step) for step in later}


def _of_step(step: RunStep) -> Settled:
    at = step.finished_at or step.run.queued_at
    return Settled(migration=step.identity, action=Action(step.action), run=step.run_id, at=at)


def _by_others(run: Run, left: Iterable[MigrationId]) -> Mapping[MigrationId, Settled]:
    """What the last look at the target found recorded there by somebody else after the run."""
    look = observations.looks([environments.get_even_former(run.environment)]).get(run.environment)
    ended = run.finished_at or run.queued_at
    wanted = frozenset(left)
    rows = look.history.rows if look and look.history else ()
    return {
        row.identity: _of_row(row, row.applied_at)
        for row in rows
        if row.identity in wanted and row.success and row.applied_at and row.applied_at > ended
    }


def _of_row(row: AppliedMigration, at: datetime) -> Settled:
    action = Action.SKIP if row.kind is Kind.SKIPPED else Action.APPLY
    return Settled(migration=row.identity, action=action, run=None, at=at, by=row.applied_by)
