"""Two people stand behind a run: where one of them was deactivated, nobody runs or approves it in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.engine.migration import MigrationId
from dashboard.models import ChangeRequest, Run
from dashboard.presenters import request_detail
from dashboard.selectors import requests as selector
from dashboard.services import plans, runs, validity
from dashboard.services.actors import Actor
from dashboard.services.errors import ApprovalNeeded, RequesterGone
from tests.fix_project import Project
from tests.services.workflow import approve, approved_request, execute, open_request, start_on_production

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db(transaction=True)


def deactivate(user: User) -> None:
    user.is_active = False
    user.save()


def test_what_they_asked_for_is_not_run(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = approved_request(two_files, alice, bob)
    deactivate(alice.person)
    request = ChangeRequest.objects.get(pk=request.pk)
    with pytest.raises(RequesterGone, match="alice, who asked for request"):
        start_on_production(request, bob)
    plan = plans.apply(two_files.production)
    with pytest.raises(ApprovalNeeded):
        runs.start(plan, environment=two_files.production, by=bob, typed_name="production")
    state = validity.state_of(selector.detailed(request.pk))
    assert "alice, who asked for this, was deactivated" in request_detail.actions(state, bob).run.reason


def test_what_they_asked_for_is_not_approved(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = open_request(two_files, alice)
    deactivate(alice.person)
    with pytest.raises(RequesterGone):
        approve(request, bob)
    assert not request.decisions.exists()


def test_a_run_that_waits_is_refused_by_its_worker(two_files: Project, alice: Actor, bob: Actor) -> None:
    run = start_on_production(approved_request(two_files, alice, bob), bob)
    deactivate(alice.person)
    done = execute(run)
    assert (done.status, done.failure["code"]) == (Run.Status.FAILED, "requester_gone")


def test_what_ran_can_still_be_rolled_back(two_files: Project, alice: Actor, bob: Actor) -> None:
    assert execute(start_on_production(approved_request(two_files, alice, bob), alice)).status == Run.Status.SUCCEEDED
    deactivate(alice.person)
    plan = plans.rollback(two_files.production, downto=MigrationId("002", "orders"))
    accepted = [warning.key for warning in plan.warnings]
    run = runs.start(plan, environment=two_files.production, by=bob, typed_name="production", accepted=accepted)
    assert execute(run).status == Run.Status.SUCCEEDED
