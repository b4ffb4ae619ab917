"""An approved request that a worker starts at a time. Everything is asked again then, as if the person pressed the
button at that moment."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from dashboard.engine.errors import EngineError
from dashboard.local import gates
from dashboard.models import ChangeRequest, Run, environments
from dashboard.services import actors, approvals, audit, forecasts, installations, permissions, policies, runs
from dashboard.services.actors import SIGNALBOX, Actor
from dashboard.services.errors import AlreadyDecided, EnvironmentOccupied, StartTimeRefused
from dashboard.services.forecasts import NO_WORD, Confirmation

logger = logging.getLogger(__name__)

#: How late a start may be, where no worker was up or another run was under way; then it does not take place.
LATE = timedelta(minutes=15)


@transaction.atomic
def schedule(
    request_id: int, *, by: Actor, at: datetime, typed_name: str = "", confirmation: Confirmation = NO_WORD
) -> ChangeRequest:
    """Raises StartTimeRefused, NotNow, and what starting it would."""
    installations.check_may_run()
    request = ChangeRequest.objects.select_for_update(of=("self",)).get(pk=request_id)
    environment = environments.get(request.environment)
    permissions.check_can_start(by, request.plan.action)
    policies.check_name_typed(environment, typed_name)
    policies.check_is_approved(request)
    approvals.check_still_approved(request, request.plan)
    forecasts.check_confirmed(request.plan, environment, confirmation)
    _check_moment(request, at)
    gates.check_time(environment, at)
    request.start_at, request.scheduled_by, request.not_started_because = at, by.person, ""
    request.scheduled_word = confirmation.typed.strip()[:32]
    request.save(update_fields=["start_at", "scheduled_by", "scheduled_word", "not_started_because"])
    audit.record(
        audit.Event.REQUEST_SCHEDULED, by=by, environment=request.environment, request=request, start_at=at.isoformat()
    )
    return request


@transaction.atomic
def cancel(request_id: int, *, by: Actor) -> ChangeRequest:
    request = ChangeRequest.objects.select_for_update(of=("self",)).get(pk=request_id)
    permissions.check_can_run(by)
    if request.start_at is None:
        raise AlreadyDecided(subject=f"Request {request.pk}", status="not scheduled")
    _forget(request)
    audit.record(audit.Event.REQUEST_UNSCHEDULED, by=by, environment=request.environment, request=request)
    return request


def start_due() -> int:
    """Start what is due. One that is refused says why on its page and in the log, and stays approved. In a copy of the
    control database nothing is due that its original has to start."""
    installations.current()
    due = ChangeRequest.objects.filter(start_at__lte=Now(), status=ChangeRequest.Status.APPROVED)
    return sum(_start(pk) for pk in due.values_list("pk", flat=True))


def _start(pk: int) -> bool:
    """False where it was not started: refused, or taken by another worker just now."""
    with transaction.atomic():
        request = (
            ChangeRequest.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("scheduled_by")
            .filter(pk=pk, status=ChangeRequest.Status.APPROVED, start_at__lte=Now())
            .first()
        )
        if request is None:
            return False
        try:
            with transaction.atomic():
                _start_now(request)
        except EngineError as error:
            _note(request, error)
            return False
        _forget(request)
    return True


def _start_now(request: ChangeRequest) -> Run:
    assert request.scheduled_by is not None, "a constraint says so"
    environment = environments.get(request.environment)
    if request.start_at and request.start_at + LATE < timezone.now():
        late = f"No worker started it at its time, or within {LATE.seconds // 60} minutes of it."
        raise StartTimeRefused(reason=late, remedy="Run it now, or choose another time.")
    return runs.start_approved(
        request,
        by=actors.person(request.scheduled_by),
        typed_name=environment.slug,
        confirmation=Confirmation(typed=request.scheduled_word, shown=request.scheduled_word),
    )


def _note(request: ChangeRequest, error: EngineError) -> None:
    assert request.start_at is not None, "it was due"
    if isinstance(error, EnvironmentOccupied) and timezone.now() < request.start_at + LATE:
        return  # it is tried again in some seconds
    logger.warning("Request %s was not started at its time: %s", request.pk, error)
    request.not_started_because = f"{error} {error.next_step}".strip()
    scheduled_by = request.scheduled_by.get_username() if request.scheduled_by else ""
    _forget(request)
    audit.record(
        audit.Event.REQUEST_NOT_STARTED,
        by=SIGNALBOX,
        environment=request.environment,
        request=request,
        because=request.not_started_because,
        scheduled_by=scheduled_by,
    )


def _forget(request: ChangeRequest) -> None:
    request.start_at = request.scheduled_by = None
    request.scheduled_word = ""
    request.save(update_fields=["start_at", "scheduled_by", "scheduled_word", "not_started_because"])


def _check_moment(request: ChangeRequest, at: datetime) -> None:
    if at <= timezone.now():
        raise StartTimeRefused(reason="That moment has passed.", remedy="Choose a later one, or run it now.")
    if at >= request.expires_at:
        until = f"{request.expires_at:%Y-%m-%d %H:%M} UTC"
        raise StartTimeRefused(
            reason=f"The approval expires before, at {until}.",
            remedy="Choose an earlier moment, or ask anew nearer to it.",
        )
