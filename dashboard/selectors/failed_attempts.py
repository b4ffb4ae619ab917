"""Where the same bytes have failed: what whoever lets them run has to know before anything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Plan, Step
from dashboard.models import Run, RunStep
from dashboard.models.failures import Failure

FAILED = frozenset({RunStep.Status.FAILED, RunStep.Status.PARTIAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAttempt:
    """The last attempt at this migration in an environment, which failed on the very same text."""

    label: str
    environment: str
    run: int
    at: datetime
    sentence: str  # what the server said


def of_plan(plan: Plan) -> tuple[FailedAttempt, ...]:
    """Each environment whose last attempt at a migration of the plan, with the same text and in the same direction,
    failed. That of the plan comes first."""
    if not plan.action.runs_migrations:
        return ()
    steps = {step.identity: step for step in plan.steps}
    attempts = (
        RunStep.objects.filter(version__in={identity.version for identity in steps}, action=plan.action)
        .filter(status__in=[*FAILED, RunStep.Status.COMMITTED])
        .select_related("run")
        .defer("run__frozen_plan")  # it holds every step, and would come with each of them
        .order_by("-run_id")
    )
    failed = _failed(steps, list(attempts))
    return tuple(sorted(failed, key=lambda attempt: attempt.environment != plan.environment))


def _failed(steps: Mapping[MigrationId, Step], attempts: Sequence[RunStep]) -> Iterator[FailedAttempt]:
    judged: set[tuple[str, MigrationId]] = set()
    for attempt in attempts:
        key = (attempt.run.environment, attempt.identity)
        step = steps.get(attempt.identity)
        if step is None or key in judged:
            continue
        judged.add(key)
        if attempt.status in FAILED and attempt.run.plan.steps[attempt.position].sql == step.sql:
            yield _of(attempt, attempt.run, step)


def _of(attempt: RunStep, run: Run, step: Step) -> FailedAttempt:
    return FailedAttempt(
        label=step.label,
        environment=run.environment,
        run=run.pk,
        at=attempt.finished_at or run.queued_at,
        sentence=Failure.from_dict(run.failure or {}).sentence,
    )
