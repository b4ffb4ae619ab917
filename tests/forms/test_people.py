"""What people send about themselves, and an administrator about a new person."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from dashboard.forms.people import (
    NO_ROLE,
    ROLES,
    AddPasskeyForm,
    ChangePasswordForm,
    CodeForm,
    ConfirmCodeForm,
    ConfirmForm,
    InviteForm,
    NewPasswordForm,
    NoticesForm,
    PersonForm,
    SignInForm,
)
from dashboard.models.roles import Role
from dashboard.presenters.mails import MailChoice

GOOD = "nightfall under a canvas"


def new_password(**sent: str) -> NewPasswordForm:
    return NewPasswordForm({"password": GOOD, "again": GOOD, **sent}, person=User(username="alice"))


def test_a_password_is_typed_twice() -> None:
    assert new_password().is_valid()
    assert set(new_password(again="nightfall under a tent").errors) == {"again"}


@pytest.mark.parametrize("password", ["", "short", "aaaaaaaaaaaaaa", "passwordpassword", "alice alice alice"])
def test_one_that_is_easily_guessed_is_refused_where_it_is_chosen(password: str) -> None:
    form = new_password(password=password, again=password)
    assert not form.is_valid()
    assert "password" in form.errors


def test_the_present_one_is_asked_first() -> None:
    form = ChangePasswordForm({"password": GOOD, "again": GOOD}, person=User(username="alice"))
    assert next(iter(form.fields)) == "present"
    assert set(form.errors) == {"present"}


def test_every_role_can_be_given_and_none_is_chosen_beforehand() -> None:
    assert set(ROLES) == set(Role)
    assert set(InviteForm({"username": "dora"}).errors) == {"role"}


def test_a_mail_address_is_needed_by_nobody_and_has_to_be_one() -> None:
    sent = {"username": "dora", "role": Role.APPROVER.value}
    form = InviteForm(sent)
    assert form.is_valid()
    assert form.invited == {"username": "dora", "full_name": "", "email": "", "role": Role.APPROVER}
    assert set(InviteForm({**sent, "email": "dora"}).errors) == {"email"}


ASKED_AT_THE_DOOR: dict[str, tuple[Any, list[str]]] = {
    "signing in": (SignInForm(), ["login", "password"]),
    "confirming who one is": (ConfirmForm(user=User(username="alice")), ["password"]),
    "a second factor": (CodeForm(user=User(username="alice")), ["code"]),
    "confirming by a second factor": (ConfirmCodeForm(user=User(username="alice")), ["code"]),
}


@pytest.mark.parametrize(("form", "names"), ASKED_AT_THE_DOOR.values(), ids=ASKED_AT_THE_DOOR)
def test_one_types_at_once_and_reads_labels_instead_of_placeholders(form: Any, names: list[str]) -> None:
    assert list(form.fields) == names
    attributes = [field.widget.attrs for field in form.fields.values()]
    assert [bool(each.get("autofocus")) for each in attributes] == [True] + [False] * (len(names) - 1)
    assert not any("placeholder" in each for each in attributes)
    assert all(each["autocomplete"] for each in attributes), "password managers fill it in"
    assert all(field.label for field in form.fields.values())


def test_what_is_sent_of_a_person_is_all_of_it_and_who_is_a_superuser_stays_where_it_is_not_asked() -> None:
    person = User(username="sue", is_superuser=True)
    sent = {"role": "none", "active": "on"}
    for shown, superuser in ((False, True), (True, False)):
        form = PersonForm(sent, person=person, role=Role.ADMIN, shows_superuser=shown)
        assert form.is_valid()
        assert form.changes == {"full_name": "", "email": "", "role": None, "active": True, "superuser": superuser}
    assert set(PersonForm({}, person=person, role=None, shows_superuser=True).errors) == {"role"}


# What is there already


def test_the_page_of_a_person_begins_with_what_is_so() -> None:
    person = User(username="sue", first_name="Sue", last_name="Storm", email="sue@example.org", is_active=False)
    form = PersonForm(person=person, role=Role.APPROVER, shows_superuser=False)
    assert {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()} == {
        "full_name": "Sue Storm",
        "email": "sue@example.org",
        "role": Role.APPROVER.value,
        "active": False,
    }
    assert PersonForm(person=person, role=None, shows_superuser=False).initial["role"] == NO_ROLE


def test_only_a_superuser_is_asked_who_is_one() -> None:
    shown, hidden = (
        PersonForm(person=User(username="sue"), role=None, shows_superuser=shows).fields for shows in (True, False)
    )
    assert ("superuser" in shown, "superuser" in hidden) == (True, False)


@pytest.mark.parametrize("email", ["sue", "sue@", "@example.org", "sue example.org"])
def test_what_is_no_address_changes_nobody(email: str) -> None:
    sent = {"role": Role.VIEWER.value, "active": "on", "email": email}
    assert set(PersonForm(sent, person=User(username="sue"), role=None, shows_superuser=False).errors) == {"email"}


def test_a_role_that_nobody_knows_is_not_given() -> None:
    assert set(InviteForm({"username": "dora", "role": "owner"}).errors) == {"role"}
    assert set(InviteForm({"username": "dora", "role": NO_ROLE}).errors) == {"role"}, "nobody is invited to see nothing"


def test_a_password_keeps_its_blanks_and_the_present_one_too() -> None:
    sent = {"present": " old one ", "password": f" {GOOD} ", "again": f" {GOOD} "}
    form = ChangePasswordForm(sent, person=User(username="alice"))
    assert form.is_valid()
    assert (form.cleaned_data["password"], form.cleaned_data["present"]) == (f" {GOOD} ", " old one ")


# Mails


def notices(*wanted: str) -> NoticesForm:
    choices = [MailChoice(kind=kind, label=kind, wanted=True) for kind in ("decided", "mentioned")]
    form = NoticesForm({"wanted": list(wanted)}, choices=choices)
    form.full_clean()
    return form


def test_the_boxes_are_those_that_can_be_switched_off_and_none_may_be_ticked() -> None:
    assert notices().is_valid()
    assert notices("decided").cleaned_data == {"wanted": ["decided"]}
    assert set(notices("link").errors) == {"wanted"}


def test_a_passkey_signs_in_by_itself_unless_that_is_taken_off() -> None:
    form = AddPasskeyForm(user=User(username="alice"))
    assert form.fields["passwordless"].initial is True
    assert form.fields["passwordless"].help_text
