"""What a worker does, at once and in this process."""

from __future__ import annotations

from dashboard.models import Run
from dashboard.services import execution


def execute_newest() -> Run:
    """The run that was started last, as it ended."""
    run = Run.objects.latest("id")
    execution.execute(run.pk)
    run.refresh_from_db()
    return run
