"""Refusals and faults as problem details (RFC 9457): a type that is an address, a title, a status, and what to do."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from dashboard.api.authentication import CHALLENGE
from dashboard.engine.errors import EngineError
from dashboard.services import answers

MEDIA_TYPE = "application/problem+json"


def problem(
    request: HttpRequest, status: int, code: str, detail: str, *, headers: dict[str, str] | None = None, **more: Any
) -> HttpResponse:
    """`code` names the kind of problem, and its place on the page of the API."""
    content = {
        "type": f"{request.build_absolute_uri(reverse('api'))}#{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        **{name: value for name, value in more.items() if value},
    }
    return HttpResponse(json.dumps(content), status=status, content_type=MEDIA_TYPE, headers=headers)


def refused(request: HttpRequest, error: EngineError, **more: Any) -> HttpResponse:
    """A named error, with its sentence, the state of the database and the next step."""
    status = answers.status_of(error)
    headers = dict(CHALLENGE) if status == HTTPStatus.UNAUTHORIZED else {}
    if wait := error.facts.get("retry_after"):
        headers["Retry-After"] = str(wait)
    facts = {"state": error.state_now, "remedy": error.remedy, **more}
    return problem(request, status, error.code, str(error), headers=headers, **facts)
