"""Where the same bytes have failed: what an approver has to know before anything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Action, Plan, Step
from dashboard.models import Run, RunStep
from dashboard.models.failures import Failure

FAILED = frozenset({RunStep.Status.FAILED, RunStep.Status.PARTIAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedElsewhere:
    """The last attempt at this migration in another environment, which failed on the very same text."""

    label: str
    environment: str
    run: int
    at: datetime
    sentence: str  # what the server said


def failures(plan: Plan) -> tuple[FailedElsewhere, ...]:
    """Each environment whose last attempt at the same text of a migration that a plan applies failed."""
    steps = {step.identity: step for step in plan.steps if step.action is Action.APPLY}
    if not steps:
        return ()
    attempts = (
        RunStep.objects.filter(version__in={identity.version for identity in steps}, action=Action.APPLY)
        .filter(status__in=[*FAILED, RunStep.Status.COMMITTED])
        .exclude(run__environment=plan.environment)
        .select_related("run")
        .defer("run__frozen_plan")  # it holds every step, and would come with each of them
        .order_by("-run_id")
    )
    return tuple(_failed(steps, list(attempts)))


def _failed(steps: Mapping[MigrationId, Step], attempts: Sequence[RunStep]) -> Iterator[FailedElsewhere]:
    judged: set[tuple[str, MigrationId]] = set()
    for attempt in attempts:
        key = (attempt.run.environment, attempt.identity)
        step = steps.get(attempt.identity)
        if step is None or key in judged:
            continue
        judged.add(key)
        if attempt.status in FAILED and attempt.run.plan.steps[attempt.position].checksum == step.checksum:
            yield _of(attempt, attempt.run, step)


def _of(attempt: RunStep, run: Run, step: Step) -> FailedElsewhere:
    return FailedElsewhere(
        label=step.label,
        environment=run.environment,
        run=run.pk,
        at=attempt.finished_at or run.queued_at,
        sentence=Failure.from_dict(run.failure or {}).sentence,
    )
