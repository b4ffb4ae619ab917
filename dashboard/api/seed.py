"""The addresses and shapes of the source document's own server: GET /status, POST /migrate, POST /rollback.

Where that server would have run something on a protected environment, a change request is opened instead, and the run
begins once people have approved exactly that plan.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

from dashboard.api import waiting
from dashboard.api.authentication import CHALLENGE, actor_of
from dashboard.engine.errors import EngineError, NotAcknowledged, NothingToDo
from dashboard.engine.migration import AppliedMigration, Kind
from dashboard.engine.plan import Plan
from dashboard.models import ChangeRequest, Run, environments
from dashboard.models.environments import Environment
from dashboard.models.tokens import Scope
from dashboard.selectors import people
from dashboard.selectors import requests as request_selector
from dashboard.services import answers, decisions, permissions, plans, quorum, standings
from dashboard.services.actors import Actor
from dashboard.services.standings import LiveStanding

logger = logging.getLogger(__name__)

#: The environment that the source document's server knew.
USUAL = "production"
#: Characters of a body.
BODY = 65_536

type SeedView = Callable[[HttpRequest, Actor], HttpResponse]


class NotUnderstood(Exception):
    """The call itself is wrong. `status` is 400 or 404."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


def in_json(*verbs: str) -> Callable[[SeedView], Callable[[HttpRequest], HttpResponse]]:
    """For a view of machines alone: whoever calls is known by a token, and every answer is JSON."""

    def decorate(view: SeedView) -> Callable[[HttpRequest], HttpResponse]:
        @wraps(view)
        def answered(request: HttpRequest) -> HttpResponse:
            if request.method not in verbs:
                return _failed(405, f"Send {verbs[0]} to this address.", headers={"Allow": ", ".join(verbs)})
            try:
                return view(request, actor_of(request))
            except EngineError as error:
                return _refused(error)
            except NotUnderstood as error:
                return _failed(error.status, str(error))
            except (OperationalError, InterfaceError):
                logger.exception("The control database did not answer")
                sentence = "The control database of Signalbox does not answer. Nothing was changed. Try again later."
                return _failed(503, sentence, headers={"Retry-After": "5"})
            except Exception:
                logger.exception("An answer of the API broke off")
                return _failed(500, "Signalbox failed, and its log says how. Ask for the status before you try again.")

        return csrf_exempt(login_not_required(answered))

    return decorate


@in_json("GET", "HEAD")
def status(request: HttpRequest, by: Actor) -> HttpResponse:
    environment = _environment(request, by, Scope.READ)
    return JsonResponse(_status(environment, standings.now(environment)))


@in_json("POST")
def migrate(request: HttpRequest, by: Actor) -> HttpResponse:
    body = _body(request)
    environment = _environment(request, by)
    try:
        plan = plans.apply(environment, upto=_text(body, "version") or None)
    except NothingToDo as error:
        permissions.check_scope(by, Scope.RUN, environment.slug)
        now = _status(environment, standings.now(environment))
        return JsonResponse({"success": True, "message": str(error), "status": now})
    return _ask_or_start(request, plan, environment, by, body, done="Migrations applied successfully")


@in_json("POST")
def rollback(request: HttpRequest, by: Actor) -> HttpResponse:
    """Take back the version that is named. What was applied after it goes with it, if the caller says so."""
    body = _body(request)
    version = _text(body, "version")
    if not version:
        raise NotUnderstood("Version required")
    environment = _environment(request, by)
    plan = plans.rollback(environment, downto=_applied(environment, version).identity)
    others = [step.label for step in plan.steps if step.version != version]
    if others and body.get("including_later") is not True:
        return JsonResponse(
            {
                "success": False,
                "error": f"Rolling back {version} takes back what was applied after it too: {', '.join(others)}. "
                'Nothing was run. Send "including_later": true if that is what you want.',
                "later": others,
            },
            status=409,
        )
    return _ask_or_start(request, plan, environment, by, body, done=f"Rolled back {version} successfully")


def _ask_or_start(
    request: HttpRequest, plan: Plan, environment: Environment, by: Actor, body: dict[str, Any], *, done: str
) -> HttpResponse:
    seconds = _seconds(request)
    try:
        result = decisions.ask_or_start(
            plan,
            environment=environment,
            by=by,
            accepted=_texts(body, "accept"),
            reason=_text(body, "reason"),
            irreversible_because=_text(body, "irreversible_because"),
            rows=_text(body, "rows_to_lose"),
        )
    except NotAcknowledged as error:
        return _wants_acceptance(error, plan)
    if isinstance(result, ChangeRequest):
        return _waits_for_approval(request, result, environment)
    return _ended(request, waiting.until_ended(result, seconds), environment, done=done)


def _wants_acceptance(error: NotAcknowledged, plan: Plan) -> HttpResponse:
    """With what has to be read, and what to send once somebody has."""
    warnings = {each.key: each.sentence for each in plan.warnings if each.needs_acceptance}
    content = {
        "success": False,
        "error": str(error),
        "code": error.code,
        "remedy": 'Read the warnings. If you accept them, send their keys in the list "accept", and the call again.',
        "warnings": warnings,
        "accept": list(warnings),
    }
    return JsonResponse(content, status=answers.status_of(error))


