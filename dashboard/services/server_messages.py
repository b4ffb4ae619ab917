"""What a target's server said of a run, and erasing it.

Messages quote values: of people who may ask that their data be erased. They stand in the rows of a run and nowhere
else on the control database; the audit log never holds them, so its chain does not break when they go.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from dashboard.models import Run, RunStatement, RunStep
from dashboard.models.failures import without_values
from dashboard.services import audit, permissions, policies
from dashboard.services.actors import SIGNALBOX, Actor

#: Runs that one job cleans.
_AT_ONCE = 200
ERASED = "What the server said was erased."


@transaction.atomic
def erase(run_id: int, *, by: Actor, reason: str) -> Run:
    """Take the server's words out of everything that is kept of an ended run: how it failed, notices, reasons of a
    retry, sessions it waited for. What it ran and what became of it stays.

    Raises PermissionRefused, RunNotEnded, ReasonMissing.
    """
    permissions.check_can_erase(by)
    run = Run.objects.select_for_update(of=("self",)).get(pk=run_id)
    policies.check_messages_can_be_erased(run)
    _take_out(run, by=by, reason=policies.check_reason(reason, "erase what a server said"))
    return run


def erase_old() -> int:
    """The same for runs that ended longer ago than the settings want such words kept: how many. 0 days are for ever."""
    if not settings.SERVER_MESSAGES_DAYS:
        return 0
    oldest = timezone.now() - timedelta(days=settings.SERVER_MESSAGES_DAYS)
    old = Run.objects.filter(finished_at__lt=oldest).exclude(status__in=Run.ACTIVE)
    due = old.filter(_is_quoted()).order_by("pk").values_list("pk", flat=True)
    return sum(_erase_if_old(pk) for pk in list(due[:_AT_ONCE]))


def _is_quoted() -> Q:
    """Whether a run still holds words of a server."""
    steps = RunStep.objects.exclude(retry_reason__in=["", ERASED]) | RunStep.objects.exclude(blockers=[])
    statements = RunStatement.objects.exclude(notices=[])
    failed = Q(failure__isnull=False) & ~Q(failure__sentence=ERASED)
    return failed | Q(pk__in=steps.values("run")) | Q(pk__in=statements.values("step__run"))


@transaction.atomic
def _erase_if_old(pk: int) -> bool:
    run = Run.objects.select_for_update(of=("self",), skip_locked=True).filter(pk=pk).first()
    if run is None or run.is_active:
        return False
    _take_out(run, by=SIGNALBOX, reason=f"It ended more than {settings.SERVER_MESSAGES_DAYS} days ago.")
    return True


def _take_out(run: Run, *, by: Actor, reason: str) -> None:
    if run.failure:
        run.failure = _erased(run.failure)
        run.save(update_fields=["failure"])
    RunStatement.objects.filter(step__run=run).exclude(notices=[]).update(notices=[])
    run.steps.exclude(retry_reason="").update(retry_reason=ERASED)
    run.steps.exclude(blockers=[]).update(blockers=[])
    audit.record(audit.Event.RUN_MESSAGES_ERASED, by=by, environment=run.environment, run=run, reason=reason)


def _erased(failure: dict[str, Any]) -> dict[str, Any]:
    bare = without_values(failure)
    unresolved = {"unresolved": _erased(failure["unresolved"])} if "unresolved" in failure else {}
    return {"sentence": ERASED, **bare, **unresolved}
