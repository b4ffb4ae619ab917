"""Refusals and faults as problem details (RFC 9457): a type that is an address, a title, a status, and what to do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from dashboard.api.authentication import CHALLENGE
from dashboard.engine.errors import EngineError
from dashboard.presenters import answers

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallProblem:
    """A kind of problem of a call itself, for which no named error stands. `sentence` says what it means; an answer may
    say more of its case."""

    code: str
    status: int
    sentence: str
    advice: str = ""


NOT_UNDERSTOOD = CallProblem(
    code="not_understood",
    status=400,
    sentence="The call cannot be read, or lacks something that it needs.",
    advice="Mend the call.",
)
NOT_FOUND = CallProblem(
    code="not_found",
    status=404,
    sentence="There is no such address, or nothing of that name or number.",
    advice="Look it up in a list, or in the document.",
)
METHOD_NOT_ALLOWED = CallProblem(
    code="method_not_allowed",
    status=405,
    sentence="This address does not take that method.",
    advice="The header Allow names those that it takes.",
)
TOO_LARGE = CallProblem(
    code="too_large", status=413, sentence="The body is larger than this address takes.", advice="Send less at once."
)
NOT_VALID = CallProblem(
    code="not_valid",
    status=422,
    sentence="What was sent is not what this address takes.",
    advice="The list errors says where, and what is wrong there.",
)
FAULT = CallProblem(
    code="fault",
    status=500,
    sentence="Signalbox failed while it answered, and its log says how.",
    advice="Ask how things stand before you repeat it.",
)
CONTROL_DATABASE_AWAY = CallProblem(
    code="control_database_away",
    status=503,
    sentence="The control database of Signalbox does not answer.",
    advice="Send the call again in a few seconds.",
)
TOO_MANY_STREAMS = CallProblem(
    code="too_many_streams",
    status=503,
    sentence="As many runs are followed as this process can.",
    advice="Read the log instead, after a cursor.",
)
OF_CALLS = (
    NOT_UNDERSTOOD,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    TOO_LARGE,
    NOT_VALID,
    FAULT,
    CONTROL_DATABASE_AWAY,
    TOO_MANY_STREAMS,
)


def of_call(
    request: HttpRequest, kind: CallProblem, detail: str = "", *, headers: dict[str, str] | None = None, **more: Any
) -> HttpResponse:
    """Without `detail` its sentence says it all."""
    more = {"remedy": kind.advice, **more}
    return _problem(request, kind.status, kind.code, detail or kind.sentence, headers=headers, **more)


def refused(request: HttpRequest, error: EngineError, **more: Any) -> HttpResponse:
    """A named error, with its sentence, the state of the database and the next step."""
    facts = {"state": error.state_now, "remedy": error.remedy, **more}
    status = answers.status_of(error)
    return _problem(request, status, error.code, str(error), headers=headers_of(error), **facts)


def headers_of(error: EngineError) -> dict[str, str]:
    """How to be let in, and when to come back."""
    headers = dict(CHALLENGE) if answers.status_of(error) == HTTPStatus.UNAUTHORIZED else {}
    if wait := error.facts.get("retry_after"):
        headers["Retry-After"] = str(wait)
    return headers


def _problem(
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
