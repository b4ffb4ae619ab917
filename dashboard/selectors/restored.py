"""Did a rollback leave the schema as it was before the apply that it undid?

Told from the snapshots that are kept around each run. They hold what runs made, so drift is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from dashboard.engine.plan import Action
from dashboard.engine.schema import diff
from dashboard.engine.schema.diff import Change, Difference
from dashboard.engine.schema.objects import SchemaSnapshot as Schema
from dashboard.models import DriftCheck, Run, RunStep, Snapshot

#: A worker looks at the schema right after a run. Longer than this after it, it will not.
SOON = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """`applied` is the run that was undone; `since` the first migration of it."""

    applied: Run
    since: str
    differences: tuple[Difference, ...]


def compared(run: Run) -> Restored | None:
    """None where nothing can be compared: a run that does something else, one that was not the whole way back to a
    moment that was seen, or snapshots that no longer hold their schema."""
    after = Snapshot.objects.filter(run=run).first() if _rolled_back(run) else None
    oldest = run.steps.order_by("-position").first()
    undone = _applied(run, oldest) if after and oldest else None
    before = _before(undone.run) if undone else None
    if after is None or undone is None or before is None or not (after.schema and before.schema):
        return None
    differences = diff.compare(Schema.from_dict(before.schema), Schema.from_dict(after.schema))
    return Restored(
        applied=undone.run, since=undone.version, differences=tuple(d for d in differences if not _is_ours(d))
    )


def is_awaited(run: Run) -> bool:
    """It ended just now, and the look that follows it has not come yet."""
    if not _rolled_back(run) or run.finished_at is None or timezone.now() - run.finished_at > SOON:
        return False
    return not DriftCheck.objects.filter(environment=run.environment, at__gte=run.finished_at).exists()


def _rolled_back(run: Run) -> bool:
    return run.action == Action.ROLLBACK and run.status in {Run.Status.SUCCEEDED, Run.Status.RESOLVED}


def _applied(run: Run, oldest: RunStep) -> RunStep | None:
    """The step that applied it, if its run did nothing before it: only then the moment before was seen."""
    step = (
        RunStep.objects.filter(
            run__environment=run.environment,
            run__action=Action.APPLY,
            run_id__lt=run.pk,
            version=oldest.version,
            name=oldest.name,
            status=RunStep.Status.COMMITTED,
        )
        .select_related("run")
        .order_by("-run_id")
        .first()
    )
    if step is None or step.run.steps.filter(position__lt=step.position, status=RunStep.Status.COMMITTED).exists():
        return None
    return step


def _before(applied: Run) -> Snapshot | None:
    made = Snapshot.objects.filter(run=applied).first()
    if made is None:
        return None
    return Snapshot.objects.filter(environment=applied.environment, pk__lt=made.pk).order_by("-id").first()


def _is_ours(difference: Difference) -> bool:
    """The schema of the tracking tables came with the first run, and stays."""
    return difference.change is Change.ADDED and difference.key == f"schema {settings.TRACKING_SCHEMA}"
