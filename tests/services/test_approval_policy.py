"""How many have to approve, who, when and in which order: asked when a person decides, starts, and when it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from config import calendars
from config.calendars import Calendar
from config.roles import Role
from dashboard.engine.errors import NotNow
from dashboard.engine.migration import MigrationId
from dashboard.models import AuditEvent, ChangeRequest, Decision, Run
from dashboard.services import approvals, decisions, gates, observations, plans, runs
from dashboard.services.audit import Event
from dashboard.services.errors import (
    AlreadyDecided,
    ApprovalNeeded,
    ApprovalsMissing,
    ApproverGone,
    EnvironmentOccupied,
    NotNamed,
    OwnDecision,
    PermissionRefused,
    RequesterGone,
)
from tests.at_once import at_once
from tests.fix_project import FROZEN, ChangeProduction, Project, redeclare
from tests.services.workflow import approve, approved_request, execute, open_request, start_on_production, tables

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

    from dashboard.services.actors import Actor

pytestmark = pytest.mark.django_db(transaction=True)

Status = ChangeRequest.Status


@pytest.fixture
def approvers(make_user: Callable[..., User], acting: Callable[[User], Actor]) -> list[Actor]:
    return [acting(make_user(f"approver-{number}", "approver")) for number in range(8)]


# How many


def test_two_approvals_are_two_people(
    two_files: Project, change_production: ChangeProduction, alice: Actor, bob: Actor, carol: Actor
) -> None:
    change_production(approvals=2)
    request = approved_request(two_files, alice, bob)
    assert request.status == Status.OPEN
    with pytest.raises(AlreadyDecided):
        start_on_production(request, alice)
    with pytest.raises(OwnDecision):
        approve(request, bob)
    assert approve(request, carol).status == Status.APPROVED
    run = execute(start_on_production(request, alice))
    assert run.status == Run.Status.SUCCEEDED


def test_the_requester_is_none_of_them(
    two_files: Project, change_production: ChangeProduction, bob: Actor, carol: Actor
) -> None:
    change_production(approvals=2)
    request = approved_request(two_files, bob, carol)
    Decision.objects.create(
        request=request, verdict="approved", digest=request.digest, by=bob.person, at=timezone.now()
    )
    assert approvals.standing_of(request, change_production(approvals=2)).approvers == ("carol",)
    approvals.reevaluate()
    request.refresh_from_db()
    assert request.status == Status.OPEN


def test_who_approved_may_still_reject(
    two_files: Project, change_production: ChangeProduction, alice: Actor, bob: Actor
) -> None:
    change_production(approvals=2)
    request = approved_request(two_files, alice, bob)
    assert approvals.reject(request.pk, by=bob, digest=request.digest, reason="Seen too late").status == Status.REJECTED
    assert request.decisions.count() == 1


@pytest.mark.parametrize("needed", [1, 2, 3])
def test_of_many_who_approve_at_once_exactly_as_many_count_and_one_run_wins(
    two_files: Project, change_production: ChangeProduction, alice: Actor, approvers: list[Actor], needed: int
) -> None:
    change_production(approvals=needed)
    request = open_request(two_files, alice)
    sent = {"digest": request.digest, "reason": "", "typed_name": "production"}
    deeds = [partial(decisions.approve_and_start, request.pk, by=by, **sent) for by in approvers]
    counted = at_once(*deeds, too_late=(AlreadyDecided, EnvironmentOccupied))
    assert counted == needed == request.decisions.count()
    assert Run.objects.count() == 1
    assert execute(Run.objects.get()).status == Run.Status.SUCCEEDED


def test_an_approval_ages_from_when_the_oldest_of_them_was_given(
    two_files: Project, change_production: ChangeProduction, alice: Actor, bob: Actor, carol: Actor
) -> None:
    change_production(approvals=2, approval_hours=10)
    request = approved_request(two_files, alice, bob)
    request.decisions.update(at=timezone.now() - timedelta(hours=9))
    request = approve(request, carol)
    assert timedelta(0) < request.expires_at - timezone.now() < timedelta(hours=1, minutes=1)


# Who


def test_only_named_people_count(
    two_files: Project, change_production: ChangeProduction, alice: Actor, bob: Actor, carol: Actor
) -> None:
    change_production(approvers=("carol",))
    request = open_request(two_files, alice)
    with pytest.raises(NotNamed, match="carol"):
        approve(request, bob)
    assert approve(request, carol).status == Status.APPROVED


def test_a_named_person_needs_the_role_too(
    two_files: Project, change_production: ChangeProduction, alice: Actor, vera: Actor
) -> None:
    change_production(approvers=("vera",))
    with pytest.raises(PermissionRefused):
        approve(open_request(two_files, alice), vera)


def test_the_policy_may_ask_for_a_higher_role(
    two_files: Project, change_production: ChangeProduction, alice: Actor, bob: Actor, carol: Actor
) -> None:
    change_production(approver_role=Role.ADMIN)
    request = open_request(two_files, alice)
    with pytest.raises(PermissionRefused, match="approve for Production"):
        approve(request, bob)
    assert approve(request, carol).status == Status.APPROVED


# Risk


DROPS = "ALTER TABLE users DROP COLUMN IF EXISTS city;"


def with_a_column(project: Project) -> None:
    project.query(project.production, "CREATE TABLE users (id int, city text); INSERT INTO users VALUES (1, 'x')")
    project.write(_001_city=DROPS)


def test_what_destroys_something_needs_more_people(
    project: Project, change_production: ChangeProduction, alice: Actor, bob: Actor, carol: Actor
) -> None:
    change_production(approvals_with_loss=2)
    with_a_column(project)
    request = approved_request(project, alice, bob)
    assert (request.loses_data, request.status) == (True, Status.OPEN)
    assert approve(request, carol).status == Status.APPROVED


def test_what_destroys_nothing_does_not(
    two_files: Project, change_production: ChangeProduction, alice: Actor, bob: Actor
) -> None:
    change_production(approvals_with_loss=2)
    assert approved_request(two_files, alice, bob).status == Status.APPROVED


def test_a_policy_without_the_bar_stays_with_one(project: Project, alice: Actor, bob: Actor) -> None:
    with_a_column(project)
    assert approved_request(project, alice, bob).status == Status.APPROVED


def test_a_rollback_that_destroys_needs_more_people_than_the_apply_had(
    two_files: Project, change_production: ChangeProduction, alice: Actor, bob: Actor
) -> None:
    request = approved_request(two_files, alice, bob)
    execute(start_on_production(request, alice))
    production = change_production(approvals_with_loss=2)
    plan = plans.rollback(production, downto=MigrationId("001", "users"))
    assert approvals.live(plan) is None
    change_production(approvals_with_loss=1)
    assert approvals.live(plan) is not None


# When


def closed_now() -> Calendar:
    """Open for one hour, which begins in twelve."""
    start = datetime.now(UTC) + timedelta(hours=12)
    return Calendar(windows=(calendars.window(f"{start:%a %H:%M}-{start + timedelta(hours=1):%H:%M}"),))


def test_nothing_starts_outside_the_window(
    two_files: Project, change_production: ChangeProduction, alice: Actor, bob: Actor
) -> None:
    change_production(calendar=closed_now())
    request = approved_request(two_files, alice, bob)
    with pytest.raises(NotNow, match="outside the maintenance windows"):
        start_on_production(request, alice)
    assert not Run.objects.exists()


def test_a_freeze_holds_for_free_environments_too(two_files: Project, settings: SettingsWrapper, alice: Actor) -> None:
    staging = redeclare(settings, replace(two_files.staging, calendar=FROZEN))
    with pytest.raises(NotNow, match="Audit"):
        runs.start(plans.apply(staging), environment=staging, by=alice)


def test_the_worker_asks_the_clock_again_and_the_approval_is_not_spent(
    two_files: Project, change_production: ChangeProduction, alice: Actor, bob: Actor
) -> None:
    request = approved_request(two_files, alice, bob)
    run = start_on_production(request, alice)
    change_production(calendar=FROZEN)
    assert execute(run).failure["code"] == NotNow.code
    assert tables(two_files, two_files.production) == []
    change_production(calendar=calendars.ALWAYS_OPEN)
    request.refresh_from_db()
    assert execute(start_on_production(request, alice)).status == Run.Status.SUCCEEDED


# In which order


def apply_on_staging(project: Project, by: Actor) -> None:
    execute(runs.start(plans.apply(project.staging), environment=project.staging, by=by))
    observations.refresh(project.staging)


def test_production_waits_for_staging_with_the_same_bytes(
    two_files: Project, change_production: ChangeProduction, alice: Actor, bob: Actor
) -> None:
    change_production(after="staging")
    request = approved_request(two_files, alice, bob)
    with pytest.raises(NotNow, match="Staging has not applied the same bytes of 001_users, 002_orders"):
        start_on_production(request, alice)
    apply_on_staging(two_files, alice)
    assert execute(start_on_production(request, alice)).status == Run.Status.SUCCEEDED


def test_other_bytes_on_staging_do_not_count(
    two_files: Project, change_production: ChangeProduction, alice: Actor
) -> None:
    production = change_production(after="staging")
    apply_on_staging(two_files, alice)
    two_files.write(_002_orders="CREATE TABLE orders (id int); -- a comment")
    with pytest.raises(NotNow, match="of 002_orders"):
        gates.check(plans.apply(production), production)


def test_what_staging_never_gets_waits_for_nothing_there(
    two_files: Project, change_production: ChangeProduction, alice: Actor
) -> None:
    production = change_production(after="staging")
    two_files.write(_003_grants="-- signalbox: environments=production\nCREATE TABLE grants (id int);")
    with pytest.raises(NotNow, match=r"the same bytes of 001_users, 002_orders\."):
        gates.check(plans.apply(production), production)
    apply_on_staging(two_files, alice)
    gates.check(plans.apply(production), production)


def test_a_rollback_waits_for_no_other_environment(
    two_files: Project, change_production: ChangeProduction, alice: Actor, bob: Actor
) -> None:
    execute(start_on_production(approved_request(two_files, alice, bob), alice))
    production = change_production(after="staging")
    gates.check(plans.rollback(production, downto=MigrationId("001", "users")), production)


# What was changed meanwhile


def test_a_lost_role_after_queueing_stops_the_run_where_others_are_not_enough(
    two_files: Project, change_production: ChangeProduction, alice: Actor, bob: Actor, carol: Actor
) -> None:
    change_production(approvals=2)
    request = approve(approved_request(two_files, alice, bob), carol)
    run = start_on_production(request, alice)
    carol.person.groups.clear()
    assert execute(run).failure["code"] == ApproverGone.code
    assert tables(two_files, two_files.production) == []


def test_a_raised_bar_after_queueing_stops_the_run(
    two_files: Project, change_production: ChangeProduction, alice: Actor, bob: Actor
) -> None:
    run = start_on_production(approved_request(two_files, alice, bob), alice)
    change_production(approvals=2)
    assert execute(run).failure["code"] == ApprovalsMissing.code
    assert tables(two_files, two_files.production) == []


def test_whoever_started_it_and_was_demoted_since_runs_nothing(
    two_files: Project, alice: Actor, bob: Actor, carol: Actor
) -> None:
    request = approved_request(two_files, alice, bob)
    run = start_on_production(request, carol)
    carol.person.groups.clear()
    assert execute(run).failure["code"] == PermissionRefused.code
    assert tables(two_files, two_files.production) == []


def test_a_starter_who_was_demoted_runs_nothing_on_a_free_environment_either(two_files: Project, alice: Actor) -> None:
    run = runs.start(plans.apply(two_files.staging), environment=two_files.staging, by=alice)
    alice.person.groups.clear()
    assert execute(run).failure["code"] == PermissionRefused.code
    assert tables(two_files, two_files.staging) == []


def test_the_request_of_a_deactivated_person_cannot_be_run_by_others(
    two_files: Project, alice: Actor, bob: Actor, carol: Actor
) -> None:
    request = approved_request(two_files, alice, bob)
    alice.person.is_active = False
    alice.person.save()
    with pytest.raises(RequesterGone, match="alice"):
        start_on_production(request, carol)
    with pytest.raises(ApprovalNeeded):
        runs.start(request.plan, environment=two_files.production, by=carol, typed_name="production")


def test_a_requester_who_is_deactivated_after_queueing_stops_the_run(
    two_files: Project, alice: Actor, bob: Actor, carol: Actor
) -> None:
    run = start_on_production(approved_request(two_files, alice, bob), carol)
    alice.person.is_active = False
    alice.person.save()
    assert execute(run).failure["code"] == RequesterGone.code
    assert tables(two_files, two_files.production) == []


@pytest.mark.parametrize(("before", "after", "expected"), [(2, 1, Status.APPROVED), (1, 2, Status.OPEN)])
def test_open_requests_are_held_against_a_changed_policy(
    two_files: Project,
    change_production: ChangeProduction,
    alice: Actor,
    bob: Actor,
    before: int,
    after: int,
    expected: str,
) -> None:
    change_production(approvals=before)
    request = approved_request(two_files, alice, bob)
    change_production(approvals=after)
    assert approvals.reevaluate() == 1
    request.refresh_from_db()
    assert request.status == expected
    event = AuditEvent.objects.get(kind=Event.REQUEST_REEVALUATED)
    assert (event.data["status"], event.data["needed"]) == (expected, after)
    assert approvals.reevaluate() == 0


def test_a_policy_that_is_part_of_the_digest_closes_the_request_and_names_what_changed(
    two_files: Project, change_production: ChangeProduction, alice: Actor, bob: Actor
) -> None:
    request = approved_request(two_files, alice, bob)
    change_production(lock_timeout_ms=9000)
    approvals.reevaluate()
    request.refresh_from_db()
    assert request.status == Status.SUPERSEDED
    assert request.closed_because == "The policy of Production was changed: lock_timeout_ms from 3000 to 9000."


def test_lifting_the_protection_leaves_no_request_behind(
    two_files: Project, change_production: ChangeProduction, alice: Actor
) -> None:
    request = open_request(two_files, alice)
    change_production(protected=False)
    approvals.reevaluate()
    request.refresh_from_db()
    assert request.status == Status.SUPERSEDED


# Limits


def test_an_approval_is_used_once_however_often_it_is_started(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = approved_request(two_files, alice, bob)
    execute(start_on_production(request, alice))
    with pytest.raises(AlreadyDecided):
        start_on_production(request, alice)
    assert Run.objects.count() == 1
