"""How much one person may have under way; others are not held up by it."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.db.models import F

from dashboard.models import AuditEvent, ChangeRequest, Rehearsal, SignInCount
from dashboard.services import approvals, comments, limits, plans, rehearsals
from dashboard.services.actors import Actor
from dashboard.services.errors import TooMany
from tests.at_once import at_once
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.services.workflow import open_request

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_person_has_so_many_requests_open(two_files: Project, alice: Actor, bob: Actor) -> None:
    for _ in range(limits.OPEN_REQUESTS):
        request = open_request(two_files, alice)
    with pytest.raises(TooMany, match="20 requests open"):
        open_request(two_files, alice)
    open_request(two_files, bob)
    approvals.withdraw(request.pk, by=alice)
    open_request(two_files, alice)
    assert ChangeRequest.objects.filter(requested_by=alice.person).count() == limits.OPEN_REQUESTS + 1


def test_who_asks_for_several_at_one_moment_gets_no_more_than_the_limit(two_files: Project, alice: Actor) -> None:
    plan = plans.apply(two_files.production)
    request = open_request(two_files, alice)
    copies = [_another(request) for _ in range(limits.OPEN_REQUESTS - 2)]
    ChangeRequest.objects.bulk_create(copies)

    def ask() -> None:
        approvals.open_request(plan, environment=two_files.production, by=alice)

    assert at_once(*[ask] * 4, too_late=(TooMany,)) == 1
    assert ChangeRequest.objects.filter(requested_by=alice.person).count() == limits.OPEN_REQUESTS


def _another(request: ChangeRequest) -> ChangeRequest:
    """Another one, not saved yet."""
    copy = ChangeRequest.objects.get(pk=request.pk)
    copy.pk = None
    return copy


def test_who_asks_for_several_rehearsals_at_one_moment_gets_no_more_than_the_limit(
    two_files: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REHEARSALS", 1)
    asked = [plans.apply(two_files.production, upto=version) for version in ("001", "002")]
    deeds = [partial(rehearsals.ask, plan, environment=two_files.production, by=alice) for plan in asked]
    assert at_once(*deeds, too_late=(TooMany,)) == 1


def test_one_person_has_so_many_rehearsals_under_way(two_files: Project, alice: Actor, bob: Actor) -> None:
    plan = plans.apply(two_files.production)
    waiting = [
        Rehearsal(
            environment="production",
            action=plan.action,
            digest=f"{number:064}",
            title="x",
            frozen_plan=plan.to_dict(),
            asked_by=alice.user,
            asked_at="2026-11-28T12:00:00Z",
        )
        for number in range(limits.REHEARSALS)
    ]
    Rehearsal.objects.bulk_create(waiting)
    with pytest.raises(TooMany, match="5 rehearsals"):
        rehearsals.ask(plan, environment=two_files.production, by=alice)
    mine = rehearsals.ask(plan, environment=two_files.production, by=bob)
    assert rehearsals.ask(plan, environment=two_files.production, by=alice) == mine, "it is under way already"


def test_one_person_looks_so_often_in_a_minute(alice: Actor, bob: Actor) -> None:
    for _ in range(limits.LOOKS):
        limits.check_looks(alice)
    with pytest.raises(TooMany, match="within a minute"):
        limits.check_looks(alice)
    limits.check_looks(bob)


def test_who_looks_now_and_then_is_never_refused(alice: Actor) -> None:
    """The minute is counted from the first look, and not begun anew by each."""
    for _ in range(limits.LOOKS + 5):
        limits.check_looks(alice)
        SignInCount.objects.update(since=F("since") - timedelta(seconds=30))


def test_one_person_has_the_whole_log_read_so_often(alice: Actor, client_of: ClientOf) -> None:
    client = client_of(alice.person)
    for _ in range(limits.READINGS):
        assert client.get("/audit/?verify=on").status_code == 200
    assert client.get("/audit/?verify=on").status_code == 429
    assert client.get("/audit/?format=csv").status_code == 429
    assert client.get("/audit/").status_code == 200


def test_one_person_writes_so_many_comments_in_a_minute(two_files: Project, alice: Actor) -> None:
    request = open_request(two_files, alice)
    for number in range(limits.COMMENTS):
        comments.add(request, by=alice, text=f"Comment {number}")
    with pytest.raises(TooMany, match="20 comments"):
        comments.add(request, by=alice, text="One more")
    assert AuditEvent.objects.filter(kind="request.commented").count() == limits.COMMENTS
