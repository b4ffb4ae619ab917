"""Signing in: how often it may be tried, and showing again who one is before something runs on production."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from dashboard.models import AuditEvent, ChangeRequest, RepeatedEvent, Run, SignInCount
from dashboard.services import approvals, throttle
from dashboard.services.actors import Actor
from tests.at_once import at_once
from tests.fix_people import ClientOf, signed_in_at
from tests.fix_project import Project
from tests.views.pages import text
from tests.views.previews import send

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpResponse
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db

RIGHT = "correct horse battery staple"


def _try(client: Client, username: str, password: str, address: str = "192.0.2.1") -> HttpResponse:
    return client.post("/sign-in/", {"login": username, "password": password}, REMOTE_ADDR=address)


def _enters(client: Client, username: str, password: str = RIGHT, address: str = "192.0.2.1") -> bool:
    return _try(client, username, password, address).status_code == 302


# How often it may be tried


def test_twenty_six_passwords_in_a_row_are_not_looked_at(viewer: User) -> None:
    for number in range(25):
        assert not _enters(Client(), "vera", f"guess {number}", f"192.0.2.{number}")
    answer = _try(Client(), "vera", RIGHT)
    assert answer.status_code == 200
    assert "There were too many tries" in text(answer)


def test_what_is_not_looked_at_is_not_written_down_either(viewer: User) -> None:
    for number in range(40):
        _try(Client(), "vera", f"guess {number}")
    assert AuditEvent.objects.filter(kind="person.sign_in_failed").count() == 1
    assert RepeatedEvent.objects.get().count == throttle.FROM_STRANGERS - 1


def test_whoever_signed_in_here_before_is_not_locked_out_by_strangers(viewer: User) -> None:
    mine = Client()
    assert _enters(mine, "vera", address="192.0.2.99")
    mine.post("/sign-out/")
    for number in range(25):
        _try(Client(), "vera", f"guess {number}", f"198.51.100.{number}")
    assert not _enters(Client(), "vera", address="192.0.2.50")
    assert _enters(mine, "vera", address="192.0.2.99")


def test_a_known_browser_has_its_limit_too_and_is_known_for_its_own_people_alone(viewer: User, approver: User) -> None:
    mine = Client()
    _enters(mine, "vera")
    mine.post("/sign-out/")
    for number in range(throttle.FROM_KNOWN_BROWSER):
        _try(mine, "vera", f"guess {number}")
    assert not _enters(mine, "vera")
    for number in range(throttle.FROM_STRANGERS):
        _try(mine, "bob", f"guess {number}", f"198.51.100.{number}")
    assert not _enters(mine, "bob", address="192.0.2.7")


def test_a_cookie_that_somebody_made_up_is_worth_nothing(viewer: User, settings: SettingsWrapper) -> None:
    forger = Client()
    forger.cookies[settings.KNOWN_BROWSER_COOKIE_NAME] = "InZlcmEi:1tForged:abc"
    for number in range(throttle.FROM_STRANGERS):
        _try(Client(), "vera", f"guess {number}", f"198.51.100.{number}")
    assert not _enters(forger, "vera")


def test_an_address_that_tries_many_names_is_stopped(viewer: User) -> None:
    for number in range(throttle.BY_ADDRESS):
        _try(Client(), f"name{number}", "guess")
    assert not _enters(Client(), "vera")
    assert _enters(Client(), "vera", address="192.0.2.2")


def test_strangers_at_the_same_address_lock_no_known_browser_out(viewer: User) -> None:
    """Everybody behind one office, or behind a proxy that is not declared."""
    mine = Client()
    assert _enters(mine, "vera", address="192.0.2.99")
    mine.post("/sign-out/")
    for number in range(throttle.BY_ADDRESS):
        _try(Client(), f"name{number}", "guess", "192.0.2.99")
    assert not _enters(Client(), "vera", address="192.0.2.99")
    assert _enters(mine, "vera", address="192.0.2.99")


@pytest.mark.parametrize("remembers", [True, False], ids=["one browser", "a new browser each time"])
def test_passwords_that_are_right_use_no_address_up(
    viewer: User, remembers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "BY_ADDRESS", 3)
    browser = Client()
    for _ in range(throttle.BY_ADDRESS + 2):
        assert _enters(browser, "vera")
        browser.post("/sign-out/")
        browser = browser if remembers else Client()


def test_signing_in_oneself_gives_no_address_its_guesses_back(viewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "BY_ADDRESS", 3)
    mine = Client()
    for number in range(throttle.BY_ADDRESS):
        assert _enters(mine, "vera")
        mine.post("/sign-out/")
        _try(Client(), f"name{number}", "guess")
    assert not _enters(Client(), "vera")


def test_after_a_quarter_of_an_hour_it_may_be_tried_again(viewer: User) -> None:
    for number in range(25):
        _try(Client(), "vera", f"guess {number}", f"198.51.100.{number}")
    SignInCount.objects.update(since=timezone.now() - timedelta(minutes=16))
    assert _enters(Client(), "vera")


def test_nothing_that_was_typed_is_kept(viewer: User) -> None:
    _try(Client(), "My-Secret-Passw0rd!", "guess")
    assert all("Secret" not in row.key for row in SignInCount.objects.all())
    assert SignInCount.objects.count() == 2


def test_a_password_that_is_right_ends_the_count_of_that_account(viewer: User) -> None:
    for block in range(3):
        for number in range(throttle.FROM_STRANGERS - 1):
            _try(Client(), "vera", "guess", f"198.51.{block}.{number}")
        assert _enters(Client(), "vera", address=f"192.0.2.{block}")


@pytest.mark.django_db(transaction=True)
def test_tries_at_the_same_moment_are_all_counted(viewer: User) -> None:
    at_once(*[lambda: throttle._count("the same")] * 8)
    assert SignInCount.objects.get().tries == 8


@pytest.mark.parametrize("begins", ["/sign-in/passkey/", "/sign-in/with/oidc/", "/sign-in/github/"])
def test_strangers_do_not_fill_the_table_of_sessions(begins: str) -> None:
    """Each beginning keeps a row for whoever asks, who need not be anybody."""
    ask = {"REMOTE_ADDR": "192.0.2.1", "HTTP_ACCEPT": "application/json"}
    answers = [Client().get(begins, **ask).status_code for _ in range(throttle.BEGINNINGS + 5)]
    assert answers[-5:] == [429] * 5
    assert 429 not in answers[:-5]
    assert Session.objects.count() <= throttle.BEGINNINGS
    assert Client().get(begins, REMOTE_ADDR="192.0.2.2").status_code != 429


def test_next_leads_nowhere_else(viewer: User) -> None:
    for address in ("https://evil.test/", "//evil.test/", "javascript:alert(1)", "/\\evil.test"):
        client = Client()
        answer = client.post("/sign-in/", {"login": "vera", "password": RIGHT, "next": address})
        assert answer.headers["Location"] == "/", address
    answer = Client().post("/sign-in/", {"login": "vera", "password": RIGHT, "next": "/runs/"})
    assert answer.headers["Location"] == "/runs/"


# Showing again who one is


def _approval(request: ChangeRequest) -> dict[str, str]:
    return {"digest": request.digest, "comment": "Read it twice", "then": ""}


@pytest.fixture
def stale_client(approver: User, client_of: ClientOf) -> Client:
    """bob, who signed in six minutes ago."""
    client = client_of(approver)
    signed_in_at(client, approver, time.time() - 360)
    return client


@pytest.fixture
def opened_request(open_request: Callable[[User], ChangeRequest], requester: User) -> ChangeRequest:
    return open_request(requester)


def test_who_just_signed_in_approves(opened_request: ChangeRequest, approver: User, client_of: ClientOf) -> None:
    client_of(approver).post(f"/requests/{opened_request.pk}/approve/", _approval(opened_request))
    opened_request.refresh_from_db()
    assert opened_request.status == ChangeRequest.Status.APPROVED


def test_a_cookie_of_an_hour_ago_approves_nothing_and_the_form_is_kept(
    opened_request: ChangeRequest, stale_client: Client
) -> None:
    answer = stale_client.post(f"/requests/{opened_request.pk}/approve/", _approval(opened_request))
    assert answer.headers["Location"] == f"/confirm/?next=%2Frequests%2F{opened_request.pk}%2Fapprove%2F"
    opened_request.refresh_from_db()
    assert opened_request.status == ChangeRequest.Status.OPEN
    confirm = answer.headers["Location"]
    assert "Confirm that it is you" in text(stale_client.get(confirm))
    next_page = f"/requests/{opened_request.pk}/approve/"
    assert stale_client.post("/confirm/", {"password": "not this", "next": next_page}).status_code == 200
    opened_request.refresh_from_db()
    assert opened_request.status == ChangeRequest.Status.OPEN
    answer = stale_client.post("/confirm/", {"password": RIGHT, "next": next_page})
    assert answer.headers["Location"] == f"/requests/{opened_request.pk}/"
    opened_request.refresh_from_db()
    assert opened_request.status == ChangeRequest.Status.APPROVED
    assert opened_request.decisions.get().reason == "Read it twice"


def test_an_address_with_a_question_keeps_its_form_too(two_files: Project, stale_client: Client) -> None:
    address = "/environments/production/apply/?upto=001"
    digest = stale_client.get(address).context["form"]["digest"].value()
    asks = stale_client.post(address, {"digest": digest, "reason": "December release"}).headers["Location"]
    assert asks.startswith("/confirm/")
    answer = stale_client.post("/confirm/", {"password": RIGHT, "next": address})
    assert answer.headers["Location"].startswith("/requests/")
    assert ChangeRequest.objects.get().reason == "December release"


def test_a_form_that_was_left_is_not_sent_by_confirming_something_else(
    opened_request: ChangeRequest, stale_client: Client
) -> None:
    stale_client.post(f"/requests/{opened_request.pk}/approve/", _approval(opened_request))
    asks = stale_client.get("/account/app/add/").headers["Location"]
    assert asks.startswith("/confirm/")
    answer = stale_client.post("/confirm/", {"password": RIGHT, "next": "/account/app/add/"})
    assert answer.headers["Location"] == "/account/app/add/"
    opened_request.refresh_from_db()
    assert opened_request.status == ChangeRequest.Status.OPEN


def test_what_is_typed_wrong_is_told_before(opened_request: ChangeRequest, stale_client: Client) -> None:
    sent = {**_approval(opened_request), "then": "run", "typed_name": "produktion"}
    assert stale_client.post(f"/requests/{opened_request.pk}/approve/", sent).status_code == 422


def test_an_approved_run_asks_too(
    opened_request: ChangeRequest, stale_client: Client, carol: Actor, settings: SettingsWrapper
) -> None:
    approvals.approve(opened_request.pk, by=carol, digest=opened_request.digest)
    answer = stale_client.post(f"/requests/{opened_request.pk}/run/", {"typed_name": "production"})
    assert answer.headers["Location"].startswith("/confirm/")
    assert not Run.objects.exists()
    settings.REAUTHENTICATE_SECONDS = 0
    assert (
        stale_client.post(f"/requests/{opened_request.pk}/run/", {"typed_name": "production"})
        .headers["Location"]
        .startswith("/runs/")
    )


def test_everything_that_runs_on_production_asks(two_files: Project, admin: User, client_of: ClientOf) -> None:
    """Settling, skipping, accepting and bringing back go the same way as applying: one door."""
    client = client_of(admin)
    signed_in_at(client, admin, time.time() - 3600)
    address = "/environments/production/skip/001/"
    answer = send(client, address, reason="Made by hand in 2024", typed_name="production")
    assert answer.headers["Location"].startswith("/confirm/")
    assert not ChangeRequest.objects.exists()
    assert not Run.objects.exists()


def test_asking_for_a_run_on_a_protected_environment_asks_and_on_a_free_one_does_not(
    two_files: Project, stale_client: Client
) -> None:
    asked: dict[str, str] = {}
    for slug in ("production", "staging"):
        page = stale_client.get(f"/environments/{slug}/apply/")
        digest = page.context["form"]["digest"].value()
        sent = {"digest": digest, "reason": "December release"}
        asked[slug] = stale_client.post(f"/environments/{slug}/apply/", sent).headers["Location"]
    assert asked["production"].startswith("/confirm/")
    assert asked["staging"].startswith("/runs/")
