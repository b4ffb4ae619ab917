"""One's own account: the password, second factors, and the browsers in which one is signed in."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from cryptography.exceptions import InvalidTag
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dashboard.models import AuditEvent, PersonSession
from dashboard.services import links, sessions
from dashboard.services.actors import Actor
from dashboard.views import adapters
from tests.fix_people import ClientOf, signed_in_at
from tests.views.pages import text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db

FORMER, NEW = "correct horse battery staple", "nightfall under a canvas"
ROLES = ("viewer", "requester", "approver", "admin")


def _kinds() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("kind", flat=True))


def _change(client: Client, present: str = FORMER, new: str = NEW, again: str = "") -> int:
    sent = {"present": present, "password": new, "again": again or new}
    return client.post("/account/password/", sent).status_code


def sign_in(client: Client, username: str, password: str, **more: object) -> int:
    return client.post("/sign-in/", {"login": username, "password": password, **more}).status_code


# The password


@pytest.mark.parametrize("role", ROLES)
def test_every_person_changes_their_own_password(
    role: str, request: pytest.FixtureRequest, client_of: ClientOf
) -> None:
    person: User = request.getfixturevalue(role)
    client = client_of(person)
    assert "Account" in text(client.get("/runs/"))
    assert _change(client) == 302
    person.refresh_from_db()
    assert person.check_password(NEW)
    assert client.get("/account/").status_code == 200
    assert _kinds()[-1] == "person.password_set"


def test_other_browsers_are_signed_out_by_it_and_this_one_is_not(viewer: User, client_of: ClientOf) -> None:
    here, elsewhere = client_of(viewer), client_of(viewer)
    assert _change(here) == 302
    assert here.get("/account/").status_code == 200
    assert elsewhere.get("/account/").status_code == 302
    assert _kinds()[-2:] == ["person.password_set", "person.sessions_ended"]


@pytest.mark.parametrize(
    ("present", "new", "again"),
    [
        ("not this", NEW, ""),
        (FORMER, NEW, "another"),
        (FORMER, "short", ""),
        (FORMER, "passwordpassword", ""),
        (FORMER, "vera vera vera", ""),
    ],
    ids=["wrong present one", "typed differently", "short", "common", "their name"],
)
def test_it_is_refused_beside_the_field(viewer: User, client_of: ClientOf, present: str, new: str, again: str) -> None:
    assert _change(client_of(viewer), present, new, again) == 422
    viewer.refresh_from_db()
    assert viewer.check_password(FORMER)


def test_the_present_one_cannot_be_tried_for_ever(viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    for _ in range(10):
        _change(client, present="guessed")
    assert _change(client) == 422


# Sessions


def test_the_page_shows_where_one_is_signed_in_and_ends_one(viewer: User, client_of: ClientOf) -> None:
    here, elsewhere = client_of(viewer), client_of(viewer)
    page = here.get("/account/")
    assert text(page).count("This browser") == 1
    assert elsewhere.session.session_key not in page.content.decode(), "the key of a session is a secret"
    (other,) = [row for row in page.context["sessions"] if not row.is_current]
    assert here.post("/account/sessions/end/", {"session": other.mark}).status_code == 302
    assert elsewhere.get("/account/").status_code == 302
    assert here.get("/account/").status_code == 200


def test_all_others_are_ended_at_once(viewer: User, client_of: ClientOf) -> None:
    here, others = client_of(viewer), [client_of(viewer), client_of(viewer)]
    here.post("/account/sessions/end/")
    assert [client.get("/account/").status_code for client in others] == [302, 302]
    assert here.get("/account/").status_code == 200


def test_nobody_ends_the_session_of_another(viewer: User, approver: User, client_of: ClientOf) -> None:
    mine, theirs = client_of(viewer), client_of(approver)
    (row,) = theirs.get("/account/").context["sessions"]
    mine.post("/account/sessions/end/", {"session": row.mark})
    assert theirs.get("/account/").status_code == 200


def _last_here(client: Client, ago: timedelta, began: timedelta | None = None) -> None:
    now = timezone.now()
    rows = PersonSession.objects.filter(pk=sessions.hash_of(client.session))
    rows.update(seen_at=now - ago, began_at=now - (began or ago))


def test_who_does_nothing_for_an_hour_is_signed_out(viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    _last_here(client, timedelta(minutes=59))
    assert client.get("/account/").status_code == 200
    _last_here(client, timedelta(minutes=62))
    assert client.get("/account/").status_code == 302
    assert client.get("/account/").status_code == 302


def test_a_page_that_refreshes_by_itself_keeps_nobody_signed_in(viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    _last_here(client, timedelta(minutes=30))
    client.get("/runs/", headers={"HX-Request": "true"})
    assert timezone.now() - PersonSession.objects.get().seen_at > timedelta(minutes=29)
    client.get("/runs/")
    assert timezone.now() - PersonSession.objects.get().seen_at < timedelta(minutes=1)


def test_twelve_hours_are_the_longest_whatever_one_does(viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    _last_here(client, timedelta(0), began=timedelta(hours=12, minutes=1))
    assert client.get("/account/").status_code == 302


def test_the_idle_limit_is_a_setting(viewer: User, client_of: ClientOf, settings: SettingsWrapper) -> None:
    client = client_of(viewer)
    settings.IDLE_MINUTES = 0
    _last_here(client, timedelta(hours=11))
    assert client.get("/account/").status_code == 200


def test_reactivation_revives_no_session(viewer: User, admin: User, client_of: ClientOf) -> None:
    from dashboard.services import actors, people

    client = client_of(viewer)
    for active in (False, True):
        before = people.footing(viewer)
        viewer.is_active = active
        viewer.save()
        people.changed(viewer, before=before, by=actors.person(admin))
    assert client.get("/account/").status_code == 302


def test_signing_out_forgets_the_session(viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    client.post("/sign-out/")
    assert not PersonSession.objects.exists()


# Second factors


def _code(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


@pytest.fixture
def app_secret(viewer: User, client_of: ClientOf, django_capture_on_commit_callbacks: Callable[..., object]) -> str:
    """The key of vera's authenticator app, which she has added."""
    client = client_of(viewer)
    page = client.get("/account/app/add/")
    secret: str = page.context["form"].secret
    assert "<path d=" in page.content.decode()
    assert client.post("/account/app/add/", {"code": _code(secret)}).status_code == 302
    assert "Recovery codes" in text(client.get("/account/"))
    return secret


