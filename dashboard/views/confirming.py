"""Showing again who one is, before something runs on a protected environment, and before somebody else is let in or
their account is changed. What was sent waits in the session, and goes on by itself."""

from __future__ import annotations

import time
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.flows.reauthentication import stash_and_reauthenticate
from allauth.account.utils import get_next_redirect_url
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal.httpkit import deserialize_request, serialize_request
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import resolve
from django.utils.http import urlencode

from dashboard.models.environments import Environment

#: How long a form waits for its person.
WAITS_SECONDS = 600


def check(request: HttpRequest, environment: Environment) -> None:
    """Ask for it where the last time is too long ago."""
    if environment.protected:
        check_person(request)


def check_person(request: HttpRequest) -> None:
    """The same, whatever it is about: for who may come in, and as what."""
    seconds = settings.REAUTHENTICATE_SECONDS
    if not seconds or is_fresh(request, seconds):
        return
    address = request.get_full_path()
    waiting = {
        "request": serialize_request(request),
        "address": address,
        "person": request.user.pk,
        "until": time.time() + WAITS_SECONDS,
    }
    asks = stash_and_reauthenticate(request, waiting, f"{__name__}.{go_on.__name__}")
    raise ImmediateHttpResponse(redirect(f"{asks.url}?{urlencode({REDIRECT_FIELD_NAME: address})}"))


def is_fresh(request: HttpRequest, seconds: int) -> bool:
    """Whether this person signed in, or showed again who they are, within the last `seconds`."""
    records = get_authentication_records(request, request.user)
    return any(time.time() - record["at"] < seconds for record in records)


def go_on(request: HttpRequest, waiting: dict[str, Any], address: str | None = None) -> HttpResponse:
    """Send the form that waits, if it is this person's, was not left for something else, and has not waited too
    long."""
    address = address or get_next_redirect_url(request)
    is_meant = waiting["address"] == address and waiting["person"] == request.user.pk
    if not is_meant or time.time() > waiting["until"]:
        return redirect(address or "overview")
    sent = deserialize_request(waiting["request"], request)
    view = resolve(sent.path_info)
    answer: HttpResponse = view.func(sent, *view.args, **view.kwargs)
    return answer
