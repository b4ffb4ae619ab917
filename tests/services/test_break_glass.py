"""One person runs without what the policy asks for: with a reason, for minutes, seen by all, signed by another."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from dashboard.engine.errors import NotApproved
from dashboard.models import AuditEvent, BreakGlass, ChangeRequest, Run
from dashboard.models.roles import Role
from dashboard.selectors import requests as selector
from dashboard.services import approvals, break_glass, links
from dashboard.services.actors import person
from dashboard.services.audit import Event
from dashboard.services.errors import (
    AlreadyDecided,
    ApprovalNeeded,
    ApproverTouched,
    BreakGlassRefused,
    NameNotTyped,
    OwnReview,
    PermissionRefused,
    ReasonMissing,
)
from tests.fix_project import FROZEN, ChangeProduction, Project
from tests.services.workflow import execute, open_request, start_on_production, tables

if TYPE_CHECKING:
    from dashboard.services.actors import Actor

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def policy(change_production: ChangeProduction) -> ChangeProduction:
    """Production allows it; what else the test wants it to say."""
    change_production(break_glass=True)
    return change_production


def break_it(request: ChangeRequest, by: Actor, **changes: str) -> BreakGlass:
    sent = {"digest": request.digest, "reason": "Nobody can sign in", "typed_name": "production", **changes}
    return break_glass.open_for(request.pk, by=by, **sent)


def test_an_administrator_runs_without_approval_and_everyone_hears_of_it(
    two_files: Project, policy: ChangeProduction, alice: Actor, carol: Actor
) -> None:
    request = open_request(two_files, alice)
    opening = break_it(request, carol)
    run = execute(start_on_production(request, carol))
    request.refresh_from_db()
    assert (run.status, run.break_glass, request.status) == (Run.Status.SUCCEEDED, opening, ChangeRequest.Status.DONE)
    assert tables(two_files, two_files.production) == ["orders", "users"]
    assert opening.lifted == ["0 of 1 approvals"]
    assert selector.unreviewed() == [opening]
    kinds = AuditEvent.objects.order_by("id").values_list("kind", flat=True)
    assert list(kinds) == [
        Event.REQUEST_OPENED,
        Event.BREAK_GLASS_OPENED,
        Event.BREAK_GLASS_USED,
        Event.RUN_QUEUED,
        Event.RUN_STARTED,
        Event.RUN_SUCCEEDED,
        Event.REQUEST_DONE,
    ]


def test_it_may_be_ones_own_request(two_files: Project, policy: ChangeProduction, carol: Actor) -> None:
    request = open_request(two_files, carol)
    break_it(request, carol)
    assert execute(start_on_production(request, carol)).status == Run.Status.SUCCEEDED


def test_it_is_switched_off_unless_the_policy_says_otherwise(two_files: Project, alice: Actor, carol: Actor) -> None:
    with pytest.raises(BreakGlassRefused, match="switched off"):
        break_it(open_request(two_files, alice), carol)


def test_it_needs_the_role_a_reason_the_name_and_the_digest(
    two_files: Project, policy: ChangeProduction, alice: Actor, bob: Actor, carol: Actor
) -> None:
    request = open_request(two_files, alice)
    with pytest.raises(PermissionRefused, match="break the glass"):
        break_it(request, bob)
    with pytest.raises(ReasonMissing):
        break_it(request, carol, reason=" ")
    with pytest.raises(NameNotTyped):
        break_it(request, carol, typed_name="staging")
    with pytest.raises(AlreadyDecided):
        break_it(request, carol, digest="0" * 64)
    assert not BreakGlass.objects.exists()


def test_only_who_opened_it_can_use_it(
    two_files: Project, policy: ChangeProduction, alice: Actor, carol: Actor
) -> None:
    request = open_request(two_files, alice)
    break_it(request, carol)
    with pytest.raises(AlreadyDecided):
        start_on_production(request, alice)


def test_it_closes_after_some_minutes(two_files: Project, policy: ChangeProduction, alice: Actor, carol: Actor) -> None:
    policy(break_glass_minutes=15)
    request = open_request(two_files, alice)
    opening = break_it(request, carol)
    assert opening.expires_at - opening.at == timedelta(minutes=15)
    BreakGlass.objects.update(at=timezone.now() - timedelta(hours=1), expires_at=timezone.now() - timedelta(minutes=1))
    with pytest.raises(AlreadyDecided):
        start_on_production(request, carol)


def test_a_run_that_begins_too_late_is_refused_under_the_lock(
    two_files: Project, policy: ChangeProduction, alice: Actor, carol: Actor
) -> None:
    request = open_request(two_files, alice)
    break_it(request, carol)
    run = start_on_production(request, carol)
    BreakGlass.objects.update(at=timezone.now() - timedelta(hours=1), expires_at=timezone.now() - timedelta(minutes=1))
    assert execute(run).failure["code"] == NotApproved.code
    assert tables(two_files, two_files.production) == []


@pytest.mark.parametrize("changes", [{"break_glass": False}, {}], ids=["switched off", "role lost"])
def test_the_worker_asks_again_whether_it_may(
    two_files: Project, policy: ChangeProduction, alice: Actor, carol: Actor, changes: dict[str, Any]
) -> None:
    request = open_request(two_files, alice)
    break_it(request, carol)
    run = start_on_production(request, carol)
    policy(**changes)
    if not changes:
        carol.person.groups.clear()
    assert execute(run).status == Run.Status.FAILED
    assert tables(two_files, two_files.production) == []


def test_it_runs_nothing_but_the_bytes_that_were_on_the_page(
    two_files: Project, policy: ChangeProduction, alice: Actor, carol: Actor
) -> None:
    request = open_request(two_files, alice)
    break_it(request, carol)
    run = start_on_production(request, carol)
    two_files.write(_002_orders="DROP TABLE users;")
    assert execute(run).failure["code"] == "plan_changed"
    assert tables(two_files, two_files.production) == []


def test_it_is_used_once(two_files: Project, policy: ChangeProduction, alice: Actor, carol: Actor) -> None:
    request = open_request(two_files, alice)
    break_it(request, carol)
    with pytest.raises(BreakGlassRefused, match="open already"):
        break_it(request, carol)
    two_files.query(two_files.production, "CREATE TABLE orders (id text)")
    execute(start_on_production(request, carol))
    with pytest.raises(AlreadyDecided):
        start_on_production(request, carol)


def test_it_lifts_the_window_and_says_so(
    two_files: Project, policy: ChangeProduction, alice: Actor, carol: Actor
) -> None:
    policy(calendar=FROZEN)
    request = open_request(two_files, alice)
    opening = break_it(request, carol)
    assert any("Audit" in sentence for sentence in opening.lifted)
    assert execute(start_on_production(request, carol)).status == Run.Status.SUCCEEDED


def test_it_approves_no_rollback(two_files: Project, policy: ChangeProduction, alice: Actor, carol: Actor) -> None:
    from dashboard.engine.migration import MigrationId
    from dashboard.services import plans, runs

    request = open_request(two_files, alice)
    break_it(request, carol)
    execute(start_on_production(request, carol))
    plan = plans.rollback(two_files.production, downto=MigrationId("001", "users"))
    assert approvals.live(plan) is None
    with pytest.raises(ApprovalNeeded):
        runs.start(plan, environment=two_files.production, by=carol, typed_name="production")


# The review


def test_somebody_else_signs_the_review(
    two_files: Project, policy: ChangeProduction, alice: Actor, bob: Actor, carol: Actor
) -> None:
    opening = break_it(open_request(two_files, alice), carol)
    with pytest.raises(OwnReview):
        break_glass.review(opening.pk, by=carol, comment="Fine")
    with pytest.raises(PermissionRefused):
        break_glass.review(opening.pk, by=alice, comment="Fine")
    with pytest.raises(ReasonMissing):
        break_glass.review(opening.pk, by=bob, comment=" ")
    break_glass.review(opening.pk, by=bob, comment="Looked at the tables: fine")
    assert selector.unreviewed() == []
    assert AuditEvent.objects.get(kind=Event.BREAK_GLASS_REVIEWED).actor == "bob"
    with pytest.raises(AlreadyDecided):
        break_glass.review(opening.pk, by=bob, comment="Again")


def test_whoever_broke_the_glass_does_not_sign_with_an_account_they_made(
    two_files: Project, policy: ChangeProduction, alice: Actor, carol: Actor
) -> None:
    opening = break_it(open_request(two_files, alice), carol)
    puppet, token = links.invite(by=carol, username="puppet", role=Role.APPROVER)
    links.use(token, password="nightfall under a canvas")
    with pytest.raises(ApproverTouched, match=r"carol, who broke the glass, .* so the signature of puppet does not"):
        break_glass.review(opening.pk, by=person(puppet), comment="Fine")
    assert selector.unreviewed() == [opening]


def test_not_even_a_superuser_reviews_their_own(
    two_files: Project, policy: ChangeProduction, alice: Actor, carol: Actor
) -> None:
    carol.person.is_superuser = True
    carol.person.save()
    opening = break_it(open_request(two_files, alice), carol)
    with pytest.raises(OwnReview):
        break_glass.review(opening.pk, by=carol, comment="Fine")
    with pytest.raises(IntegrityError), transaction.atomic():
        BreakGlass.objects.update(reviewed_by=carol.person, reviewed_at=timezone.now())


def test_one_that_was_never_used_is_reviewed_too(
    two_files: Project, policy: ChangeProduction, alice: Actor, carol: Actor
) -> None:
    opening = break_it(open_request(two_files, alice), carol)
    BreakGlass.objects.update(at=timezone.now() - timedelta(hours=1), expires_at=timezone.now() - timedelta(minutes=1))
    assert [each.pk for each in selector.unreviewed()] == [opening.pk]
