"""What all calls have in common: who calls and with which scope, keys that repeat, refusals, pages of lists."""

from __future__ import annotations

import base64
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from ninja import Router
from ninja.errors import HttpError, ValidationError
from ninja.security import HttpBearer

from config import bodies
from dashboard.api import keys, problems
from dashboard.api.authentication import actor_of
from dashboard.engine.errors import EngineError
from dashboard.models import environments
from dashboard.models.environments import Environment
from dashboard.models.tokens import Scope
from dashboard.services import permissions
from dashboard.services.actors import Actor
from dashboard.services.errors import LargeCallUnderWay

logger = logging.getLogger(__name__)

_large = threading.BoundedSemaphore(1)

type ApiView = Callable[..., HttpResponse]


class Needs(HttpBearer):
    """The scope that an operation needs; where, its service asks."""

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope

    def __call__(self, request: HttpRequest) -> Actor:
        by = actor_of(request)
        permissions.check_scope(by, self.scope)
        return by

    def authenticate(self, request: HttpRequest, token: str) -> Actor:
        return actor_of(request)


def reads(router: Router, path: str, scope: Scope, **options: Any) -> Any:
    return router.get(path, auth=Needs(scope), openapi_extra={"x-signalbox-scope": scope.value}, **options)


def writes(router: Router, path: str, scope: Scope, **options: Any) -> Any:
    """Takes the header Idempotency-Key."""
    described = {
        "x-signalbox-scope": scope.value,
        "parameters": [
            {
                "name": keys.HEADER,
                "in": "header",
                "required": False,
                "schema": {"type": "string", "minLength": 1, "maxLength": keys.LONGEST},
                "description": "The same call under the same key gets the same answer for 24 hours, and does nothing "
                "again. A key that was sent with another call is answered with 422.",
            }
        ],
    }
    return router.post(path, auth=Needs(scope), openapi_extra=described, **options)


def environment_of(request: HttpRequest, slug: str) -> Environment:
    """Raises Http404, and ScopeMissing where the token is for other environments."""
    try:
        environment = environments.get(slug)
    except environments.UnknownEnvironment:
        raise Http404(f"No environment is called {slug}.") from None
    permissions.check_reaches(actor_of(request), slug)
    return environment


def reachable(request: HttpRequest) -> list[str]:
    """The environments that the token is for, of which lists tell."""
    token = actor_of(request).token
    return list(token.environments) if token else []


# Lists


def page[Row: Model](rows: QuerySet[Row], cursor: str | None, limit: int) -> tuple[Sequence[Row], str | None]:
    """The newest first, `limit` of them after the cursor, and the cursor of what comes next."""
    if cursor is not None:
        rows = rows.filter(pk__lt=_number(cursor))
    chosen = list(rows.order_by("-pk")[: limit + 1])
    more = len(chosen) > limit
    return chosen[:limit], _cursor(chosen[limit - 1].pk) if more else None


def _cursor(number: int) -> str:
    return base64.urlsafe_b64encode(str(number).encode()).decode().rstrip("=")


def _number(cursor: str) -> int:
    try:
        number = int(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        raise HttpError(400, "This cursor is none: take it from `next` of the page before.") from None
    return min(max(number, 0), 2**63 - 1)


# Around every operation


def answered(view: ApiView, most: int = bodies.USUAL) -> ApiView:
    """For machines alone: no session, no form token; every refusal and fault is a problem in JSON. `most`: bytes of
    the body."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            with _reading(request, most):
                response = keys.once(
                    request, actor_of, lambda: view(request, *args, **kwargs), unusable=partial(HttpError, 400)
                )
        except EngineError as error:
            return problems.refused(request, error)
        except (Http404, HttpError, ValidationError) as error:
            return _of_call(request, error)
        except RequestDataTooBig:
            detail = f"The body has more than {most:,} bytes."
            return problems.of_call(request, problems.TOO_LARGE, detail)
        except (OperationalError, InterfaceError):
            logger.exception("The control database did not answer a call")
            return problems.of_call(request, problems.CONTROL_DATABASE_AWAY, headers={"Retry-After": "5"})
        except Exception:
            logger.exception("A call of the API broke off")
            return problems.of_call(request, problems.FAULT)
        if response.status_code == 405:
            allowed = response.headers.get("Allow", "")
            detail = f"This address takes {allowed}."
            return problems.of_call(request, problems.METHOD_NOT_ALLOWED, detail, headers={"Allow": allowed})
        return response

    return csrf_exempt(login_not_required(answer))


@contextmanager
def _reading(request: HttpRequest, most: int) -> Iterator[None]:
    """Django reads no body that is larger than usual. Where an operation takes one, whoever has shown a token may send
    it, and each process holds one at a time in memory. Raises RequestDataTooBig, LargeCallUnderWay."""
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    if length > most:
        raise RequestDataTooBig
    if length <= bodies.USUAL:
        yield
        return
    actor_of(request)
    if not _large.acquire(blocking=False):
        raise LargeCallUnderWay(retry_after=5)
    try:
        request._body = request.read(length)
        yield
    finally:
        _large.release()


def _of_call(request: HttpRequest, error: Http404 | HttpError | ValidationError) -> HttpResponse:
    """What is wrong with the call itself."""
    match error:
        case HttpError():
            return problems.of_call(request, problems.NOT_UNDERSTOOD, str(error))
        case ValidationError(errors=faults):
            return problems.of_call(request, problems.NOT_VALID, errors=_faults(faults))
        case _:
            return problems.of_call(request, problems.NOT_FOUND, str(error))


def _faults(errors: Sequence[Any]) -> list[dict[str, str]]:
    """Where, and what is wrong there; what was sent is not repeated."""
    return [
        {"where": "/".join(map(str, _place(fault.get("loc", ())))), "fault": str(fault.get("msg", ""))}
        for fault in errors
    ]


def _place(parts: Sequence[Any]) -> Sequence[Any]:
    """As the caller knows it: a body has no name, which only our code gives it."""
    return ("body", *parts[2:]) if parts[:1] == ("body",) else parts
