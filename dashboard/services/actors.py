"""Who acts: a person behind a door, a token in the name of an account, or Signalbox itself."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest

from dashboard.models import ApiToken


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    name: str
    user: User | None = None
    source_ip: str | None = None
    token: ApiToken | None = None  # that it acts by; none for a person on a page

    @property
    def person(self) -> User:
        """The user; only Signalbox itself has none, and it never asks, approves or starts a run."""
        assert self.user is not None, "Signalbox itself does not do what people do"
        return self.user


#: What the system does by itself: expiry, recovery.
SIGNALBOX = Actor(name="signalbox")


def person(user: User, *, source_ip: str | None = None) -> Actor:
    return Actor(name=user.get_username(), user=user, source_ip=source_ip)


def by_token(token: ApiToken, *, source_ip: str | None = None) -> Actor:
    """The account that the token acts for, held to what the token may."""
    return Actor(name=token.account.get_username(), user=token.account, source_ip=source_ip, token=token)


def by_id(person_id: int | None) -> Actor:
    """Who asked for a job; Signalbox itself where nobody did, or where that person is gone."""
    user = User.objects.filter(pk=person_id).first() if person_id else None
    return person(user) if user else SIGNALBOX


def address_of(request: HttpRequest | None) -> str | None:
    """The client's address: the peer's, or what a trusted proxy says of it. None where there is none."""
    if request is None:
        return None
    forwarded = request.META.get(settings.CLIENT_ADDRESS_HEADER, "")
    return settings.TRUSTED_PROXIES.client_of(request.META.get("REMOTE_ADDR", ""), forwarded)


def from_request(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User), "pages are only for people who are signed in"
    return person(request.user, source_ip=address_of(request))
