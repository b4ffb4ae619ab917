"""Confirming another database: administrators only, with both side by side, a reason, and the name where protected."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from config.environments import Environment
from dashboard.models import Observation
from dashboard.selectors import observations as seen
from dashboard.services import observations, targets
from tests.fix_people import ClientOf
from tests.fix_project import CopyOf, PointAt, Project
from tests.presenters.values import says
from tests.views.pages import alerts, assert_refused, assert_shown, controls, error_code, hidden, links, text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpResponse
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from dashboard.models import ChangeRequest, Run

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/environments/production/rebind/"
WHY = {"reason": "Restored from last night's backup", "typed_name": "production"}


@pytest.fixture
def production_elsewhere(two_files: Project, point_at: PointAt, copy_of: CopyOf) -> Environment:
    """Production after its URL was set to a copy."""
    observations.refresh_all()
    led = point_at(two_files.production, copy_of(two_files.production))
    observations.refresh_all()
    return led


def confirm(client: Client, **answers: str) -> HttpResponse:
    return client.post(PAGE, {"mark": hidden(client.get(PAGE), "mark"), **WHY, **answers}, follow=True)


@pytest.mark.parametrize("who", ["viewer", "requester", "approver"])
def test_others_see_what_is_wrong_and_may_not_confirm(
    production_elsewhere: Environment, request: pytest.FixtureRequest, client_of: ClientOf, who: str
) -> None:
    client = client_of(request.getfixturevalue(who))
    page = client.get("/environments/production/")
    view = page.context["page"]
    assert says(view.card.trouble, "URL_OF_PRODUCTION")
    assert says(view.rebind.reason, "admin")
    assert_shown(page, view.card.trouble, view.card.next_step, view.rebind)
    assert PAGE not in links(page)
    assert client.get(PAGE).status_code == client.post(PAGE, WHY).status_code == 403
    assert seen.bound_to(production_elsewhere) != targets.read(production_elsewhere).identity


def test_the_page_of_the_environment_leads_there_and_keeps_what_was_seen(
    two_files: Project,
    admin: User,
    run_on_staging: Callable[..., Run],
    point_at: PointAt,
    copy_of: CopyOf,
    client_of: ClientOf,
) -> None:
    run_on_staging(admin)
    observations.refresh(point_at(two_files.staging, copy_of(two_files.staging)))
    page = client_of(admin).get("/environments/staging/")
    view = page.context["page"]
    assert "/environments/staging/rebind/" in links(page)
    assert (view.card.pill.label, view.card.head, view.card.applied) == ("Other database", "002", 2)
    assert_shown(page, view.card.pill, view.card.trouble, view.card.next_step)
    assert [(row.identity.version, row.pill.tone) for row in view.history] == [("002", "ok"), ("001", "ok")]
    assert_shown(page, *(row.pill for row in view.history), *(row.identity for row in view.history))


def test_nothing_can_be_applied_from_the_page(
    production_elsewhere: Environment, requester: User, client_of: ClientOf
) -> None:
    client = client_of(requester)
    page = client.get("/environments/production/")
    apply = page.context["page"].apply
    assert_refused(page, apply, "another database")
    assert not any(entry.runs_next for entry in page.context["page"].waiting)
    refused = client.get("/environments/production/apply/")
    assert (refused.status_code, error_code(refused)) == (409, "other_database")


def test_an_open_request_cannot_be_approved_and_can_be_rejected(
    two_files: Project,
    open_request: Callable[[User], ChangeRequest],
    requester: User,
    approver: User,
    point_at: PointAt,
    copy_of: CopyOf,
    client_of: ClientOf,
) -> None:
    observations.refresh_all()
    request, client = open_request(requester), client_of(approver)
    observations.refresh(point_at(two_files.production, copy_of(two_files.production)))
    page = client.get(f"/requests/{request.pk}/")
    approve = page.context["actions"].approve
    assert_refused(page, approve, "another database")
    assert client.post(f"/requests/{request.pk}/approve/", {"digest": request.digest}).status_code == 409
    client.post(f"/requests/{request.pk}/reject/", {"digest": request.digest, "reason": "Not there"})
    request.refresh_from_db()
    assert request.status == "rejected"


def test_an_approved_request_cannot_be_run(
    two_files: Project,
    open_request: Callable[[User], ChangeRequest],
    requester: User,
    approver: User,
    point_at: PointAt,
    copy_of: CopyOf,
    client_of: ClientOf,
) -> None:
    observations.refresh_all()
    request = open_request(requester)
    client_of(approver).post(f"/requests/{request.pk}/approve/", {"digest": request.digest})
    observations.refresh(point_at(two_files.production, copy_of(two_files.production)))
    client = client_of(requester)
    page = client.get(f"/requests/{request.pk}/")
    run = page.context["actions"].run
    assert_refused(page, run, "another database")
    refused = client.post(run.url, {"typed_name": "production"})
    assert (refused.status_code, error_code(refused)) == (409, "database_not_confirmed")


def test_the_overview_says_it_first(production_elsewhere: Environment, viewer: User, client_of: ClientOf) -> None:
    page = client_of(viewer).get("/")
    first, *others = page.context["page"].sentences
    assert ("Production" in first.text, says(first.text, "another database"), first.tone) == (True, True, "danger")
    assert any(says(sentence.text, "behind") for sentence in others)
    assert_shown(page, first, page.context["page"].cards[1].pill)
    assert page.context["page"].cards[1].pill.label == "Other database"


def test_the_overview_says_of_swapped_urls_that_both_lead_elsewhere(
    two_files: Project, viewer: User, point_at: PointAt, client_of: ClientOf
) -> None:
    observations.refresh_all()
    point_at(two_files.staging, two_files.databases["production"])
    point_at(two_files.production, two_files.databases["staging"])
    observations.refresh_all()
    page = client_of(viewer).get("/")
    first = page.context["page"].sentences[0]
    assert (says(first.text, "Staging and Production"), says(first.text, "another database")) == (True, True)
    assert_shown(page, first)


def test_a_refresh_says_so(production_elsewhere: Environment, viewer: User, client_of: ClientOf) -> None:
    answer = client_of(viewer).post("/environments/production/refresh/", follow=True)
    (message,) = answer.context["messages"]
    assert (message.level_tag, says(message.message, "another database")) == ("warning", True)
    assert_shown(answer, message.message)


def test_it_shows_both_side_by_side(
    two_files: Project, production_elsewhere: Environment, admin: User, client_of: ClientOf
) -> None:
    page = client_of(admin).get(PAGE)
    before, now = targets.read(two_files.production).identity, targets.read(production_elsewhere).identity
    rows = page.context["comparison"].rows
    assert [(row.bound, row.current) for row in rows[:4]] == [
        (before.database, now.database),
        (before.system_identifier, now.system_identifier),
        (str(before.database_oid), str(now.database_oid)),
        ("0", "0"),
    ]
    assert [row.pill is not None for row in rows[:4]] == [True, False, True, False], "what differs is marked"
    assert_shown(page, rows, *(row.pill for row in rows if row.pill))
    assert (page.context["comparison"].known_as, alerts(page)) == ("", [])


def test_it_names_the_environment_whose_database_it_is(
    two_files: Project, admin: User, point_at: PointAt, client_of: ClientOf
) -> None:
    observations.refresh_all()
    point_at(two_files.production, two_files.databases["staging"])
    page = client_of(admin).get(PAGE)
    assert (page.context["comparison"].known_as, alerts(page)) == ("Staging", ["danger"])
    assert says(text(page), "database of Staging")


def test_an_administrator_confirms_it(production_elsewhere: Environment, admin: User, client_of: ClientOf) -> None:
    client = client_of(admin)
    answer = confirm(client)
    assert answer.redirect_chain == [("/environments/production/", 302)]
    now = targets.read(production_elsewhere).identity
    assert [message.level_tag for message in answer.context["messages"]] == ["success"]
    assert answer.context["page"].card.trouble == ""
    assert Observation.objects.get(pk="production").ok
    audit = text(client.get("/audit/"))
    assert f"carol confirmed another database: {now.database} (oid {now.database_oid}) on server" in audit
    assert "Restored from last night's backup" in audit


@pytest.mark.parametrize(
    ("answers", "field"),
    [({"reason": " "}, "reason"), ({"typed_name": "prod"}, "typed_name"), ({"typed_name": ""}, "typed_name")],
)
def test_it_wants_a_reason_and_the_name(
    production_elsewhere: Environment, admin: User, client_of: ClientOf, answers: dict[str, str], field: str
) -> None:
    answer = confirm(client_of(admin), **answers)
    errors = answer.context["form"].errors
    assert (answer.status_code, list(errors)) == (422, [field])
    assert_shown(answer, *errors[field])
    assert seen.bound_to(production_elsewhere) != targets.read(production_elsewhere).identity


def test_an_unprotected_environment_wants_no_name(
    two_files: Project, admin: User, point_at: PointAt, copy_of: CopyOf, client_of: ClientOf
) -> None:
    observations.refresh_all()
    point_at(two_files.staging, copy_of(two_files.staging))
    assert "typed_name" not in controls(client_of(admin).get("/environments/staging/rebind/"))
    assert "reason" in controls(client_of(admin).get("/environments/staging/rebind/"))


def test_what_was_not_on_the_page_is_not_confirmed(
    two_files: Project,
    production_elsewhere: Environment,
    admin: User,
    point_at: PointAt,
    copy_of: CopyOf,
    client_of: ClientOf,
) -> None:
    client = client_of(admin)
    mark = hidden(client.get(PAGE), "mark")
    point_at(two_files.production, copy_of(two_files.production))
    answer = client.post(PAGE, {"mark": mark, **WHY})
    assert (answer.status_code, error_code(answer)) == (409, "page_outdated")
    assert seen.bound_to(production_elsewhere) != targets.read(production_elsewhere).identity


def test_there_is_nothing_to_confirm_of_the_same_database(two_files: Project, admin: User, client_of: ClientOf) -> None:
    observations.refresh_all()
    answer = client_of(admin).get(PAGE)
    assert (answer.status_code, error_code(answer)) == (422, "nothing_to_do")


def test_a_page_about_another_database_asks_the_control_database_no_more_often(
    production_elsewhere: Environment,
    viewer: User,
    client_of: ClientOf,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    client = client_of(viewer)
    with django_assert_max_num_queries(50) as sound:
        client.get("/environments/staging/")
    with django_assert_max_num_queries(len(sound)):
        client.get("/environments/production/")
