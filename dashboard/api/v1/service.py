"""The API as one: its operations, its document, and the addresses that Django serves."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from config import bodies
from dashboard.api import problems
from dashboard.api.v1 import audit, environments, requests, runs
from dashboard.api.v1.calls import answered
from dashboard.api.v1.schemas import ProblemDetails

PREFIX = "api/v1/"
NAMESPACE = "api-v1"
#: What any operation may be answered, beside what it promises.
PROBLEMS = {
    "400": "The call is not understood",
    "401": "No token, or one that is not known, revoked or over: another one is needed",
    "403": "The token is known, and may not do this, or not there",
    "404": "There is no such thing",
    "409": "Not now: `code` and `remedy` say why",
    "413": "Too large",
    "422": "Refused, or not what this address takes",
    "429": "Too often: `Retry-After` says for how long",
    "500": "Signalbox failed",
    "503": "A database does not answer",
}
#: Bytes of a body, of operations that take more than usual, by the name of the view.
LARGE = {environments.push_snapshot.__name__: bodies.SNAPSHOT}
DESCRIPTION = (
    "Asks Signalbox for plans, rehearsals, change requests and runs. Send a token in the header Authorization. "
    "No token approves: people do, on the page of a change request."
)

api = NinjaAPI(
    title="Signalbox",
    version=settings.VERSION,
    description=DESCRIPTION,
    openapi_url=None,
    docs_url=None,
    urls_namespace=NAMESPACE,
)
for router in (environments.router, requests.router, runs.router, audit.router):
    api.add_router("", router)


def _pass_on(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    """To the one place that answers what no operation has answered."""
    raise error


for kind in (Exception, Http404, HttpError, ValidationError):
    api.add_exception_handler(kind, _pass_on)


def patterns() -> list[URLPattern]:
    """Every operation, its document, and an answer for whatever else is asked below /api/v1/."""
    operations = [each for each in api.urls[0] if isinstance(each, URLPattern) and each.name != "api-root"]
    for each in operations:
        each.callback = answered(each.callback, LARGE.get(str(each.name), bodies.USUAL))
    document = path("openapi.json", openapi, name="openapi")
    return [document, *operations, path("<path:rest>", answered(_nowhere), name="nowhere")]


@login_not_required
@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    return HttpResponse(json.dumps(document()), content_type="application/json")


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """OpenAPI 3.1, with the problems that every operation shares."""
    content: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema(path_prefix=PREFIX)))
    schemas = content["components"].setdefault("schemas", {})
    problem = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs") | {ProblemDetails.__name__: problem}
    schema = {"$ref": f"#/components/schemas/{ProblemDetails.__name__}"}
    shared = {
        status: {"description": words, "content": {problems.MEDIA_TYPE: {"schema": schema}}}
        for status, words in PROBLEMS.items()
    }
    for operations in content["paths"].values():
        for operation in operations.values():
            operation["responses"] = operation["responses"] | shared
    return content


def _nowhere(request: HttpRequest, rest: str) -> HttpResponse:
    return problems.of_call(request, problems.NOT_FOUND, "There is no such address.")
