"""How people join and come back: one-time links, which nobody but their person uses."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from dashboard.models import AuditEvent, OneTimeLink
from dashboard.models.roles import Role
from dashboard.services import links
from dashboard.services.actors import Actor
from dashboard.services.errors import LinkUnusable, NameRefused, PermissionRefused
from tests.fix_people import ClientOf
from tests.views.pages import text

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db

SECRET = "nightfall under a canvas"
CHOSEN = {"password": SECRET, "again": SECRET}


def _invite(client: Client, **changes: str) -> str:
    """The address of the link that the page shows."""
    sent = {"username": "nora", "full_name": "Nora Berg", "email": "nora@example.com", "role": "approver", **changes}
    answer = client.post("/people/invite/", sent)
    assert answer.status_code == 200
    (address,) = re.findall(r"http://testserver(/join/[\w-]+/)", answer.content.decode())
    return str(address)


def _nora() -> User:
    from django.contrib.auth.models import User

    return User.objects.get(username="nora")


def test_somebody_invited_chooses_their_own_password(admin: User, client_of: ClientOf, client: Client) -> None:
    address = _invite(client_of(admin))
    assert not _nora().has_usable_password()
    assert "carol invited you as nora" in text(client.get(address))
    assert client.post(address, CHOSEN).headers["Location"] == "/sign-in/"
    assert client.post("/sign-in/", {"login": "nora", "password": SECRET}).status_code == 302
    assert "approver" in text(client.get("/account/"))
    kinds = list(AuditEvent.objects.order_by("id").values_list("kind", flat=True))
    assert kinds[1:] == ["person.invited", "person.link_used", "person.signed_in"]


def test_the_database_does_not_know_the_link(admin: User, client_of: ClientOf) -> None:
    token = _invite(client_of(admin)).split("/")[2]
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(l)::text FROM dashboard_onetimelink l")
        kept = str(cursor.fetchall())
        cursor.execute("SELECT row_to_json(a)::text FROM dashboard_auditevent a")
        kept += str(cursor.fetchall())
    assert token not in kept


def test_a_link_works_once(admin: User, client_of: ClientOf, client: Client) -> None:
    address = _invite(client_of(admin))
    assert client.post(address, CHOSEN).status_code == 302
    other = dict.fromkeys(CHOSEN, "another canvas at noon")
    assert client.post(address, other).status_code == 422
    assert _nora().check_password(SECRET)


def test_opening_it_uses_nothing_up_and_a_weak_password_neither(
    admin: User, client_of: ClientOf, client: Client
) -> None:
    address = _invite(client_of(admin))
    for _ in range(3):
        assert client.get(address).status_code == 200
    assert client.post(address, dict.fromkeys(CHOSEN, "123456789012")).status_code == 422
    assert client.post(address, CHOSEN).status_code == 302


def test_it_expires_after_72_hours(admin: User, client_of: ClientOf, client: Client) -> None:
    address = _invite(client_of(admin))
    link = OneTimeLink.objects.get()
    assert link.expires_at - link.made_at == timedelta(hours=72)
    OneTimeLink.objects.update(expires_at=timezone.now())
    assert client.get(address).status_code == 422
    assert client.post(address, CHOSEN).status_code == 422


def test_of_a_person_who_was_deactivated_it_does_not_work(admin: User, client_of: ClientOf, client: Client) -> None:
    address = _invite(client_of(admin))
    nora = _nora()
    nora.is_active = False
    nora.save()
    assert client.post(address, CHOSEN).status_code == 422


def test_a_lost_password_is_a_new_link_and_the_old_password_lasts_until_then(
    admin: User, viewer: User, client_of: ClientOf, client: Client
) -> None:
    signed_in = client_of(viewer)
    answers = [client_of(admin).post(f"/people/{viewer.pk}/link/") for _ in range(2)]
    first, second = (re.findall(r"/join/[\w-]+/", answer.content.decode())[0] for answer in answers)
    viewer.refresh_from_db()
    assert viewer.check_password("correct horse battery staple")
    assert signed_in.get("/account/").status_code == 200
    assert client.get(first).status_code == 422, "the next one replaces it"
    assert client.post(second, CHOSEN).status_code == 302
    viewer.refresh_from_db()
    assert viewer.check_password(SECRET)
    assert signed_in.get("/account/").status_code == 302, "whoever had the old password is out"


def test_only_a_superuser_makes_a_link_for_a_superuser(admin: User, client_of: ClientOf) -> None:
    from django.contrib.auth.models import User

    root = User.objects.create_superuser("root", password="correct horse battery staple")
    assert client_of(admin).post(f"/people/{root.pk}/link/").status_code == 403
    assert client_of(admin).post(f"/people/{root.pk}/second-factor/remove/").status_code == 403
    assert not OneTimeLink.objects.exists()
    assert client_of(root).post(f"/people/{root.pk}/link/").status_code == 200


def test_nobody_else_invites(bob: Actor) -> None:
    with pytest.raises(PermissionRefused):
        links.invite(by=bob, username="nora", role=Role.ADMIN)


def test_the_list_shows_who_may_come_in(admin: User, viewer: User, client_of: ClientOf) -> None:
    client = client_of(admin)
    _invite(client)
    shown = text(client.get("/people/"))
    assert "nora Nora Berg" in shown
    assert "Invited" in shown
    assert "vera" in shown


@pytest.mark.parametrize(
    "name",
    ["signalbox", "SignalBox", "s1gnalbox", "postgres", "system", "c\u0430rol", "car0l", "C-arol", "no ra", ""],
)
def test_names_that_lie_are_refused(admin: User, client_of: ClientOf, name: str) -> None:
    sent = {"username": name, "role": "viewer"}
    assert client_of(admin).post("/people/invite/", sent).status_code == 422
    assert not OneTimeLink.objects.exists()


@pytest.mark.parametrize("name", ["nora", "nora.berg", "nora@example.com", "n0ra-b"])
def test_plain_names_are_taken(carol: Actor, name: str) -> None:
    links.invite(by=carol, username=name, role=Role.VIEWER)
    with pytest.raises(NameRefused):
        links.invite(by=carol, username=name.upper(), role=Role.VIEWER)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_use_a_link_at_once_one_wins(admin: User, acting: Callable[[User], Actor]) -> None:
    _, token = links.invite(by=acting(admin), username="nora", role=Role.VIEWER)
    passwords, results = ["nightfall under a canvas", "another canvas at noon"], []

    def use(password: str) -> None:
        try:
            links.use(token, password=password)
            results.append(password)
        except LinkUnusable:
            results.append("")
        finally:
            connection.close()

    threads = [threading.Thread(target=use, args=[password]) for password in passwords]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(bool, results)) == [False, True]
    assert _nora().check_password(max(results))


# createsuperuser


def _create(monkeypatch: pytest.MonkeyPatch, name: str, password: str) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", password)
    call_command("createsuperuser", "--noinput", "--username", name, "--email", "", verbosity=0)


def test_createsuperuser_is_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    _create(monkeypatch, "sue", SECRET)
    events = [(e.actor, e.kind, e.data) for e in AuditEvent.objects.order_by("id")]
    assert events == [
        ("createsuperuser", "person.created", {"name": "sue"}),
        ("createsuperuser", "person.role_changed", {"name": "sue", "before": [], "after": ["superuser"]}),
    ]


@pytest.mark.parametrize(("name", "password"), [("ghost", "short"), ("signalbox", SECRET), ("b\u043eb", SECRET)])
def test_createsuperuser_asks_what_everybody_is_asked(
    monkeypatch: pytest.MonkeyPatch, name: str, password: str
) -> None:
    from django.contrib.auth.models import User

    with pytest.raises(CommandError, match="Nobody was made"):
        _create(monkeypatch, name, password)
    assert not User.objects.exists()
    assert not AuditEvent.objects.exists()


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_createsuperuser_offers_nobody_a_way_round_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Django asks whether to go on all the same, and whoever types y has a password that is refused elsewhere."""
    from django.contrib.auth.models import User

    typed = iter(["short", "short", SECRET, "something else", SECRET, SECRET])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(typed))
    monkeypatch.setattr("builtins.input", lambda prompt: "y")
    errors = io.StringIO()
    call_command("createsuperuser", "--username", "sue", "--email", "", stdin=_Terminal(), stderr=errors, verbosity=0)
    assert "at least 12 characters" in errors.getvalue()
    assert "The two are not the same." in errors.getvalue()
    assert User.objects.get(username="sue").check_password(SECRET)


def test_createsuperuser_asks_nobody_where_nobody_can_answer() -> None:
    with pytest.raises(CommandError, match="--noinput"):
        call_command("createsuperuser", "--username", "sue", stdin=io.StringIO(), verbosity=0)
