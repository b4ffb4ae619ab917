"""Errors become pages here and nowhere else: a table from class to status."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme

from dashboard.engine import errors as engine
from dashboard.engine.git import errors as git
from dashboard.services import errors as services

#: The first class that fits decides; every other named error is 422.
STATUS: tuple[tuple[type[engine.EngineError], int], ...] = (
    (services.PermissionRefused, 403),
    (services.OwnRequest, 403),
    (services.OwnDecision, 409),
    (services.OwnReview, 403),
    (services.BreakGlassRefused, 409),
    (services.NotNow, 409),
    (services.RequesterGone, 409),
    (services.ApproverTouched, 403),
    (services.AlreadyDecided, 409),
    (services.EnvironmentOccupied, 409),
    (services.RunStillAsked, 409),
    (services.RunNotEnded, 409),
    (services.DriftChanged, 409),
    (services.ApprovalNeeded, 409),
    (services.DatabaseNotConfirmed, 409),
    (services.CopyNotConfirmed, 409),
    (services.TooMany, 429),
    (services.EvidenceMissing, 409),
    (engine.ControlDatabaseShared, 409),
    (engine.PlanChanged, 409),
    (engine.ClaimLost, 409),
    (engine.WitnessGone, 409),
    (engine.RunOfOther, 409),
    (engine.OtherDatabase, 409),
    (engine.TargetBusy, 409),
    (services.AuditKeyMissing, 503),
    (engine.TargetUnreachable, 503),
    (engine.TargetNotRead, 503),
    (engine.TrackingTableLocked, 503),
    (engine.RightMissing, 503),
    (engine.TargetNotConfigured, 503),
    (engine.SourceMissing, 503),
    (engine.SourceUnreadable, 503),
    (engine.SourceNotConfigured, 503),
    (git.GitFetchFailed, 503),
)

#: Tells lost.js that it is not the web process that is away. A proxy in front of it may answer 503 as well.
WITHOUT_CONTROL_DATABASE = "Signalbox-Without-Control-Database"


def answer(request: HttpRequest, error: engine.EngineError) -> HttpResponse:
    status = next((code for kind, code in STATUS if isinstance(error, kind)), 422)
    context = {
        "sentence": str(error),
        "state_now": error.state_now,
        "remedy": error.remedy,
        "code": error.code,
        "back": _back(request),
    }
    return render(request, "refused.html", context, status=status)


def failed(request: HttpRequest) -> HttpResponse:
    """What no page was prepared for. Neither of the two asks the control database: it may be what is missing."""
    if not isinstance(sys.exception(), OperationalError | InterfaceError):
        return HttpResponse(render_to_string("500.html"), status=500)
    again = request.get_full_path() if request.method in {"GET", "HEAD"} else "/"
    page = render_to_string("503.html", {"again": again})
    return HttpResponse(page, status=503, headers={WITHOUT_CONTROL_DATABASE: "1", "Retry-After": "5"})


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    context = {
        "sentence": "This form is too old, or it did not come from Signalbox.",
        "state_now": "Nothing was changed.",
        "remedy": "Go back, reload the page and send the form again.",
        "code": "csrf",
        "back": _back(request),
    }
    return render(request, "refused.html", context, status=403)


def _back(request: HttpRequest) -> str:
    referer = request.headers.get("referer", "")
    allowed = url_has_allowed_host_and_scheme(referer, {request.get_host()}, require_https=request.is_secure())
    return referer if allowed else "/"
