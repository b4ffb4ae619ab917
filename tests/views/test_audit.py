"""The audit page: every event is shown, filters live in the address, the export is safe to open."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.utils import timezone

from dashboard.models import AuditEvent, ChangeRequest
from dashboard.services import actors, approvals, audit
from dashboard.services.actors import SIGNALBOX, Actor
from dashboard.services.audit import Event
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.views.pages import assert_shown, is_empty, links, text

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("event", list(Event))
def test_every_event_is_shown_even_without_its_facts(
    event: Event, project: Project, viewer: User, client_of: ClientOf
) -> None:
    client = client_of(viewer)
    audit.record(event, by=SIGNALBOX, environment="staging")
    assert client.get(f"/audit/?kind={event}").status_code == 200


def test_a_request_is_told_in_sentences_with_links(
    open_request: Callable[[User], ChangeRequest],
    requester: User,
    approver: User,
    client_of: ClientOf,
    acting: Callable[[User], Actor],
) -> None:
    request = open_request(requester)
    approvals.reject(request.pk, by=acting(approver), digest=request.digest, reason="Not on a Friday")
    page = client_of(approver).get("/audit/")
    shown = text(page)
    assert f"bob rejected request {request.pk} (Apply 001 and 002 to Production): “Not on a Friday”" in shown
    assert f"alice opened request {request.pk}" in shown
    assert "from 192.0.2.7" in shown
    assert f"/requests/{request.pk}/" in links(page)


def test_filters_narrow_the_list(
    open_request: Callable[[User], ChangeRequest], requester: User, viewer: User, client_of: ClientOf
) -> None:
    open_request(requester)
    client = client_of(viewer)
    (event,) = client.get("/audit/?actor=alice&kind=request.opened&environment=production").context["events"]
    assert (event.actor, event.place.slug) == ("alice", "production")
    assert event in client.get("/audit/?since=2020-01-01").context["events"]
    for query in ("actor=alice&environment=staging", "actor=alice&until=2020-01-01"):
        assert is_empty(client.get(f"/audit/?{query}"))


@pytest.mark.parametrize("query", ["?since=yesterday", "?kind=nothing", "?actor=nobody", "?page=99999", "?format=pdf"])
def test_a_filter_nobody_understands_is_no_error(
    project: Project, viewer: User, client_of: ClientOf, query: str
) -> None:
    assert client_of(viewer).get(f"/audit/{query}").status_code == 200


def test_the_chain_is_checked_on_demand(project: Project, viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    assert client.get("/audit/").context["chain"] is None
    intact = client.get("/audit/?verify=1")
    assert intact.context["chain"].tone == "ok"
    assert_shown(intact, intact.context["chain"])
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE dashboard_auditevent DISABLE TRIGGER append_only")
        cursor.execute("UPDATE dashboard_auditevent SET actor = 'mallory'")
    broken = client.get("/audit/?verify=1")
    assert broken.context["chain"].tone == "danger"
    assert_shown(broken, broken.context["chain"])


def test_the_page_promises_no_more_than_its_role_can_keep(project: Project, viewer: User, client_of: ClientOf) -> None:
    """The tests run as a superuser, who can switch the trigger off."""
    page = client_of(viewer).get("/audit/")
    assert page.context["power"].tone == "warn"
    assert_shown(page, page.context["power"])
    assert "can be changed or removed" not in text(page)


def test_the_export_has_every_event_and_no_formula(project: Project, viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    for name in ("=cmd()", "+1", "-1", "@SUM(A1)", "\tx", "plain"):
        audit.record(Event.SIGN_IN_FAILED, by=actors.Actor(name=name))
    answer = client.get("/audit/?format=csv&kind=person.sign_in_failed")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))  # type: ignore[attr-defined]
    assert [row["actor"] for row in rows] == ["plain", "'\tx", "'@SUM(A1)", "'-1", "'+1", "'=cmd()"]
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"


def test_what_people_wrote_is_shown_as_text(project: Project, viewer: User, client_of: ClientOf) -> None:
    audit.record(Event.SIGN_IN_FAILED, by=actors.Actor(name="<script>alert(1)</script>"))
    assert "<script>alert" not in client_of(viewer).get("/audit/").content.decode()


def test_the_page_asks_the_database_no_more_for_more_events(
    open_request: Callable[[User], ChangeRequest],
    requester: User,
    viewer: User,
    client_of: ClientOf,
    django_assert_max_num_queries: Callable[[int], object],
) -> None:
    for _ in range(6):
        open_request(requester)
    client = client_of(viewer)
    with django_assert_max_num_queries(12):  # type: ignore[attr-defined]
        client.get("/audit/")
    assert AuditEvent.objects.count() > 6


def test_fifty_thousand_names_in_the_log_make_the_page_no_longer(
    viewer: User, client_of: ClientOf, django_assert_max_num_queries: Callable[[int], object]
) -> None:
    """Of events of before, and with as many people: what the filter offers is bounded, and so is the page."""
    from django.contrib.auth.models import User

    client = client_of(viewer)
    at = timezone.now()
    events = (
        AuditEvent(at=at, kind=Event.SIGN_IN_FAILED, actor=f"name {n}", previous_hash="", hash=f"{n:064d}")
        for n in range(50_000)
    )
    AuditEvent.objects.bulk_create(events, batch_size=5_000)
    User.objects.bulk_create(User(username=f"person{n:04d}") for n in range(300))
    with django_assert_max_num_queries(12):  # type: ignore[attr-defined]
        page = client.get("/audit/").content.decode()
    names = page[page.index("<datalist") : page.index("</datalist>")]
    assert names.count("<option") == 100
    assert "name 49999" not in names
    assert page.count("<option") < 200
    assert len(page) < 200_000
    (shown,) = client.get("/audit/?actor=name 49999").context["events"]
    assert shown.actor == "name 49999"