def test_an_app_is_kept_encrypted_and_written_down(viewer: User, app_secret: str) -> None:
    from allauth.mfa.models import Authenticator

    (kept,) = Authenticator.objects.filter(user=viewer, type="totp")
    assert app_secret not in str(kept.data)
    assert _kinds()[-2:] == ["person.second_factor_added", "person.second_factor_added"]


def test_signing_in_asks_for_the_code(viewer: User, app_secret: str) -> None:
    client = Client()
    assert sign_in(client, "vera", FORMER) == 302
    assert client.get("/runs/").status_code == 302, "the password alone lets nobody in"
    assert client.post("/sign-in/second-factor/", {"code": "000000"}).status_code == 200
    assert client.get("/runs/").status_code == 302
    assert client.post("/sign-in/second-factor/", {"code": _code(app_secret)}).status_code == 302
    assert client.get("/runs/").status_code == 200


def test_a_sign_in_that_was_begun_ends_with_the_password_it_began_with(
    viewer: User, app_secret: str, admin: User, acting: Callable[[User], Actor]
) -> None:
    """Whoever waits at the second factor has the former password; the new one was chosen to keep them out."""
    thief = Client()
    assert sign_in(thief, "vera", FORMER) == 302
    links.use(links.make_for(viewer, by=acting(admin)), password=NEW)
    thief.post("/sign-in/second-factor/", {"code": _code(app_secret)})
    assert thief.get("/runs/").status_code == 302
    assert "password was changed" in text(thief.get("/sign-in/"))


def test_a_sign_in_that_was_begun_ends_with_the_account(viewer: User, app_secret: str) -> None:
    thief = Client()
    assert sign_in(thief, "vera", FORMER) == 302
    viewer.is_active = False
    viewer.save()
    thief.post("/sign-in/second-factor/", {"code": _code(app_secret)})
    assert thief.get("/runs/").status_code == 302


def test_what_is_kept_of_a_second_factor_is_sealed_and_older_texts_are_read(settings: SettingsWrapper) -> None:
    former = adapters._former_box().encrypt(b"of before").decode()
    adapter, sealed = adapters.SecondFactorAdapter(), adapters.SecondFactorAdapter().encrypt("secret")
    assert sealed.startswith("gcm:")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another key", [settings.SECRET_KEY]
    assert (adapter.decrypt(sealed), adapter.decrypt(former)) == ("secret", "of before")
    for other in (f"{sealed[:-2]}AA", adapter.encrypt("x")[:-8]):
        with pytest.raises((InvalidTag, ValueError)):
            adapter.decrypt(other)
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(InvalidTag):
        adapter.decrypt(sealed)


