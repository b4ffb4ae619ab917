"""Signing in and out, written down. Django's signals call this from wherever it happens, /admin/ too."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from dashboard.services import actors, audit


def connect() -> None:
    user_logged_in.connect(_signed_in, dispatch_uid="signalbox.signed_in")
    user_logged_out.connect(_signed_out, dispatch_uid="signalbox.signed_out")
    user_login_failed.connect(_sign_in_failed, dispatch_uid="signalbox.sign_in_failed")


def _signed_in(user: User, request: HttpRequest | None = None, **kwargs: Any) -> None:
    audit.record(audit.Event.SIGNED_IN, by=actors.person(user, source_ip=actors.address_of(request)))


def _signed_out(user: User | None, request: HttpRequest | None = None, **kwargs: Any) -> None:
    if user is not None:
        audit.record(audit.Event.SIGNED_OUT, by=actors.person(user, source_ip=actors.address_of(request)))


def _sign_in_failed(credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any) -> None:
    name = str(credentials.get("username", ""))[:150]
    actor = actors.Actor(name=name or "(no name)", source_ip=actors.address_of(request))
    audit.record(audit.Event.SIGN_IN_FAILED, by=actor)
