"""Confirming another database: administrators only, with both side by side, a reason, and the name where protected."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from config.environments import Environment
from dashboard.models import Observation
from dashboard.selectors import observations as seen
from dashboard.services import observations, targets
from tests.fix_line import Line
from tests.fix_people import ClientOf
from tests.fix_postgres import Database
from tests.views.pages import hidden, text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpResponse
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from dashboard.models import ChangeRequest, Run

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/environments/production/rebind/"
WHY = {"reason": "Restored from last night's backup", "typed_name": "production"}

type Lead = Callable[[Environment, Database], Environment]
type CopyOf = Callable[[Environment], Database]


@pytest.fixture
def elsewhere(two_files: Line, lead: Lead, copy_of: CopyOf) -> Environment:
    """Production after its URL was set to a copy."""
    observations.refresh_all()
    led = lead(two_files.production, copy_of(two_files.production))
    observations.refresh_all()
    return led


def confirm(client: Client, **answers: str) -> HttpResponse:
    return client.post(PAGE, {"mark": hidden(client.get(PAGE), "mark"), **WHY, **answers}, follow=True)


@pytest.mark.parametrize("who", ["viewer", "requester", "approver"])
def test_others_see_what_is_wrong_and_may_not_confirm(
    elsewhere: Environment, request: pytest.FixtureRequest, client_of: ClientOf, who: str
) -> None:
    client = client_of(request.getfixturevalue(who))
    page = client.get("/environments/production/")
    assert "Production is not the database it was: URL_OF_PRODUCTION led to" in text(page)
    assert "It needs the role admin." in text(page)
    assert PAGE not in page.content.decode()
    assert client.get(PAGE).status_code == client.post(PAGE, WHY).status_code == 403
    assert seen.bound_to(elsewhere) != targets.read(elsewhere).identity


def test_the_page_of_the_environment_leads_there_and_keeps_what_was_seen(
    two_files: Line, admin: User, run_on_staging: Callable[..., Run], lead: Lead, copy_of: CopyOf, client_of: ClientOf
) -> None:
    run_on_staging(admin)
    observations.refresh(lead(two_files.staging, copy_of(two_files.staging)))
    page = client_of(admin).get("/environments/staging/")
    assert 'href="/environments/staging/rebind/"' in page.content.decode()
    assert "Nothing was read from it or changed." in text(page)
    assert "Other database at 002 2 applied" in text(page)
    assert "002 orders Applied" in text(page)


def test_nothing_can_be_applied_from_the_page(elsewhere: Environment, requester: User, client_of: ClientOf) -> None:
    client = client_of(requester)
    page = client.get("/environments/production/")
    assert 'href="/environments/production/apply/"' not in page.content.decode()
    assert "Production leads to another database than before, and no administrator has confirmed that." in text(page)
    assert "runs with the next apply" not in text(page)
    refused = client.get("/environments/production/apply/")
    assert (refused.status_code, "is not the database it was" in text(refused)) == (409, True)


def test_an_open_request_cannot_be_approved_and_can_be_rejected(
    two_files: Line,
    ask: Callable[[User], ChangeRequest],
    requester: User,
    approver: User,
    lead: Lead,
    copy_of: CopyOf,
    client_of: ClientOf,
) -> None:
    observations.refresh_all()
    request, client = ask(requester), client_of(approver)
    observations.refresh(lead(two_files.production, copy_of(two_files.production)))
    page = client.get(f"/requests/{request.pk}/")
    assert "Production leads to another database than before" in text(page)
    assert "Approve and apply now" not in text(page)
    assert client.post(f"/requests/{request.pk}/approve/", {"digest": request.digest}).status_code == 409
    client.post(f"/requests/{request.pk}/reject/", {"digest": request.digest, "reason": "Not there"})
    request.refresh_from_db()
    assert request.status == "rejected"


def test_an_approved_request_cannot_be_run(
    two_files: Line,
    ask: Callable[[User], ChangeRequest],
    requester: User,
    approver: User,
    lead: Lead,
    copy_of: CopyOf,
    client_of: ClientOf,
) -> None:
    observations.refresh_all()
    request = ask(requester)
    client_of(approver).post(f"/requests/{request.pk}/approve/", {"digest": request.digest})
    observations.refresh(lead(two_files.production, copy_of(two_files.production)))
    client = client_of(requester)
    assert "leads to another database than before" in text(client.get(f"/requests/{request.pk}/"))
    refused = client.post(f"/requests/{request.pk}/run/", {"typed_name": "production"})
    assert (refused.status_code, "leads to another database than before" in text(refused)) == (409, True)


def test_the_overview_says_it_first(elsewhere: Environment, viewer: User, client_of: ClientOf) -> None:
    page = text(client_of(viewer).get("/"))
    assert "Production leads to another database than before. Nothing runs there until that is settled." in page
    assert page.index("Production leads to") < page.index("migrations behind")
    assert "Other database" in page


def test_the_overview_says_of_swapped_urls_that_both_lead_elsewhere(
    two_files: Line, viewer: User, lead: Lead, client_of: ClientOf
) -> None:
    observations.refresh_all()
    lead(two_files.staging, two_files.databases["production"])
    lead(two_files.production, two_files.databases["staging"])
    observations.refresh_all()
    assert "Staging and Production lead to another database than before." in text(client_of(viewer).get("/"))


def test_a_refresh_says_so(elsewhere: Environment, viewer: User, client_of: ClientOf) -> None:
    answer = client_of(viewer).post("/environments/production/refresh/", follow=True)
    assert "Production leads to another database than before." in text(answer)


def test_it_shows_both_side_by_side(two_files: Line, elsewhere: Environment, admin: User, client_of: ClientOf) -> None:
    page = text(client_of(admin).get(PAGE))
    before, now = targets.read(two_files.production).identity, targets.read(elsewhere).identity
    assert f"Database {before.database} {now.database} Differs" in page
    assert f"Server (system identifier) {before.system_identifier} {now.system_identifier} Database number" in page
    assert f"Database number (oid) {before.database_oid} {now.database_oid} Differs" in page
    assert "Migrations recorded 0 0 Newest" in page
    assert "This is the database of" not in page


def test_it_names_the_environment_whose_database_it_is(
    two_files: Line, admin: User, lead: Lead, client_of: ClientOf
) -> None:
    observations.refresh_all()
    lead(two_files.production, two_files.databases["staging"])
    page = text(client_of(admin).get(PAGE))
    assert "This is the database of Staging. Two URLs may have been swapped." in page


def test_an_administrator_confirms_it(elsewhere: Environment, admin: User, client_of: ClientOf) -> None:
    client = client_of(admin)
    answer = confirm(client)
    assert answer.redirect_chain == [("/environments/production/", 302)]
    now = targets.read(elsewhere).identity
    assert "Production is bound to the other database from now on." in text(answer)
    assert "is not the database it was" not in text(answer)
    assert Observation.objects.get(pk="production").ok
    audit = text(client.get("/audit/"))
    assert f"carol confirmed another database: {now.database} (oid {now.database_oid}) on server" in audit
    assert "Restored from last night's backup" in audit


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"reason": " "}, "Write why; it is kept with the record."),
        ({"typed_name": "prod"}, "The name you typed is not production."),
        ({"typed_name": ""}, "This field is required."),
    ],
)
def test_it_wants_a_reason_and_the_name(
    elsewhere: Environment, admin: User, client_of: ClientOf, answers: dict[str, str], said: str
) -> None:
    answer = confirm(client_of(admin), **answers)
    assert (answer.status_code, said in text(answer)) == (422, True)
    assert seen.bound_to(elsewhere) != targets.read(elsewhere).identity


def test_an_unprotected_environment_wants_no_name(
    two_files: Line, admin: User, lead: Lead, copy_of: CopyOf, client_of: ClientOf
) -> None:
    observations.refresh_all()
    lead(two_files.staging, copy_of(two_files.staging))
    assert "Type staging" not in text(client_of(admin).get("/environments/staging/rebind/"))


def test_what_was_not_on_the_page_is_not_confirmed(
    two_files: Line, elsewhere: Environment, admin: User, lead: Lead, copy_of: CopyOf, client_of: ClientOf
) -> None:
    client = client_of(admin)
    mark = hidden(client.get(PAGE), "mark")
    lead(two_files.production, copy_of(two_files.production))
    answer = client.post(PAGE, {"mark": mark, **WHY})
    assert answer.status_code == 409
    assert "Production leads to yet another database since the page was opened." in text(answer)
    assert seen.bound_to(elsewhere) != targets.read(elsewhere).identity


def test_there_is_nothing_to_confirm_of_the_same_database(two_files: Line, admin: User, client_of: ClientOf) -> None:
    observations.refresh_all()
    answer = client_of(admin).get(PAGE)
    assert answer.status_code == 422
    assert "its URL leads to the database that it is bound to" in text(answer)


def test_a_page_about_another_database_asks_the_control_database_no_more_often(
    elsewhere: Environment,
    viewer: User,
    client_of: ClientOf,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    client = client_of(viewer)
    with django_assert_max_num_queries(50) as sound:
        client.get("/environments/staging/")
    with django_assert_max_num_queries(len(sound)):
        client.get("/environments/production/")
