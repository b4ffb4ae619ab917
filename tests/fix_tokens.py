"""Tokens for tests, and calls with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from config.tokens import Scope

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.test import Client

    from dashboard.models import ApiToken
    from dashboard.services.actors import Actor

type MakeToken = Callable[..., Caller]


def token_values(**changes: Any) -> dict[str, Any]:
    """For tokens.make: one of a machine that may do everything on staging and production."""
    return {
        "name": "github-acme",
        "account": None,
        "scopes": list(Scope),
        "slugs": ["staging", "production"],
        "expires_at": timezone.now() + timedelta(days=30),
    } | changes


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Somebody with a token. It has no session; what it sends is JSON."""

    client: Client
    text: str
    token: ApiToken | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, address: str, **headers: str) -> HttpResponse:
        return self.client.get(address, headers=self._headers(headers))

    def post(self, address: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.client.post(
            address, data={} if body is None else body, content_type="application/json", headers=self._headers(headers)
        )

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.text}", **self.headers} | {
            name.replace("_", "-"): value for name, value in more.items()
        }


@pytest.fixture
def make_token(carol: Actor) -> MakeToken:
    """`make_token(scopes=[Scope.READ])`: made by carol."""
    from django.test import Client

    from dashboard.services import tokens

    def make(**changes: Any) -> Caller:
        token, text = tokens.make(by=carol, **token_values(**changes))
        return Caller(client=Client(), text=text, token=token)

    return make


@pytest.fixture
def ci(make_token: MakeToken) -> Caller:
    """A machine that may do everything that a token can."""
    return make_token()
