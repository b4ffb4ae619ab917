"""What people send about themselves, and an administrator about a new person."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from dashboard.forms.people import (
    ROLES,
    ChangePasswordForm,
    CodeForm,
    ConfirmCodeForm,
    ConfirmForm,
    InviteForm,
    NewPasswordForm,
    PersonForm,
    SignInForm,
)
from dashboard.models.roles import Role

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
