"""People and their roles: what is changed of them, what must not be possible, and what is written down of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from dashboard.models import AuditEvent
from tests.fix_people import ClientOf, signed_in_at
from tests.presenters.values import says
from tests.views.pages import text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.test import Client

    from tests.fix_tokens import MakeToken

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(admin: User) -> User:
    """carol, who may enter /admin/."""
    admin.is_staff = True
    admin.save()
    return admin


@pytest.fixture
def superuser() -> User:
    from django.contrib.auth.models import User

    return User.objects.create_superuser("root", password="correct horse battery staple")


def _change(client: Client, user: User, role: str = "none", **changes: object) -> int:
    sent = {"full_name": "", "email": "", "role": role, "active": "on", **changes}
    answer = client.post(f"/people/{user.pk}/", sent)
    user.refresh_from_db()
    return answer.status_code


def _written() -> list[tuple[str, str, dict[str, object]]]:
    kinds = ["person.signed_in", "person.signed_out", "access.refused"]
    return [(e.actor, e.kind, e.data) for e in AuditEvent.objects.exclude(kind__in=kinds).order_by("id")]


def test_only_people_and_roles_are_there(manager: User, superuser: User, client_of: ClientOf) -> None:
    for person in (manager, superuser):
        shown = text(client_of(person).get("/admin/"))
        assert "Users" in shown
        assert "Groups" in shown
        assert "Procrastinate" not in shown


def test_a_role_is_given_and_taken_and_written_down(manager: User, viewer: User, client_of: ClientOf) -> None:
    client = client_of(manager)
    assert _change(client, viewer, "approver") == 302
    assert _change(client, viewer) == 302
    assert _written() == [
        ("carol", "person.role_changed", {"name": "vera", "before": ["viewer"], "after": ["approver"]}),
        ("carol", "person.role_changed", {"name": "vera", "before": ["approver"], "after": []}),
    ]
    shown = text(client.get("/audit/"))
    assert "carol made vera approver (before: viewer)." in shown
    assert "carol made vera someone without a role (before: approver)." in shown


def test_saving_without_a_change_writes_nothing(manager: User, viewer: User, client_of: ClientOf) -> None:
    assert _change(client_of(manager), viewer, "viewer", full_name="Vera") == 302
    assert _written() == []


def test_a_mail_address_is_what_a_provider_knows_somebody_by(manager: User, viewer: User, client_of: ClientOf) -> None:
    assert _change(client_of(manager), viewer, "viewer", email="vera@example.com") == 302
    assert _written() == [("carol", "person.email_changed", {"name": "vera"})]


def test_the_role_admin_opens_the_door_and_losing_it_closes_it(
    manager: User, viewer: User, client_of: ClientOf
) -> None:
    client = client_of(manager)
    _change(client, viewer, "admin")
    assert client_of(viewer).get("/admin/auth/user/").status_code == 200
    _change(client, viewer, "approver")
    assert client_of(viewer).get("/admin/auth/user/").status_code == 302


def test_nobody_is_added_here(manager: User, superuser: User, client_of: ClientOf) -> None:
    """They would begin with a password that somebody else chose."""
    secret = "nightfall under a canvas"
    sent = {"username": "nora", "usable_password": "true", "password1": secret, "password2": secret}
    for person in (manager, superuser):
        assert client_of(person).post("/admin/auth/user/add/", sent).status_code == 403
    assert _written() == []


def test_people_are_deactivated_and_never_deleted(
    manager: User, superuser: User, viewer: User, client_of: ClientOf
) -> None:
    client = client_of(manager)
    _change(client, viewer, "viewer", active="")
    assert not viewer.is_active
    _change(client, viewer, "viewer")
    assert [kind for _, kind, _ in _written()] == ["person.deactivated", "person.reactivated"]
    for person in (manager, superuser):
        assert client_of(person).post(f"/admin/auth/user/{viewer.pk}/delete/", {"post": "yes"}).status_code == 403


def test_nobody_sets_the_password_of_another(
    manager: User, superuser: User, viewer: User, approver: User, client_of: ClientOf
) -> None:
    """With it, one administrator was two people: the one who asks, and the one who approves."""
    secret = "staple battery horse correct"
    sent = {"usable_password": "true", "password1": secret, "password2": secret, "set-password": "1"}
    for person in (manager, superuser):
        assert client_of(person).post(f"/admin/auth/user/{approver.pk}/password/", sent).status_code in {302, 404}
        assert _change(client_of(person), viewer, "viewer", password=secret, password1=secret) == 302
    for touched in (approver, viewer):
        touched.refresh_from_db()
        assert not touched.check_password(secret)
    assert _written() == []


def test_ones_own_password_is_changed_on_the_page_account(manager: User, client_of: ClientOf) -> None:
    assert client_of(manager).get("/admin/password_change/").headers["Location"] == "/account/password/"


def test_the_way_in_is_the_one_for_everybody(client: Client) -> None:
    answer = client.post("/admin/login/", {"username": "carol", "password": "correct horse battery staple"})
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/sign-in/")


@pytest.mark.parametrize("changes", [{"role": "approver"}, {"active": ""}], ids=["demoted", "deactivated"])
def test_the_last_administrator_stays(manager: User, client_of: ClientOf, changes: dict[str, Any]) -> None:
    assert _change(client_of(manager), manager, **{"role": "admin", **changes}) == 422
    assert manager.is_active
    assert [group.name for group in manager.groups.all()] == ["admin"]
    assert _written() == []


def test_with_another_administrator_one_may_go(manager: User, viewer: User, client_of: ClientOf) -> None:
    client = client_of(manager)
    assert _change(client, viewer, "admin") == 302
    assert _change(client, manager, "viewer") == 302
    assert _change(client_of(viewer), viewer, "viewer") == 422


def test_nobody_makes_themselves_or_others_superuser(manager: User, viewer: User, client_of: ClientOf) -> None:
    client = client_of(manager)
    beyond = {"superuser": "on", "is_superuser": "on", "is_staff": "on", "user_permissions": ["1"], "username": "root"}
    for person, role in ((manager, "admin"), (viewer, "viewer")):
        _change(client, person, role, **beyond)
        assert not person.is_superuser
        assert not person.user_permissions.exists()
        assert person.username != "root"
    assert not viewer.is_staff


def test_an_administrator_cannot_touch_a_superuser(manager: User, superuser: User, client_of: ClientOf) -> None:
    client = client_of(manager)
    assert _change(client, superuser) == 403
    secret = "staple battery horse correct"
    sent = {"usable_password": "true", "password1": secret, "password2": secret}
    client.post(f"/admin/auth/user/{superuser.pk}/password/", sent)
    superuser.refresh_from_db()
    assert superuser.check_password("correct horse battery staple")
    assert _written() == []


def test_a_superuser_makes_another_and_that_is_written_down(superuser: User, viewer: User, client_of: ClientOf) -> None:
    _change(client_of(superuser), viewer, "viewer", superuser="on")
    after = {"name": "vera", "before": ["viewer"], "after": ["viewer", "superuser"]}
    assert _written() == [("root", "person.role_changed", after)]
    assert viewer.is_staff


def test_roles_are_read_and_not_changed(manager: User, superuser: User, client_of: ClientOf) -> None:
    from django.contrib.auth.models import Group

    group = Group.objects.get(name="approver")
    for person in (manager, superuser):
        client = client_of(person)
        page = client.get(f"/admin/auth/group/{group.pk}/change/")
        assert says(text(page), "other people's requests")
        assert client.post(f"/admin/auth/group/{group.pk}/change/", {"name": "boss"}).status_code == 403
        assert client.get("/admin/auth/group/add/").status_code == 403


def test_at_admin_nothing_of_a_person_is_changed(
    manager: User, superuser: User, viewer: User, client_of: ClientOf
) -> None:
    """There is one way, which asks what must be asked."""
    sent = {"groups": [], "is_active": "", "is_superuser": "on", "email": "vera@example.com"}
    for person in (manager, superuser):
        assert client_of(person).get(f"/admin/auth/user/{viewer.pk}/change/").status_code == 200
        assert client_of(person).post(f"/admin/auth/user/{viewer.pk}/change/", sent).status_code == 403
    viewer.refresh_from_db()
    assert (viewer.is_active, viewer.is_superuser, viewer.email) == (True, False, "")
    assert [group.name for group in viewer.groups.all()] == ["viewer"]


@pytest.mark.parametrize("what", ["person", "link", "invite", "factor"])
def test_a_cookie_of_an_hour_ago_lets_nobody_in(manager: User, viewer: User, client_of: ClientOf, what: str) -> None:
    """Whoever finds an administrator's browser open would make an account of their own, or take over another."""
    client = client_of(manager)
    signed_in_at(client, manager, time.time() - 3600)
    address, sent = {
        "person": (f"/people/{viewer.pk}/", {"role": "admin", "active": "on"}),
        "link": (f"/people/{viewer.pk}/link/", {}),
        "invite": ("/people/invite/", {"username": "nora", "role": "approver"}),
        "factor": (f"/people/{viewer.pk}/second-factor/remove/", {}),
    }[what]
    answer = client.post(address, sent)
    assert answer.headers["Location"].startswith("/confirm/")
    assert _written() == []
    password = "correct horse battery staple"
    answer = client.post("/confirm/", {"password": password, "next": address})
    assert answer.status_code in {200, 302}
    assert len(_written()) == (0 if what == "factor" else 1)


def test_an_approver_and_a_stranger_do_not_get_in(approver: User, client_of: ClientOf, client: Client) -> None:
    assert client_of(approver).get("/admin/auth/user/").status_code == 302
    assert client.get("/admin/auth/user/").status_code == 302


def test_the_menu_leads_to_people_for_those_who_may(manager: User, approver: User, client_of: ClientOf) -> None:
    assert 'href="/people/"' in client_of(manager).get("/audit/").content.decode()
    assert 'href="/people/"' not in client_of(approver).get("/audit/").content.decode()


def test_a_machine_is_listed_as_one(admin: User, client_of: ClientOf, make_token: MakeToken) -> None:
    make_token(name="github-acme")
    shown = client_of(admin).get("/people/").content.decode()
    assert "Machine" in shown
    assert "New link for github-acme" not in shown
