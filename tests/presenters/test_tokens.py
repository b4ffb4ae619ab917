"""Tokens as administrators see them: none of their secret, whether they hold, and for whom."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from config.tokens import Scope, VariableToken
from dashboard.models import ApiToken, MachineAccount, token_declarations
from dashboard.presenters import tokens as presenter

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

NOW = timezone.now()


def made(**changes: object) -> ApiToken:
    account = User(pk=7, username="github-acme")
    account.machine = MachineAccount(account=account, made_at=NOW)
    values = {
        "pk": 3,
        "name": "github-acme",
        "account": account,
        "mark": "Abcd1234",
        "secret_hash": "f" * 64,
        "scopes": [Scope.READ.value],
        "environments": ["gone"],
        "made_by": User(pk=1, username="carol"),
        "made_at": NOW,
        "expires_at": NOW + timedelta(days=1),
    }
    return ApiToken(**{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "label", "can_be_revoked"),
    [
        ({}, "In force", True),
        ({"expires_at": NOW - timedelta(days=1)}, "Expired", True),
        ({"made_by": User(pk=1, username="carol", is_active=False)}, "Its maker was deactivated", True),
        ({"made_by": None, "expires_at": None}, "Not declared any more", True),
        ({"revoked_at": NOW}, "Revoked", False),
        ({"revoked_at": NOW, "made_by": None}, "Revoked", False),
        ({"revoked_at": NOW, "expires_at": NOW - timedelta(days=1)}, "Revoked", False),
    ],
)
def test_it_says_whether_a_token_holds(changes: dict[str, object], label: str, can_be_revoked: bool) -> None:
    row = presenter.row(made(**changes))
    assert (row.pill.label, row.can_be_revoked) == (label, can_be_revoked)


def test_it_shows_how_a_token_begins_and_nothing_of_its_secret() -> None:
    row = presenter.row(made())
    assert (row.mark, row.is_machine, row.made_by) == ("sbx_Abcd1234…", True, "carol")
    assert "f" * 64 not in repr(row)


def test_one_that_a_variable_holds_has_no_beginning_and_no_maker() -> None:
    row = presenter.row(made(made_by=None, expires_at=None))
    assert (row.mark, row.made_by) == ("", "")


def test_one_that_a_variable_holds_shows_what_the_settings_say_now(settings: SettingsWrapper) -> None:
    settings.MIGRATION_SECRET = VariableToken(secret="s" * 40, scopes=(Scope.RUN,), environments=())
    now = token_declarations.of_variable(settings.MIGRATION_SECRET)
    row = presenter.row(made(made_by=None, expires_at=None, mark=now.mark, secret_hash=now.secret_hash))
    assert (row.pill.label, row.scopes, row.places) == ("In force", (Scope.RUN,), ())


def test_every_scope_has_its_words() -> None:
    assert [value for value, _ in presenter.scope_choices()] == [scope.value for scope in Scope]
    assert all(words.endswith(f" ({value})") for value, words in presenter.scope_choices())
