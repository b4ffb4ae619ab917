"""A start at a time: everything is asked again then, in the name of who scheduled it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from dashboard.engine.errors import NotNow
from dashboard.models import AuditEvent, ChangeRequest, Run
from dashboard.services import approvals, forecasts, runs, schedules
from dashboard.services.audit import Event
from dashboard.services.errors import AlreadyDecided, NameNotTyped, RowsNotTyped, StartTimeRefused
from dashboard.services.forecasts import Confirmation
from tests.fix_project import FROZEN, ChangeProduction, Project
from tests.services.workflow import approved_request, execute, open_request, tables

if TYPE_CHECKING:
    from dashboard.services.actors import Actor

pytestmark = pytest.mark.django_db(transaction=True)


def schedule(request: ChangeRequest, by: Actor, **changes: Any) -> ChangeRequest:
    sent = {"at": timezone.now() + timedelta(hours=1), "typed_name": "production", **changes}
    return schedules.schedule(request.pk, by=by, **sent)


def fall_due(request: ChangeRequest, late: timedelta = timedelta(seconds=1)) -> None:
    ChangeRequest.objects.filter(pk=request.pk).update(start_at=timezone.now() - late)


def test_a_worker_starts_it_when_it_is_due_and_once(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = schedule(approved_request(two_files, alice, bob), alice)
    assert schedules.start_due() == 0
    fall_due(request)
    assert schedules.start_due() == 1
    assert schedules.start_due() == 0
    run = execute(Run.objects.get())
    request.refresh_from_db()
    assert (run.started_by.get_username(), run.status) == ("alice", Run.Status.SUCCEEDED)
    assert (request.status, request.start_at) == (ChangeRequest.Status.DONE, None)


def test_what_is_not_approved_cannot_be_scheduled(two_files: Project, alice: Actor) -> None:
    with pytest.raises(AlreadyDecided):
        schedule(open_request(two_files, alice), alice)


def test_the_name_is_typed_when_it_is_scheduled(two_files: Project, alice: Actor, bob: Actor) -> None:
    with pytest.raises(NameNotTyped):
        schedule(approved_request(two_files, alice, bob), alice, typed_name="staging")


@pytest.mark.parametrize("hours", [-1, 73], ids=["passed", "after the approval ends"])
def test_a_moment_that_makes_no_sense_is_refused(two_files: Project, alice: Actor, bob: Actor, hours: int) -> None:
    with pytest.raises(StartTimeRefused):
        schedule(approved_request(two_files, alice, bob), alice, at=timezone.now() + timedelta(hours=hours))


def test_a_moment_in_a_freeze_is_refused(
    two_files: Project, change_production: ChangeProduction, alice: Actor, bob: Actor
) -> None:
    request = approved_request(two_files, alice, bob)
    change_production(calendar=FROZEN)
    with pytest.raises(NotNow, match="Audit"):
        schedule(request, alice)


def refused_then(request: ChangeRequest) -> str:
    assert schedules.start_due() == 0
    request.refresh_from_db()
    assert not Run.objects.filter(request=request).exists()
    assert request.start_at is None
    assert AuditEvent.objects.filter(kind=Event.REQUEST_NOT_STARTED, request_id=request.pk).count() == 1
    return request.not_started_because


def test_the_clock_is_asked_again_when_it_is_due(
    two_files: Project, change_production: ChangeProduction, alice: Actor, bob: Actor
) -> None:
    request = schedule(approved_request(two_files, alice, bob), alice)
    fall_due(request)
    change_production(calendar=FROZEN)
    assert "Audit" in refused_then(request)
    assert request.status == ChangeRequest.Status.APPROVED


def test_the_people_are_asked_again_when_it_is_due(two_files: Project, alice: Actor, bob: Actor, carol: Actor) -> None:
    request = schedule(approved_request(two_files, alice, bob), carol)
    fall_due(request)
    carol.person.groups.clear()
    assert "role" in refused_then(request)


def test_an_approver_who_left_stops_it(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = schedule(approved_request(two_files, alice, bob), alice)
    fall_due(request)
    bob.person.groups.clear()
    assert "bob" in refused_then(request)


def test_it_is_not_made_up_for_long_after(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = schedule(approved_request(two_files, alice, bob), alice)
    fall_due(request, schedules.LATE + timedelta(minutes=1))
    assert "No worker started it" in refused_then(request)


def test_it_waits_for_another_run_a_while(two_files: Project, alice: Actor, bob: Actor) -> None:
    first, second = (approved_request(two_files, alice, bob) for _ in range(2))
    schedule(second, alice)
    fall_due(second)
    runs.start_approved(first, by=alice, typed_name="production")
    assert schedules.start_due() == 0
    second.refresh_from_db()
    assert second.start_at is not None


def test_it_can_be_taken_back(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = schedule(approved_request(two_files, alice, bob), alice)
    schedules.cancel(request.pk, by=alice)
    with pytest.raises(AlreadyDecided):
        schedules.cancel(request.pk, by=alice)
    assert schedules.start_due() == 0


def test_a_request_that_waits_again_for_people_is_not_started(
    two_files: Project, change_production: ChangeProduction, alice: Actor, bob: Actor
) -> None:
    request = schedule(approved_request(two_files, alice, bob), alice)
    change_production(approvals=2)
    approvals.reevaluate()
    request.refresh_from_db()
    assert (request.status, request.start_at) == (ChangeRequest.Status.OPEN, None)


def test_rows_that_came_since_are_destroyed_by_nobody_who_has_not_said_so(
    project: Project, alice: Actor, bob: Actor
) -> None:
    project.query(project.production, "CREATE TABLE users (id int)")
    project.write(_001_gone="DROP TABLE users;")
    request = approved_request(project, alice, bob)
    schedule(request, alice)
    fall_due(request)
    project.query(project.production, "INSERT INTO users VALUES (1)")
    assert "would be lost" in refused_then(request)
    assert "users" in tables(project, project.production)


def test_rows_that_were_typed_then_may_have_grown(project: Project, alice: Actor, bob: Actor) -> None:
    project.query(project.production, "CREATE TABLE users (id int); INSERT INTO users VALUES (1)")
    project.write(_001_gone="DROP TABLE users;")
    request = approved_request(project, alice, bob)
    with pytest.raises(RowsNotTyped):
        schedule(request, alice)
    counted = forecasts.of_plan(request.plan, project.production)
    schedule(request, alice, confirmation=Confirmation(forecast=counted, typed="1", shown="1"))
    project.query(project.production, "INSERT INTO users VALUES (2)")
    fall_due(request)
    assert schedules.start_due() == 1
