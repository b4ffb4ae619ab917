"""The pages of tokens: shown once, listed without a secret, revoked by a button."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from dashboard.models import ApiToken, AuditEvent
from dashboard.services import callers
from dashboard.services.audit import Event
from tests.fix_people import ClientOf, signed_in_at
from tests.fix_tokens import Caller, MakeToken
from tests.views.pages import text

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from tests.fix_project import Project

pytestmark = pytest.mark.django_db

SENT = {
    "name": "gitlab",
    "account": "own",
    "scopes": ["migrations:read", "runs:start"],
    "environments": ["staging"],
    "days": "7",
}


def test_a_token_is_shown_once_and_works(admin: User, client_of: ClientOf, project: Project) -> None:
    client = client_of(admin)
    answer = client.post(reverse("token-new"), SENT)
    (text,) = re.findall(r"sbx_\w{54}", answer.content.decode())
    assert "no-store" in answer.headers["Cache-Control"]
    assert callers.authenticate(text, source_ip=None).name == "gitlab"
    page = client.get(reverse("tokens")).content.decode()
    assert text[:12] in page
    assert text not in page
    event = AuditEvent.objects.get(kind=Event.TOKEN_MADE)
    assert (event.actor, event.data["token"], text in str(event.data)) == ("carol", "gitlab", False)


def test_whoever_makes_one_shows_again_who_they_are(admin: User, client_of: ClientOf, project: Project) -> None:
    client = client_of(admin)
    signed_in_at(client, admin, time.time() - 3600)
    answer = client.post(reverse("token-new"), SENT)
    assert answer.headers["Location"].startswith(reverse("account_reauthenticate"))
    assert not ApiToken.objects.exists()


def test_a_form_that_asks_for_nothing_makes_nothing(admin: User, client_of: ClientOf, project: Project) -> None:
    answer = client_of(admin).post(reverse("token-new"), {**SENT, "scopes": []})
    assert answer.status_code == 422
    assert not ApiToken.objects.exists()


def test_a_button_revokes(admin: User, client_of: ClientOf, ci: Caller) -> None:
    assert ci.token
    client = client_of(admin)
    answer = client.post(reverse("token-revoke", args=[ci.token.pk]), follow=True)
    assert "Revoked" in answer.content.decode()
    assert ci.get("/status").status_code == 401
    assert client.post(reverse("token-revoke", args=[4711])).status_code == 404


def test_the_page_of_a_person_says_which_tokens_end_with_them(
    admin: User, superuser: User, client_of: ClientOf, ci: Caller, make_token: MakeToken, requester: User
) -> None:
    make_token(name="of-alice", account=requester)
    client = client_of(superuser)
    address = reverse("person", args=[admin.pk])
    shown = text(client.get(address))
    assert "these tokens are revoked for good" in shown
    assert "github-acme, of-alice." in shown
    assert "revoked for good" not in text(client.get(reverse("person", args=[superuser.pk])))
    client.post(address, {"full_name": "Carol", "email": "", "role": "admin", "active": ""})
    assert not ApiToken.objects.filter(revoked_at=None).exists()
    assert "revoked for good" not in text(client.get(address))
