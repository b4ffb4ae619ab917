"""Is there a worker? Its heartbeat is procrastinate's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateWorker

from dashboard.models import Run

#: procrastinate beats every 10 seconds; three missed beats are a dead worker.
SILENCE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerState:
    alive: bool
    seen_at: datetime | None


def busy_with(run: Run) -> tuple[Run, ...]:
    """The runs that workers have taken, which may hold the places that this run waits for."""
    if run.status != Run.Status.QUEUED:
        return ()
    taken = Run.objects.filter(status=Run.Status.RUNNING).exclude(pk=run.pk)  # it may have been taken meanwhile
    return tuple(taken.defer("frozen_plan").order_by("id"))


def state() -> WorkerState:
    seen_at = ProcrastinateWorker.objects.order_by("-last_heartbeat").values_list("last_heartbeat", flat=True).first()
    return WorkerState(alive=seen_at is not None and timezone.now() - seen_at < SILENCE, seen_at=seen_at)
