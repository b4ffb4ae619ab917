"""What the policy asks for, as people see it: what is missing, the exceptions, and what was written about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from config import calendars
from config.calendars import Calendar
from dashboard.models import BreakGlass, ChangeRequest, Comment, PersonChange, Run
from dashboard.services import approvals
from tests.fix_people import ClientOf
from tests.fix_project import FROZEN, ChangeProduction
from tests.views.pages import alerts, digest_on, posts, text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.test import Client

pytestmark = pytest.mark.django_db


# Approvals


def test_two_people_approve_and_the_page_counts_them(
    change_production: ChangeProduction,
    open_request: Callable[[User], ChangeRequest],
    requester: User,
    approver: User,
    admin: User,
    client_of: ClientOf,
) -> None:
    change_production(approvals=2)
    url = f"/requests/{open_request(requester).pk}/"
    bob, carol = client_of(approver), client_of(admin)
    page = bob.get(url)
    assert "0 of 2 approvals; still needed: two of the role approver." in text(page)
    assert "Approve and" not in text(page)
    bob.post(f"{url}approve/", {"digest": digest_on(page), "then": ""})
    page = carol.get(url)
    assert "1 of 2 approvals: bob; still needed: one more of the role approver." in text(page)
    answer = carol.post(f"{url}approve/", {"digest": digest_on(page), "then": "run", "typed_name": "production"})
    assert answer.headers["Location"].startswith("/runs/")
    assert Run.objects.count() == 1


def test_approve_and_run_by_the_first_of_two_runs_nothing(
    change_production: ChangeProduction,
    open_request: Callable[[User], ChangeRequest],
    requester: User,
    approver: User,
    client_of: ClientOf,
) -> None:
    change_production(approvals=2)
    request = open_request(requester)
    sent = {"digest": request.digest, "then": "run", "typed_name": "production"}
    answer = client_of(approver).post(f"/requests/{request.pk}/approve/", sent)
    assert (answer.headers["Location"], Run.objects.count()) == (f"/requests/{request.pk}/", 0)


def test_who_has_approved_is_offered_no_second_approval_and_has_nothing_waiting(
    change_production: ChangeProduction,
    open_request: Callable[[User], ChangeRequest],
    requester: User,
    approver: User,
    acting: Callable[[User], Any],
    client_of: ClientOf,
) -> None:
    change_production(approvals=2)
    request = open_request(requester)
    approvals.approve(request.pk, by=acting(approver), digest=request.digest)
    page = client_of(approver).get(f"/requests/{request.pk}/")
    assert page.context["actions"].approve.disabled
    assert page.context["nav"]["waiting_for_me"] == 0


def test_whose_approval_would_not_count_is_offered_none_and_has_nothing_waiting(
    open_request: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    """Both come from a shell, as after two times createsuperuser: the page says from when on it counts."""
    now = timezone.now()
    for minutes, kind in ((2, PersonChange.Kind.CREATED), (1, PersonChange.Kind.ROLE)):
        PersonChange.objects.create(person=approver, by=None, kind=kind, at=now - timedelta(minutes=minutes))
    request = open_request(requester)
    page = client_of(approver).get(f"/requests/{request.pk}/")
    offered = page.context["actions"].approve
    assert offered.disabled
    assert "Somebody with a shell made the account of" in offered.reason
    assert f"approve it from {now + timedelta(hours=24):%Y-%m-%d}" in offered.reason
    assert page.context["nav"]["waiting_for_me"] == 0
    assert "waits for your decision" not in client_of(approver).get("/").content.decode()
    assert page.context["actions"].reject.disabled is False


def test_the_environment_says_what_its_policy_is(
    change_production: ChangeProduction, viewer: User, client_of: ClientOf
) -> None:
    change_production(
        approvals=2,
        approvals_with_loss=3,
        after="staging",
        break_glass=True,
        calendar=Calendar(
            zone="Europe/Berlin", windows=(calendars.window("Mon-Thu 09:00-17:00"),), freezes=FROZEN.freezes
        ),
    )
    said = text(client_of(viewer).get("/environments/production/"))
    for fact in (
        "two people with the role approver, but not by who asks",
        "3 approvals",
        "Mon-Thu 09:00-17:00 (Europe/Berlin)",
        "Audit",
        "Staging has applied the same bytes",
        "15 minutes; someone else reviews it",
    ):
        assert fact in said


# Time


def test_a_closed_window_is_said_and_keeps_the_button_shut(
    change_production: ChangeProduction, approved_request: ChangeRequest, requester: User, client_of: ClientOf
) -> None:
    change_production(calendar=FROZEN)
    client = client_of(requester)
    page = client.get(f"/requests/{approved_request.pk}/")
    assert "Audit" in text(page)
    assert page.context["actions"].run.disabled
    answer = client.post(f"/requests/{approved_request.pk}/run/", {"typed_name": "production"})
    assert answer.status_code == 409
    assert not Run.objects.exists()


def test_a_start_is_scheduled_in_the_zone_of_the_environment_and_taken_back(
    change_production: ChangeProduction, approved_request: ChangeRequest, requester: User, client_of: ClientOf
) -> None:
    change_production(calendar=Calendar(zone="Asia/Tokyo"))
    client = client_of(requester)
    wall = (datetime.now(UTC) + timedelta(hours=9 + 5)).replace(second=0, microsecond=0, tzinfo=None)
    sent = {"schedule-start": f"{wall:%Y-%m-%dT%H:%M}", "schedule-typed_name": "production"}
    client.post(f"/requests/{approved_request.pk}/schedule/", sent)
    approved_request.refresh_from_db()
    assert approved_request.start_at == (wall - timedelta(hours=9)).replace(tzinfo=UTC)
    assert "in the name of alice" in text(client.get(f"/requests/{approved_request.pk}/"))
    client.post(f"/requests/{approved_request.pk}/unschedule/")
    approved_request.refresh_from_db()
    assert approved_request.start_at is None


@pytest.mark.parametrize(
    ("start", "said"),
    [("", "Say when"), ("soon", "Write it like"), ("2027-03-28T02:30", "never show that time")],
)
def test_a_start_that_is_no_time_is_said_beside_the_field(
    change_production: ChangeProduction,
    approved_request: ChangeRequest,
    requester: User,
    client_of: ClientOf,
    start: str,
    said: str,
) -> None:
    change_production(calendar=Calendar(zone="Europe/Berlin"))
    sent = {"schedule-start": start, "schedule-typed_name": "production"}
    answer = client_of(requester).post(f"/requests/{approved_request.pk}/schedule/", sent)
    assert answer.status_code == 422
    assert said in text(answer)


# Comments


def test_a_comment_is_text_and_hides_nothing(
    open_request: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    url = f"/requests/{open_request(requester).pk}/"
    client = client_of(approver)
    client.post(f"{url}comment/", {"text": "<script>alert(1)</script>\n@alice see\u202egnp.exe, and \u200bthis"})
    page = client.get(url).content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;<br>" in page
    assert "see[U+202E]gnp.exe, and [U+200B]this" in page
    assert "\u202e" not in page
    assert '<b\n        class="mention">@alice</b>' in page
    assert "Mentioned: alice" in page


def test_an_empty_comment_is_said_and_not_kept(
    open_request: Callable[[User], ChangeRequest], requester: User, client_of: ClientOf
) -> None:
    answer = client_of(requester).post(f"/requests/{open_request(requester).pk}/comment/", {"text": " "})
    assert (answer.status_code, Comment.objects.count()) == (422, 0)


def test_comments_and_decisions_stand_in_one_timeline(
    open_request: Callable[[User], ChangeRequest],
    requester: User,
    approver: User,
    acting: Callable[[User], Any],
    client_of: ClientOf,
) -> None:
    request = open_request(requester)
    client = client_of(approver)
    client.post(f"/requests/{request.pk}/comment/", {"text": "Why now?"})
    approvals.approve(request.pk, by=acting(approver), digest=request.digest, reason="Fine")
    page = client.get(f"/requests/{request.pk}/")
    said = [happening.sentence for happening in page.context["timeline"]]
    assert said == ["asked for approval", "commented", "approved it"]


# Break-glass


@pytest.fixture
def broken_glass(
    change_production: ChangeProduction,
    open_request: Callable[[User], ChangeRequest],
    requester: User,
    admin: User,
    client_of: ClientOf,
) -> tuple[ChangeRequest, Client]:
    """Opened by carol."""
    change_production(break_glass=True)
    request, client = open_request(requester), client_of(admin)
    sent = {
        "glass-digest": request.digest,
        "glass-reason": "Nobody can sign in",
        "glass-typed_name": "production",
    }
    answer = client.post(f"/requests/{request.pk}/break-glass/", sent)
    assert answer.headers["Location"] == f"/requests/{request.pk}/"
    return request, client


def test_it_is_offered_to_whom_the_policy_names_and_where_it_allows_it(
    change_production: ChangeProduction,
    open_request: Callable[[User], ChangeRequest],
    requester: User,
    approver: User,
    admin: User,
    client_of: ClientOf,
) -> None:
    url = f"/requests/{open_request(requester).pk}/"
    verb = f"{url}break-glass/"
    assert verb not in posts(client_of(admin).get(url))
    change_production(break_glass=True)
    assert verb in posts(client_of(admin).get(url))
    assert verb not in posts(client_of(approver).get(url))


def test_who_opened_it_runs_it_and_everyone_is_told_until_somebody_else_signs(
    broken_glass: tuple[ChangeRequest, Client], approver: User, viewer: User, client_of: ClientOf
) -> None:
    request, carol = broken_glass
    assert "carol broke the glass for request" in text(client_of(viewer).get("/"))
    answer = carol.post(f"/requests/{request.pk}/run/", {"typed_name": "production"})
    run_url = answer.headers["Location"]
    assert "Run by break-glass" in text(client_of(viewer).get(run_url))
    assert "Somebody else has to review that" in text(client_of(viewer).get(run_url))
    opening = BreakGlass.objects.get()
    url = f"/requests/{request.pk}/break-glass/{opening.pk}/review/"
    assert url not in posts(carol.get(f"/requests/{request.pk}/"))
    assert carol.post(url, {"review-comment": "Fine"}).status_code == 403
    bob = client_of(approver)
    assert url in posts(bob.get(f"/requests/{request.pk}/"))
    assert bob.post(url, {"review-comment": " "}).status_code == 422
    bob.post(url, {"review-comment": "Looked at it: fine"})
    assert "broke the glass" not in text(client_of(viewer).get("/"))
    assert "Reviewed by bob: Looked at it: fine" in text(client_of(viewer).get(run_url))


def test_the_notice_is_an_alert_with_the_reason(broken_glass: tuple[ChangeRequest, Client]) -> None:
    request, carol = broken_glass
    page = carol.get(f"/requests/{request.pk}/")
    assert alerts(page) == ["danger"]
    assert "Nobody can sign in" in text(page)
    assert "It lifted: 0 of 1 approvals" in text(page)


def test_the_name_typed_wrong_opens_nothing(
    change_production: ChangeProduction,
    open_request: Callable[[User], ChangeRequest],
    requester: User,
    admin: User,
    client_of: ClientOf,
) -> None:
    change_production(break_glass=True)
    request = open_request(requester)
    sent = {"glass-digest": request.digest, "glass-reason": "Now", "glass-typed_name": "staging"}
    answer = client_of(admin).post(f"/requests/{request.pk}/break-glass/", sent)
    assert (answer.status_code, BreakGlass.objects.count()) == (422, 0)


def test_a_review_belongs_to_its_request(
    broken_glass: tuple[ChangeRequest, Client],
    open_request: Callable[[User], ChangeRequest],
    approver: User,
    requester: User,
    client_of: ClientOf,
) -> None:
    other, opening = open_request(requester), BreakGlass.objects.get()
    url = f"/requests/{other.pk}/break-glass/{opening.pk}/review/"
    assert client_of(approver).post(url, {"review-comment": "Fine"}).status_code == 404


def test_its_time_is_over(broken_glass: tuple[ChangeRequest, Client]) -> None:
    request, carol = broken_glass
    now = timezone.now()
    BreakGlass.objects.update(at=now - timedelta(hours=1), expires_at=now - timedelta(minutes=1))
    assert f"/requests/{request.pk}/run/" not in posts(carol.get(f"/requests/{request.pk}/"))
    assert carol.post(f"/requests/{request.pk}/run/", {"typed_name": "production"}).status_code == 409
