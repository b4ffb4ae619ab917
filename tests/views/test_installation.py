"""The page of the installation: what it is, and letting a copy run migrations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.models import Installation
from dashboard.services import installations
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.services.test_copies import be_copied
from tests.views.pages import assert_refused, controls, error_code, hidden, text

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from dashboard.models import ChangeRequest
    from dashboard.services.actors import Actor

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/installation/"
WHY = {"reason": "The original burnt down"}


def test_it_says_which_installation_this_is(viewer: User, client_of: ClientOf) -> None:
    page = client_of(viewer).get(PAGE)
    assert installations.identity() in text(page).replace("\u200b", "")
    assert "reason" not in controls(page)


def test_the_first_page_that_is_looked_at_notices_a_copy(project: Project, viewer: User, client_of: ClientOf) -> None:
    original = be_copied()
    page = client_of(viewer).get("/")
    first = page.context["page"].sentences[0]
    assert (first.tone, first.url) == ("danger", PAGE)
    assert original[:8] in text(page)


def test_only_an_administrator_is_given_the_form(viewer: User, admin: User, client_of: ClientOf) -> None:
    be_copied()
    assert "reason" not in controls(client_of(viewer).get(PAGE))
    assert "reason" in controls(client_of(admin).get(PAGE))


def test_an_administrator_lets_it_run_migrations(admin: User, client_of: ClientOf) -> None:
    be_copied()
    client = client_of(admin)
    page = client.get(PAGE)
    assert client.post(PAGE, {**WHY, "reason": "", "identity": hidden(page, "identity")}).status_code == 422
    assert Installation.objects.get().is_held
    after = client.post(PAGE, {**WHY, "identity": hidden(page, "identity")}, follow=True)
    installation = Installation.objects.get()
    assert (installation.is_held, installation.confirmed_because) == (False, WHY["reason"])
    assert "reason" not in controls(after)


def test_another_copy_than_the_one_on_the_page_is_not_confirmed(admin: User, client_of: ClientOf) -> None:
    be_copied()
    client = client_of(admin)
    page = client.get(PAGE)
    be_copied()
    answer = client.post(PAGE, {**WHY, "identity": hidden(page, "identity")})
    assert (answer.status_code, error_code(answer)) == (409, "already_decided")
    assert Installation.objects.get().is_held


def test_a_request_cannot_be_started_there(approved: ChangeRequest, requester: User, client_of: ClientOf) -> None:
    be_copied()
    client = client_of(requester)
    page = client.get(f"/requests/{approved.pk}/")
    assert_refused(page, page.context["actions"].run, "copy")
    answer = client.post(f"/requests/{approved.pk}/run/", {"typed_name": "production"})
    assert (answer.status_code, error_code(answer)) == (409, "copy_not_confirmed")


@pytest.fixture
def approved(two_files: Project, alice: Actor, bob: Actor) -> ChangeRequest:
    from tests.services.workflow import approved_request

    return approved_request(two_files, alice, bob)