def _waits_for_approval(request: HttpRequest, waits: ChangeRequest, environment: Environment) -> HttpResponse:
    change_request = request_selector.detailed(waits.pk)
    address = request.build_absolute_uri(reverse("request", args=[change_request.pk]))
    approvals = quorum.of(change_request, environment, change_request.decisions.all())
    deciders = [person.get_username() for person in people.deciders(change_request, environment)]
    whom = " or ".join(deciders) or f"nobody here, as nobody else has the role {environment.approver_role}"
    content = {
        "success": False,
        "message": f"{environment.name} is protected. Request {change_request.pk} waits for approval by {whom}: "
        f"{address} . Nothing was run. Once it is approved, send the same again, and it runs.",
        "request": {
            "number": change_request.pk,
            "status": change_request.status,
            "title": change_request.title,
            "url": address,
            "digest": change_request.digest,
            "approvals_needed": approvals.missing,
            "can_be_approved_by": deciders,
            "expires_at": change_request.expires_at,
        },
    }
    return JsonResponse(content, status=202, headers={"Location": address})


def _ended(request: HttpRequest, run: Run, environment: Environment, *, done: str) -> HttpResponse:
    """What became of it, or where to look while it goes on."""
    address = request.build_absolute_uri(reverse("run", args=[run.pk]))
    facts = {"number": run.pk, "status": run.status, "title": run.title, "url": address}
    if run.is_active:
        message = f"Run {run.pk} is {run.status}. It goes on without this call: {address}"
        content = {"success": False, "message": message, "run": facts}
        return JsonResponse(content, status=202, headers={"Location": address})
    if run.status == Run.Status.SUCCEEDED:
        now = _status(environment, standings.now(environment))
        return JsonResponse({"success": True, "message": done, "status": now, "run": facts})
    failure = run.failure or {}
    content = {
        "success": False,
        "error": failure.get("sentence") or f"Run {run.pk} is {run.status}.",
        "state": failure.get("state_now", ""),
        "remedy": failure.get("remedy", ""),
        "run": facts,
    }
    return JsonResponse(content, status=422)


def _status(environment: Environment, standing: LiveStanding) -> dict[str, Any]:
    rows = standing.target.history.rows
    latest = standing.latest
    return {
        "environment": environment.slug,
        "applied": sum(1 for row in rows if row.success and row.kind is not Kind.SKIPPED),
        "pending": len(standing.pending),
        "latest": _row(latest) if latest else None,
        "pendingMigrations": [item.identity._asdict() for item in standing.pending],
    }


def _row(row: AppliedMigration) -> dict[str, Any]:
    measured = {"applied_at": row.applied_at, "execution_time_ms": row.execution_time_ms, "success": row.success}
    return row.identity._asdict() | measured


def _applied(environment: Environment, version: str) -> AppliedMigration:
    rows = standings.now(environment).target.history.rows
    standing = [row for row in rows if row.version == version and row.success and row.kind is not Kind.SKIPPED]
    if not standing:
        raise NotUnderstood(f"{version} is not applied on {environment.name}, so there is nothing to roll back.", 404)
    return standing[0]


# What was sent


def _environment(request: HttpRequest, by: Actor, scope: Scope | None = None) -> Environment:
    """The one that `?environment=` names; what the token may not do there is refused before anything is looked at."""
    slug = request.GET.get("environment", USUAL)
    try:
        environment = environments.get(slug)
    except environments.UnknownEnvironment:
        known = ", ".join(each.slug for each in environments.all_environments())
        raise NotUnderstood(f"No environment is called {slug!r}. Known: {known}.", 404) from None
    permissions.check_reaches(by, environment.slug)
    if scope:
        permissions.check_scope(by, scope, environment.slug)
    return environment


def _body(request: HttpRequest) -> dict[str, Any]:
    """An object, whatever the Content-Type says: `curl -d` calls JSON a form. Empty is an empty one."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > BODY:
        raise NotUnderstood(f"The body has more than {BODY} bytes.")
    try:
        body = json.loads(request.body or b"{}")
    except (ValueError, RecursionError):
        raise NotUnderstood("The body is not JSON.") from None
    if not isinstance(body, dict):
        raise NotUnderstood("The body is not a JSON object.")
    return body


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key, "")
    if not isinstance(value, str) or "\0" in value:
        raise NotUnderstood(f'{key} has to be a text, such as {{{json.dumps(key)}: "008"}}.')
    return value.strip()


def _texts(body: dict[str, Any], key: str) -> list[str]:
    values = body.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise NotUnderstood(f"{key} has to be a list of texts.")
    return values


def _seconds(request: HttpRequest) -> float:
    """As long as the source document's server would have kept its caller, which was until the end."""
    given = request.GET.get("wait", str(waiting.LONGEST))
    if not given.isascii() or not given.isdigit():
        raise NotUnderstood(f"wait has to be a whole number of seconds, {waiting.LONGEST} at most.")
    return float(given[:4])


# What is answered


def _refused(error: EngineError) -> HttpResponse:
    status = answers.status_of(error)
    headers = dict(CHALLENGE) if status == 401 else {}
    if wait := error.facts.get("retry_after"):
        headers["Retry-After"] = str(wait)
    more = {"code": error.code, "state": error.state_now, "remedy": error.remedy}
    return _failed(status, str(error), headers=headers, **more)


def _failed(status: int, sentence: str, *, headers: dict[str, str] | None = None, **more: str) -> HttpResponse:
    content = {"success": False, "error": sentence, **{name: text for name, text in more.items() if text}}
    return JsonResponse(content, status=status, headers=headers)
