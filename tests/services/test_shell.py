"""What is done to people in a shell was done by nobody knows whom, so it bars approvals for a day as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone

from dashboard.models import AuditEvent, PersonChange
from dashboard.services import independence
from dashboard.services.actors import Actor, person
from dashboard.services.errors import ApproverTouched
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.services.workflow import approve, approved_request, open_request, start_on_production
from tests.views.pages import text

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "nightfall under a canvas"
IMPORTS = "from django.contrib.auth.models import Group, User; "


def in_shell(command: str) -> None:
    call_command("shell", command=IMPORTS + command, no_imports=True, verbosity=0)


def create_superuser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", SECRET)
    call_command("createsuperuser", "--noinput", "--username", "puppet", "--email", "", verbosity=0)


def change_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: SECRET)
    call_command("changepassword", "bob", verbosity=0)


def shell(command: str) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda monkeypatch: in_shell(command)


#: What is done, and who can approve by it.
DEEDS: Mapping[str, tuple[Callable[[pytest.MonkeyPatch], None], str]] = {
    "createsuperuser": (create_superuser, "puppet"),
    "changepassword": (change_password, "bob"),
    "a superuser": (shell(f"User.objects.create_superuser('puppet', password='{SECRET}')"), "puppet"),
    "a mark": (shell("u = User.objects.get(username='vera'); u.is_superuser = True; u.save()"), "vera"),
    "a group": (shell("User.objects.get(username='vera').groups.add(Group.objects.get(name='approver'))"), "vera"),
    "of a group": (shell("Group.objects.get(name='approver').user_set.add(User.objects.get(username='vera'))"), "vera"),
    "a set": (shell("User.objects.get(username='vera').groups.set([Group.objects.get(name='admin')])"), "vera"),
    "a password": (shell(f"u = User.objects.get(username='bob'); u.set_password('{SECRET}'); u.save()"), "bob"),
    "an address": (shell("u = User.objects.get(username='bob'); u.email = 'eve@example.com'; u.save()"), "bob"),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_nobody_whom_a_shell_made_approves_within_a_day(
    two_files: Project, alice: Actor, bob: Actor, vera: Actor, deed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = open_request(two_files, alice)
    do, name = DEEDS[deed]
    do(monkeypatch)
    puppet = person(User.objects.get(username=name))
    with pytest.raises(ApproverTouched, match="Somebody with a shell"):
        approve(request, puppet)
    _a_day_later()
    approve(open_request(two_files, alice), puppet)


def test_nor_does_an_approval_from_before_count(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = approved_request(two_files, alice, bob)
    in_shell(f"u = User.objects.get(username='bob'); u.set_password('{SECRET}'); u.save()")
    with pytest.raises(ApproverTouched):
        start_on_production(request, alice)


def test_nor_is_what_a_person_from_the_shell_asks_for_approved(
    two_files: Project, bob: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever had the shell may be the one who approves."""
    create_superuser(monkeypatch)
    with pytest.raises(ApproverTouched):
        approve(open_request(two_files, person(User.objects.get(username="puppet"))), bob)


def test_the_first_person_of_all_is_not_barred(monkeypatch: pytest.MonkeyPatch) -> None:
    create_superuser(monkeypatch)
    assert not PersonChange.objects.exists()


def test_it_is_in_the_audit_log(vera: Actor) -> None:
    in_shell(f"u = User.objects.get(username='vera'); u.set_password('{SECRET}'); u.is_superuser = True; u.save()")
    in_shell("User.objects.get(username='vera').groups.clear()")
    assert [(e.actor, e.kind) for e in AuditEvent.objects.order_by("id")] == [
        ("shell", "person.password_set"),
        ("shell", "person.role_changed"),
        ("shell", "person.role_changed"),
    ]


def test_signing_in_and_what_services_do_is_not_taken_for_it(vera: Actor, client_of: ClientOf) -> None:
    in_shell("u = User.objects.get(username='vera'); u.save(update_fields=['last_login']); u.save()")
    client_of(vera.person).get("/")
    assert not PersonChange.objects.exists()


# Who can approve, and from when on


def test_who_can_approve_says_from_when(
    two_files: Project, alice: Actor, bob: Actor, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_superuser(monkeypatch)
    request = open_request(two_files, alice)
    page = text(client_of(alice.person).get(f"/requests/{request.pk}/"))
    assert f"Who can: bob, puppet (from {_tomorrow()} UTC)" in page


def test_the_guide_says_from_when_too(carol: Actor, bob: Actor, client_of: ClientOf, project: Project) -> None:
    in_shell("u = User.objects.get(username='bob'); u.email = 'bob@example.com'; u.save()")
    assert f"Who can approve: bob (from {_tomorrow()} UTC), carol." in text(client_of(carol.person).get("/start/"))


def test_whoever_never_can_is_not_named(two_files: Project, carol: Actor, bob: Actor, client_of: ClientOf) -> None:
    """What was done after the request bars it for good: another one has to be opened."""
    request = open_request(two_files, carol)
    PersonChange.objects.create(person=bob.person, by=carol.person, kind=PersonChange.Kind.LINK, at=timezone.now())
    assert independence.approvers_of(request, two_files.production) == []
    page = text(client_of(carol.person).get(f"/requests/{request.pk}/"))
    assert "Who can:" not in page
    assert "Nobody else can" in page


@pytest.mark.parametrize("first", ["approver", "requester"])
def test_of_a_third_hand_one_of_both_changes_has_to_be_a_day_old(
    alice: Actor, bob: Actor, carol: Actor, first: str
) -> None:
    now, hour = timezone.now(), timedelta(hours=1)
    ages = {"approver": (20 * hour, 4 * hour), "requester": (4 * hour, 20 * hour)}[first]
    for somebody, age in zip((bob, alice), ages, strict=True):
        PersonChange.objects.create(person=somebody.person, by=carol.person, kind=PersonChange.Kind.LINK, at=now - age)
    (approver,) = independence.candidates([bob.person], alice.person)
    until = approver.barred_until
    assert until is not None
    assert timedelta() <= until - (now + 4 * hour) < timedelta(seconds=5)


def test_who_is_free_is_free_now(alice: Actor, bob: Actor) -> None:
    assert [each.may_now for each in independence.candidates([bob.person], alice.person)] == [True]


def _tomorrow() -> str:
    (at,) = set(PersonChange.objects.values_list("at", flat=True).order_by("at")[:1])
    return f"{at + timedelta(hours=independence.HOURS, seconds=1):%Y-%m-%d %H:%M}"


def _a_day_later() -> None:
    PersonChange.objects.update(at=timezone.now() - timedelta(hours=independence.HOURS, minutes=1))
