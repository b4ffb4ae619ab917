"""Rows of people and sessions, and what somebody has beside their password."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.contrib.auth.models import User

from dashboard.models import OneTimeLink, PersonSession
from dashboard.models.roles import Role
from dashboard.presenters import people as presenter
from dashboard.selectors.people import Listed
from tests.presenters import values


def person(name: str = "alice", *, password: str = "set", **changes: Any) -> User:
    return User(pk=len(name), username=name, password=password or "!", **changes)


def row(
    user: User, *, viewer: User | None = None, role: Role | None = Role.VIEWER, link: bool = False
) -> presenter.PersonRow:
    until = OneTimeLink(expires_at=values.MOMENT) if link else None
    listed = Listed(person=user, role=role, link=until, has_second_factor=False)
    return presenter.row(listed, viewer=viewer or person("carol"))


@pytest.mark.parametrize(
    ("user", "link", "tone", "icon"),
    [
        pytest.param(person(), False, "ok", "ok", id="active"),
        pytest.param(person(is_active=False), False, "muted", "cancel", id="deactivated"),
        pytest.param(person(password=""), True, "info", "queued", id="invited"),
        pytest.param(person(password=""), False, "warn", "attention", id="the link was not used in time"),
    ],
)
def test_how_a_person_stands(user: User, link: bool, tone: str, icon: str):
    made = row(user, link=link)
    assert (made.pill.tone, made.pill.icon) == (tone, icon)
    assert made.link_until == (values.MOMENT if link else None)
    values.assert_sound(made)


def test_only_a_superuser_may_change_one():
    root, other = person("root", is_superuser=True), person("roots", is_superuser=True)
    assert not row(root).may_change
    assert row(root, viewer=other).may_change
    assert row(root).role == "superuser"


def test_nobody_changes_who_was_deactivated_and_everybody_sees_who_they_are():
    assert not row(person(is_active=False)).may_change
    assert row(person(), viewer=person()).is_self
    assert row(person(), role=None).role == ""


def test_a_machine_is_none_that_waits_for_its_link():
    listed = Listed(
        person=person("ci", password=""), role=Role.REQUESTER, link=None, has_second_factor=False, is_machine=True
    )
    made = presenter.row(listed, viewer=person("carol"))
    assert (made.pill.label, made.role, made.may_change) == ("Machine", "as its token says", False)


@pytest.mark.parametrize(
    ("agent", "shown"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_0) Version/17 Safari/605.1", "Safari on macOS"),
        ("curl/8.5", "Unknown browser"),
    ],
)
def test_a_browser_is_named_as_people_know_it(agent: str, shown: str):
    (made,) = presenter.sessions([session(browser=agent)], current="")
    assert made.browser == shown


def test_a_session_is_named_by_the_beginning_of_its_hash():
    here, there = session("a" * 64), session("b" * 64)
    first, second = presenter.sessions([here, there], current="a" * 64)
    assert (first.is_current, second.is_current) == (True, False)
    assert second.mark == "b" * 16
    assert presenter.session_hash([here, there], second.mark) == "b" * 64
    assert presenter.session_hash([here, there], "") == ""
    assert presenter.session_hash([here, there], "0" * 16) not in {"", "a" * 64, "b" * 64}


def test_what_somebody_has_beside_their_password():
    wrapped = SimpleNamespace(name="laptop", get_unused_codes=lambda: ["a", "b"])
    made = [
        SimpleNamespace(type=kind, pk=number, created_at=values.MOMENT, last_used_at=None, wrap=lambda: wrapped)
        for number, kind in enumerate(("totp", "webauthn", "recovery_codes"), start=1)
    ]
    factors = presenter.factors(cast(Any, made))
    assert factors.app_since == values.MOMENT
    assert [(key.number, key.name) for key in factors.passkeys] == [(2, "laptop")]
    assert (factors.codes_left, factors.any) == (2, True)
    assert not presenter.factors([]).any


def session(key_hash: str = "c" * 64, *, browser: str = "") -> PersonSession:
    seen_at = values.MOMENT + timedelta(hours=1)
    return PersonSession(key_hash=key_hash, browser=browser, began_at=values.MOMENT, seen_at=seen_at)
