"""A plan that puts SQL together while it runs: no green line says that all is well, and two people accept it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.engine.errors import NotAcknowledged
from dashboard.engine.plan import DYNAMIC
from dashboard.forms.decisions import ApproveForm
from dashboard.models import ChangeRequest
from dashboard.presenters import evidence as evidence_presenter
from dashboard.presenters import plans as plan_presenter
from dashboard.services import approvals, evidence, plans
from dashboard.services.actors import Actor
from tests.fix_people import ClientOf
from tests.fix_project import Project

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db(transaction=True)

#: Far to the right of what a screen shows.
DELETES = "DO $x$ BEGIN PERFORM 1;" + " " * 3000 + "EXECUTE 'DEL'||'ETE FR'||'OM public.users'; END $x$;"


@pytest.fixture
def dynamic_project(project: Project) -> Project:
    project.write(
        _001_users="CREATE TABLE users (id int);",
        _001_rollback="DROP TABLE users;",
        _002_tidy=DELETES,
        _002_rollback="SELECT 1;",
    )
    return project


def asked(project: Project, by: Actor) -> ChangeRequest:
    plan = plans.apply(project.production)
    accepted = [warning.key for warning in plan.warnings]
    return approvals.open_request(plan, environment=project.production, by=by, reason="x", accepted=accepted)


def test_whoever_asks_has_to_accept_it(dynamic_project: Project, alice: Actor) -> None:
    plan = plans.apply(dynamic_project.production)
    assert [(w.code, w.version, w.needs_acceptance) for w in plan.warnings if w.code == DYNAMIC] == [
        (DYNAMIC, "002", True)
    ]
    with pytest.raises(NotAcknowledged, match="002_tidy puts SQL together while it runs"):
        approvals.open_request(plan, environment=dynamic_project.production, by=alice, reason="x")


def test_on_an_unprotected_environment_it_is_said(dynamic_project: Project) -> None:
    plan = plans.apply(dynamic_project.staging)
    assert plan.unjudged
    assert not any(warning.needs_acceptance for warning in plan.warnings if warning.code == DYNAMIC)


def test_no_line_of_the_evidence_is_an_all_clear(dynamic_project: Project, alice: Actor) -> None:
    plan = plans.apply(dynamic_project.production)
    view = evidence_presenter.of_plan(evidence.of_plan(plan, dynamic_project.production), plan, alice)
    assert view.lines
    assert all(line.tone != "ok" for line in view.lines)
    assert view.pill.tone != "ok"


def test_its_step_is_open_and_says_so(dynamic_project: Project) -> None:
    view = plan_presenter.view(plans.detail(plans.apply(dynamic_project.production)), dynamic_project.production)
    assert [(step.open, "puts SQL together" in step.summary) for step in view.steps] == [(True, False), (True, True)]


def test_whoever_approves_has_to_say_that_they_read_it(dynamic_project: Project, alice: Actor) -> None:
    request = asked(dynamic_project, alice)
    sent = {"digest": request.digest, "then": ""}
    given = {"plan": request.plan, "environment": dynamic_project.production, "forecast": None}
    assert "unjudged" in ApproveForm(sent, **given).errors
    assert "unjudged" not in ApproveForm({**sent, "unjudged": "on"}, **given).errors


def test_the_page_says_it_above_the_button(
    dynamic_project: Project, alice: Actor, approver: User, client_of: ClientOf
) -> None:
    request = asked(dynamic_project, alice)
    page = client_of(approver).get(f"/requests/{request.pk}/").content.decode()
    decide = page[page.index('id="decide"') :]
    assert decide.index("Not all of it can be judged") < decide.index("Approve only")
    assert "What would be lost cannot be judged." in page
    assert "Nothing missing" not in page
    assert "characters long" in page
    refused = client_of(approver).post(f"/requests/{request.pk}/approve/", {"digest": request.digest, "then": ""})
    assert refused.status_code == 422
    request.refresh_from_db()
    assert request.status == ChangeRequest.Status.OPEN
