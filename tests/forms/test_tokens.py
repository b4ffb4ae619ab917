"""What is asked of a new token, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from config.tokens import Scope
from dashboard.forms.tokens import OWN_ACCOUNT, TokenForm

if TYPE_CHECKING:
    from tests.fix_project import Project

ALICE = User(pk=5, username="alice")
ALICE._state.fields_cache["machine"] = None  # as it is selected: she is a person
SENT = {
    "name": "ci",
    "account": OWN_ACCOUNT,
    "scopes": ["runs:start"],
    "environments": ["staging"],
    "days": "30",
}


def form(**changes: Any) -> TokenForm:
    return TokenForm({**SENT, **changes}, accounts=[ALICE])


def test_a_token_with_an_account_of_its_own(project: Project) -> None:
    asked = form()
    assert asked.is_valid(), asked.errors
    wanted = asked.wanted
    in_thirty_days = timezone.now() + timedelta(days=30)
    assert abs(wanted.pop("expires_at") - in_thirty_days) < timedelta(minutes=1)
    assert wanted == {"name": "ci", "account": None, "scopes": [Scope.RUN], "slugs": ["staging"]}


def test_a_token_for_somebody_who_is_offered(project: Project) -> None:
    asked = form(account="5")
    assert asked.is_valid()
    assert asked.wanted["account"] == ALICE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "two words"),
        ("name", "x"),
        ("name", "-x"),
        ("account", "6"),
        ("scopes", []),
        ("scopes", ["everything"]),
        ("environments", []),
        ("environments", ["moon"]),
        ("days", "3650"),
        ("days", ""),
    ],
)
def test_what_is_refused(project: Project, field: str, value: Any) -> None:
    assert set(form(**{field: value}).errors) == {field}