def test_who_shows_again_who_they_are_goes_on_with_another_key(viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    former = client.cookies["signalbox_session"].value
    client.post("/account/sessions/end/", {})
    assert client.post("/confirm/", {"password": FORMER}).status_code == 302
    assert client.cookies["signalbox_session"].value != former
    assert client.get("/account/").status_code == 200
    copied = Client()
    copied.cookies["signalbox_session"] = former
    assert copied.get("/account/").status_code == 302


def test_a_code_works_once(viewer: User, app_secret: str) -> None:
    code, first, second = _code(app_secret), Client(), Client()
    for client in (first, second):
        sign_in(client, "vera", FORMER)
        client.post("/sign-in/second-factor/", {"code": code})
    assert first.get("/runs/").status_code == 200
    assert second.get("/runs/").status_code == 302


def test_a_cache_that_others_fill_forgets_no_used_code(viewer: User, app_secret: str) -> None:
    """Django's keeps 300 entries and throws a third of them away once there are more."""
    code = _code(app_secret)
    for filled in (False, True):
        client = Client()
        sign_in(client, "vera", FORMER)
        client.post("/sign-in/second-factor/", {"code": code})
        if not filled:
            cache.set_many({f"zzz-{number}": 1 for number in range(700)})
    assert client.get("/runs/").status_code == 302


def test_codes_cannot_be_tried_for_ever(viewer: User, app_secret: str) -> None:
    client = Client()
    sign_in(client, "vera", FORMER)
    for number in range(10):
        client.post("/sign-in/second-factor/", {"code": f"{number:06}"})
    client.post("/sign-in/second-factor/", {"code": _code(app_secret)})
    assert client.get("/runs/").status_code == 302


def test_a_wrong_code_is_written_down_because_the_password_was_right(viewer: User, app_secret: str) -> None:
    client = Client()
    sign_in(client, "vera", FORMER)
    for _ in range(3):
        client.post("/sign-in/second-factor/", {"code": "000000"})
    (event,) = AuditEvent.objects.filter(kind="person.sign_in_failed")
    assert (event.actor, event.data) == ("vera", {"factor": "an authenticator app"})


def test_a_link_for_a_lost_password_leaves_the_second_factor(
    viewer: User, admin: User, app_secret: str, acting: Callable[[User], Actor]
) -> None:
    links.use(links.make_for(viewer, by=acting(admin)), password=NEW)
    client = Client()
    assert sign_in(client, "vera", NEW) == 302
    assert client.get("/runs/").status_code == 302
    client.post("/sign-in/second-factor/", {"code": _code(app_secret)})
    assert client.get("/runs/").status_code == 200


def test_ending_a_session_asks_who_is_there(viewer: User, client_of: ClientOf) -> None:
    client_of(viewer)
    stale = client_of(viewer)
    signed_in_at(stale, viewer, time.time() - 3600)
    assert stale.post("/account/sessions/end/").headers["Location"].startswith("/confirm/")
    assert PersonSession.objects.filter(person=viewer).count() == 2


def test_a_recovery_code_stands_for_it_once(viewer: User, app_secret: str) -> None:
    from allauth.mfa.models import Authenticator

    codes = Authenticator.objects.get(user=viewer, type="recovery_codes").wrap().get_unused_codes()
    for expected in (200, 302):
        client = Client()
        sign_in(client, "vera", FORMER)
        client.post("/sign-in/second-factor/", {"code": codes[0]})
        assert client.get("/runs/").status_code == expected


@pytest.fixture
def approvers_need_one(settings: SettingsWrapper) -> None:
    settings.SECOND_FACTOR_ROLES = frozenset({"approver"})


def test_a_role_that_needs_a_second_factor_sees_nothing_before(
    approvers_need_one: None, approver: User, viewer: User, client_of: ClientOf
) -> None:
    client = client_of(approver)
    for address in ("/", "/runs/", "/requests/", "/audit/"):
        assert client.get(address).headers["Location"] == "/account/"
    assert client.post("/theme/", {"theme": "dark"}).status_code == 302
    assert "needs a second factor" in text(client.get("/account/"))
    assert client.get("/account/app/add/").status_code == 200
    assert client_of(viewer).get("/runs/").status_code == 200


def test_with_one_it_goes_on(approvers_need_one: None, approver: User, client_of: ClientOf) -> None:
    client = client_of(approver)
    secret = client.get("/account/app/add/").context["form"].secret
    client.post("/account/app/add/", {"code": _code(secret)})
    assert client.get("/runs/").status_code == 200


def test_whoever_signed_in_long_ago_shows_first_who_they_are(viewer: User, client_of: ClientOf) -> None:
    from tests.fix_people import signed_in_at

    client = client_of(viewer)
    signed_in_at(client, viewer, time.time() - 301)
    answer = client.get("/account/app/add/")
    assert answer.headers["Location"].startswith(reverse("account_reauthenticate"))
