"""Errors become pages here and nowhere else."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme

from dashboard.engine.errors import EngineError, NothingToDo, PlanBlocked
from dashboard.presenters.answers import status_of
from dashboard.presenters.badges import Badge, badge_of

#: Tells lost.js that it is not the web process that is away. A proxy in front of it may answer 503 as well.
WITHOUT_CONTROL_DATABASE = "Signalbox-Without-Control-Database"


#: Of a page that only looks: nothing was asked for that could have been left undone.
HEADINGS: tuple[tuple[type[EngineError], str], ...] = (
    (NothingToDo, "There is nothing to do"),
    (PlanBlocked, "A migration stands in the way"),
    (EngineError, "This cannot be done now"),
)
NOT_DONE = "This was not done"


def answer(request: HttpRequest, error: EngineError) -> HttpResponse:
    is_fine = isinstance(error, NothingToDo)
    context = {
        "heading": _heading(request, error),
        "tone": "info" if is_fine else "warn",
        "icon": "info" if is_fine else "attention",
        "place": _place(request),
        "sentence": str(error),
        "state_now": error.state_now,
        "remedy": error.remedy,
        "code": error.code,
        "back": _back(request),
    }
    return render(request, "refused.html", context, status=status_of(error))


def failed(request: HttpRequest) -> HttpResponse:
    """What no page was prepared for. Neither of the two asks the control database: it may be what is missing."""
    if not isinstance(sys.exception(), OperationalError | InterfaceError):
        return HttpResponse(render_to_string("500.html"), status=500)
    again = request.get_full_path() if request.method in {"GET", "HEAD"} else "/"
    page = render_to_string("503.html", {"again": again})
    return HttpResponse(page, status=503, headers={WITHOUT_CONTROL_DATABASE: "1", "Retry-After": "5"})


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    context = {
        "heading": NOT_DONE,
        "tone": "warn",
        "icon": "attention",
        "sentence": "This form is too old, or it did not come from Signalbox.",
        "state_now": "Nothing was changed.",
        "remedy": "Go back, reload the page and send the form again.",
        "code": "csrf",
        "back": _back(request),
    }
    return render(request, "refused.html", context, status=403)


def _heading(request: HttpRequest, error: EngineError) -> str:
    if request.method not in {"GET", "HEAD"}:
        return NOT_DONE
    return next(heading for kind, heading in HEADINGS if isinstance(error, kind))


def _place(request: HttpRequest) -> Badge | None:
    """The environment that the page is about: on its own page each migration says why it waits and what to do."""
    match = request.resolver_match
    slug = str(match.kwargs.get("slug", "")) if match else ""
    place = badge_of(slug) if slug else None
    return place if place and place.url != request.path else None


def _back(request: HttpRequest) -> str:
    referer = request.headers.get("referer", "")
    allowed = url_has_allowed_host_and_scheme(referer, {request.get_host()}, require_https=request.is_secure())
    return referer if allowed else "/"
