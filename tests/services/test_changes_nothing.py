"""A migration that a rehearsal saw change nothing: whoever asks for it, runs it or approves it says that they know."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dashboard.engine.errors import NotAcknowledged
from dashboard.engine.plan import CHANGES_NOTHING, Plan
from dashboard.engine.rehearsal.report import RehearsedEffect, Report
from dashboard.forms.decisions import ApproveForm
from dashboard.models import AuditEvent, ChangeRequest, Decision
from dashboard.presenters import evidence as evidence_presenter
from dashboard.services import approvals, decisions, evidence, plans, rehearsals
from dashboard.services.actors import Actor
from dashboard.services.audit import Event
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.fix_rehearsals import RehearsalsFind, passing

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db(transaction=True)

SENTENCE = "001_users changes nothing: when it was rehearsed"
KEY = f"{CHANGES_NOTHING}:001"


def idle(plan: Plan) -> Report:
    """As a rehearsal finds it of a plan whose first migration changes nothing."""
    report = passing(plan)
    return replace(report, proofs=(replace(report.proofs[0], effect=RehearsedEffect.NOTHING), *report.proofs[1:]))


@pytest.fixture
def request_of_idle(two_files: Project, alice: Actor, rehearsals_find: RehearsalsFind) -> ChangeRequest:
    """Asked for before anybody knew; rehearsed since."""
    plan = plans.apply(two_files.production)
    request = approvals.open_request(plan, environment=two_files.production, by=alice, reason="x")
    rehearsals_find(idle)
    rehearsals.ask(plan, environment=two_files.production, by=alice)
    rehearsals.work()
    return request


def test_whoever_asks_or_runs_it_accepts_it(request_of_idle: ChangeRequest, two_files: Project, alice: Actor) -> None:
    plan = plans.apply(two_files.production)
    (warning,) = [warning for warning in plan.warnings if warning.code == CHANGES_NOTHING]
    assert (warning.key, warning.needs_acceptance, warning.sentence.startswith(SENTENCE)) == (KEY, True, True)
    with pytest.raises(NotAcknowledged, match="001_users changes nothing"):
        decisions.submit(plan, environment=two_files.production, by=alice, reason="x")
    decisions.submit(plan, environment=two_files.production, by=alice, reason="x", accepted=[KEY])
    opened = AuditEvent.objects.filter(kind=Event.REQUEST_OPENED).order_by("id")
    assert [event.data["accepted"] for event in opened] == [[], [KEY]]


def test_before_it_was_rehearsed_nobody_is_asked(two_files: Project) -> None:
    assert CHANGES_NOTHING not in [warning.code for warning in plans.apply(two_files.production).warnings]


def test_whoever_approves_says_so_and_it_is_kept(request_of_idle: ChangeRequest, bob: Actor) -> None:
    with pytest.raises(NotAcknowledged, match="001_users changes nothing"):
        approvals.approve(request_of_idle.pk, by=bob, digest=request_of_idle.digest)
    approvals.approve(request_of_idle.pk, by=bob, digest=request_of_idle.digest, accepts_no_change=True)
    (kept,) = AuditEvent.objects.get(kind=Event.REQUEST_APPROVED).data["changes_nothing"]
    assert kept.startswith(SENTENCE)
    rows = Decision.objects.get().evidence
    assert rows is not None
    assert evidence.as_kept(rows).changes_nothing == (kept,)


def test_the_form_of_the_approver_asks(request_of_idle: ChangeRequest, two_files: Project) -> None:
    plan = request_of_idle.plan
    given = {"plan": plan, "environment": two_files.production, "forecast": None}
    given["changes_nothing"] = evidence.changes_nothing(plan)
    sent = {"digest": request_of_idle.digest, "then": ""}
    assert "no_change" in ApproveForm(sent, **given).errors
    form = ApproveForm({**sent, "no_change": "on"}, **given)
    assert form.is_valid()
    assert form.decision["accepts_no_change"] is True


def test_the_pages_say_it_beside_the_button(
    request_of_idle: ChangeRequest, approver: User, requester: User, client_of: ClientOf
) -> None:
    page = client_of(approver).get(f"/requests/{request_of_idle.pk}/").content.decode()
    decide = page[page.index('id="decide"') :]
    assert decide.index(SENTENCE) < decide.index("Approve only")
    page = client_of(requester).get("/environments/production/apply/").content.decode()
    assert page.count(SENTENCE) == 2


def test_no_line_calls_it_complete(request_of_idle: ChangeRequest, two_files: Project, alice: Actor) -> None:
    plan = request_of_idle.plan
    view = evidence_presenter.of_plan(evidence.of_plan(plan, two_files.production), plan, alice)
    assert view.pill == evidence_presenter.NOTHING_CHANGED
