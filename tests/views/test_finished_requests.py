"""What a request shows once it has ended: its outcome, and the evidence on which it was decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User

from dashboard.models import ChangeRequest, Run
from dashboard.services import approvals, execution, plans, runs
from dashboard.services.actors import Actor
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.views.pages import alerts, assert_shown, text

if TYPE_CHECKING:
    from django.http import HttpResponse

pytestmark = pytest.mark.django_db(transaction=True)

type Acting = Callable[[User], Actor]


@pytest.fixture
def failed_request(project: Project, requester: User, approver: User, acting: Acting) -> ChangeRequest:
    """Approved for production, run, and failed there."""
    project.write(_001_orders="CREATE TABLE orders (id int);\nSELECT 1/0;", _001_rollback="DROP TABLE orders;")
    plan = plans.apply(project.production)
    request = approvals.open_request(plan, environment=project.production, by=acting(requester), reason="December")
    approvals.approve(request.pk, by=acting(approver), digest=request.digest)
    request.refresh_from_db()
    execution.execute(runs.start_approved(request, by=acting(requester), typed_name="production").pk)
    request.refresh_from_db()
    return request


def test_a_request_whose_run_failed_is_listed_as_failed_with_its_run(
    failed_request: ChangeRequest, approver: User, client_of: ClientOf
):
    (row,) = client_of(approver).get("/requests/?tab=done").context["rows"]
    assert (row.pill.tone, row.run.url) == ("danger", f"/runs/{Run.objects.get().pk}/")


def test_a_finished_request_shows_what_its_decision_rested_on(
    failed_request: ChangeRequest, approver: User, client_of: ClientOf
):
    decision = failed_request.decisions.get()
    shown = client_of(approver).get(f"/requests/{failed_request.pk}/").context["evidence"]
    assert shown.as_of == decision.at
    assert len(shown.lines) == len(decision.evidence["items"]) > 0
    assert not shown.rehearse.show


def test_a_decision_from_before_evidence_was_kept_shows_none(
    failed_request: ChangeRequest, approver: User, client_of: ClientOf
):
    failed_request.decisions.update(evidence=None)
    assert client_of(approver).get(f"/requests/{failed_request.pk}/").context["evidence"] is None


def test_the_approver_reads_first_that_it_failed_on_staging(
    project: Project, requester: User, approver: User, acting: Acting, client_of: ClientOf
):
    project.write(_001_orders="CREATE TABLE orders (id int);\nSELECT 1/0;")
    run = runs.start(plans.apply(project.staging), environment=project.staging, by=acting(requester))
    execution.execute(run.pk)
    plan = plans.apply(project.production)
    request = approvals.open_request(plan, environment=project.production, by=acting(requester), reason="December")
    page = client_of(approver).get(f"/requests/{request.pk}/")
    assert page.context["evidence"].pill.tone == "danger"
    assert_first(page, f"/runs/{run.pk}/")


@pytest.mark.parametrize("slug", ["staging", "production"])
def test_whoever_applies_it_again_reads_first_that_it_failed_there(
    project: Project, requester: User, acting: Acting, client_of: ClientOf, slug: str
):
    """Elsewhere, and on the very environment."""
    project.write(_001_orders="CREATE TABLE orders (id int);\nSELECT 1/0;")
    run = runs.start(plans.apply(project.staging), environment=project.staging, by=acting(requester))
    execution.execute(run.pk)
    page = client_of(requester).get(f"/environments/{slug}/apply/")
    assert_first(page, f"/runs/{run.pk}/")
    project.write(_001_orders="CREATE TABLE orders (id int);")
    assert alerts(client_of(requester).get(f"/environments/{slug}/apply/")) == []


def assert_first(page: HttpResponse, url: str) -> None:
    """The failure of that run, in red, before whatever else the page says."""
    (alarm,) = page.context["evidence"].alarms
    assert alarm.url == url
    assert alerts(page) == ["danger"]
    assert_shown(page, alarm)
    assert "division by zero" in alarm.sentence
    assert text(page).index(alarm.title) < text(page).index("What runs")
    assert text(page).index(alarm.title) < text(page).index(page.context["forecast"].headline)
