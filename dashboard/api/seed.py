"""The addresses and shapes of the source document's own server: GET /status, POST /migrate, POST /rollback.

Where that server would have run something on a protected environment, a change request is opened instead, and the run
begins once people have approved exactly that plan.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

from dashboard.api import keys, problems, seed_calls, waiting
from dashboard.api.authentication import actor_of
from dashboard.engine import scoping
from dashboard.engine import status as statuses
from dashboard.engine.errors import EngineError, NotAcknowledged, NothingToDo
from dashboard.engine.migration import AppliedMigration, Kind
from dashboard.engine.plan import NOT_IMPORTED, Plan
from dashboard.models import ChangeRequest, Decision, Run
from dashboard.models.environments import Environment
from dashboard.models.tokens import Scope
from dashboard.presenters import answers, people
from dashboard.selectors import folders
from dashboard.selectors import requests as request_selector
from dashboard.services import (
    approvals,
    decisions,
    independence,
    outcomes,
    plans,
    quorum,
    standings,
)
from dashboard.services.actors import Actor
from dashboard.services.standings import LiveStanding

logger = logging.getLogger(__name__)

#: "Later": under its key the same call asks what became of it.
LATER = frozenset({202})
VERBS = {"/status": ("GET", "HEAD"), "/migrate": ("POST",), "/rollback": ("POST",)}

type SeedView = Callable[[HttpRequest, Actor], HttpResponse]


def in_json(*verbs: str) -> Callable[[SeedView], Callable[[HttpRequest], HttpResponse]]:
    """For a view of machines alone: whoever calls is known by a token, and every answer is JSON."""

    def decorate(view: SeedView) -> Callable[[HttpRequest], HttpResponse]:
        @wraps(view)
        def answered(request: HttpRequest) -> HttpResponse:
            if request.method not in verbs:
                return not_taken(verbs)
            try:
                by = actor_of(request)
                seed_calls.check_size(request)
                return keys.once(
                    request,
                    lambda _: by,
                    lambda: view(request, by),
                    unusable=seed_calls.NotUnderstood,
                    followed=LATER,
                )
            except EngineError as error:
                return _refused(error)
            except seed_calls.NotUnderstood as error:
                return _failed(error.status, str(error))
            except (OperationalError, InterfaceError):
                logger.exception("The control database did not answer")
                sentence = "The control database of Signalbox does not answer. Ask for the status before you try again."
                return _failed(503, sentence, headers={"Retry-After": "5"})
            except Exception:
                logger.exception("An answer of the API broke off")
                return _failed(500, "Signalbox failed, and its log says how. Ask for the status before you try again.")

        return csrf_exempt(login_not_required(answered))

    return decorate


def not_taken(verbs: Sequence[str]) -> HttpResponse:
    return _failed(405, f"Send {verbs[0]} to this address.", headers={"Allow": ", ".join(verbs)})


@in_json(*VERBS["/status"])
def status(request: HttpRequest, by: Actor) -> HttpResponse:
    seed_calls.check_names(request.GET, seed_calls.ADDRESSING, "parameter")
    environment = seed_calls.environment_of(request, by, Scope.READ)
    return JsonResponse(_status(environment, standings.now(environment)))


@in_json(*VERBS["/migrate"])
def migrate(request: HttpRequest, by: Actor) -> HttpResponse:
    body = seed_calls.body_of(request, seed_calls.APPLYING)
    version = seed_calls.text_of(body, "version")
    if "version" in body and not version:
        raise seed_calls.NotUnderstood(
            "version is empty. Name one, or leave it out to apply everything that is pending."
        )
    environment = seed_calls.environment_to_change(request, by)
    if version and (refusal := _elsewhere(environment, version)):
        return _failed(422, refusal)
    try:
        plan = plans.apply(environment, upto=version or None)
    except NothingToDo as error:
        now = _status(environment, standings.now(environment))
        return JsonResponse(
            {"success": True, "message": _nothing_to_do(error, environment, version, now), "status": now}
        )
    return _ask_or_start(request, plan, environment, by, body, done="Migrations applied successfully")


@in_json(*VERBS["/rollback"])
def rollback(request: HttpRequest, by: Actor) -> HttpResponse:
    """Take back the version that is named. What was applied after it goes with it, if the caller says so."""
    body = seed_calls.body_of(request, seed_calls.TAKING_BACK)
    version = seed_calls.text_of(body, "version")
    if not version:
        raise seed_calls.NotUnderstood("Version required")
    environment = seed_calls.environment_to_change(request, by)
    done = f"Rolled back {version} successfully"
    row = standings.applied(environment, version)
    if row is None:
        if by.token and (run := outcomes.untold_rollback(environment, version, by.token)):
            return _ended(request, run, environment, run.plan, done=done, is_new=False)
        raise seed_calls.NotUnderstood(
            f"{version} is not applied on {environment.name}, so there is nothing to roll back.", 404
        )
    plan = plans.rollback(environment, downto=row.identity)
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
    return _ask_or_start(request, plan, environment, by, body, done=done)


def _ask_or_start(
    request: HttpRequest, plan: Plan, environment: Environment, by: Actor, body: dict[str, Any], *, done: str
) -> HttpResponse:
    seconds = seed_calls.seconds_to_wait(request)
    if by.token and not seed_calls.is_again(request, body):
        if run := outcomes.standing(plan, by.token):
            return _ended(request, run, environment, plan, done=done, is_new=False)
        if rejected := outcomes.rejection(plan, by.token):
            return _was_rejected(request, rejected)
    if _only_asks(by) and not decisions.needs_request(plan, environment) and (live := approvals.live(plan)):
        return _waits_for_a_start(request, live[0])
    try:
        result = decisions.ask_or_start(
            plan,
            environment=environment,
            by=by,
            accepted=seed_calls.texts_of(body, "accept"),
            reason=seed_calls.text_of(body, "reason"),
            irreversible_because=seed_calls.text_of(body, "irreversible_because"),
            rows=seed_calls.text_of(body, "rows_to_lose"),
        )
    except NotAcknowledged as error:
        return _wants_acceptance(error, plan)
    if isinstance(result, ChangeRequest):
        return _waits_for_approval(request, result, environment)
    try:
        return _ended(request, waiting.until_ended(result, seconds), environment, plan, done=done)
    except (OperationalError, InterfaceError):
        logger.exception("The control database did not answer while a run was waited for")
        return _goes_on(request, result, f"Run {result.pk} was started, and how it stands cannot be read now.")


def _was_rejected(request: HttpRequest, rejected: Decision) -> HttpResponse:
    address = request.build_absolute_uri(reverse("request", args=[rejected.request_id]))
    content = {
        "success": False,
        "error": f"Request {rejected.request_id} for exactly this was rejected by {rejected.by}: {rejected.reason}",
        "state": "Nothing was run.",
        "remedy": 'Change the files. To ask for the same once more, send "again": true.',
        "request": {"number": rejected.request_id, "status": rejected.request.status, "url": address},
    }
    return JsonResponse(content, status=422)


def _only_asks(by: Actor) -> bool:
    return by.token is not None and Scope.RUN not in by.token.scopes


def _waits_for_a_start(request: HttpRequest, approved: ChangeRequest) -> HttpResponse:
    """For a token that may not start what people have approved."""
    address = request.build_absolute_uri(reverse("request", args=[approved.pk]))
    content = {
        "success": False,
        "message": f"Request {approved.pk} is approved, and nothing was run. This token only asks: a person or a token "
        f"with the scope {Scope.RUN}, can start it: {address}",
        "request": {
            "number": approved.pk,
            "status": approved.status,
            "title": approved.title,
            "url": address,
            "digest": approved.digest,
        },
    }
    return JsonResponse(content, status=202, headers={"Location": address})


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
    able = independence.approvers_of(change_request, environment)
    whom = people.named(able) or f"nobody here, as nobody else has the role {environment.approver_role}"
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
            "can_be_approved_by": [each.person.get_username() for each in able if each.may_now],
            "expires_at": change_request.expires_at,
        },
    }
    return JsonResponse(content, status=202, headers={"Location": address})


def _ended(
    request: HttpRequest, run: Run, environment: Environment, plan: Plan, *, done: str, is_new: bool = True
) -> HttpResponse:
    """The outcome of the run, or where to look while it goes on. `is_new`: this call started it."""
    if run.status == Run.Status.INTERRUPTED:
        return _run_failed(request, run, status=409, is_new=is_new)
    if run.is_active:
        return _goes_on(request, run, f"Run {run.pk} is {run.status}. It goes on without this call.")
    outcomes.tell(run)
    if not outcomes.is_committed(run):
        return _run_failed(request, run, status=422, is_new=is_new)
    more = {"run": _facts(request, run)} | _status_if_readable(environment)
    if not plan.stops_before:
        return JsonResponse({"success": True, "message": done} | more)
    content = {
        "success": False,
        "error": f"Run {run.pk} has applied {', '.join(step.label for step in plan.steps)}, and later migrations were "
        f"left out: {plan.stops_before}",
        "stops_before": plan.stops_before,
        "remedy": "Mend the file that is named, then send the call again.",
    }
    return JsonResponse(content | more, status=422)


def _facts(request: HttpRequest, run: Run) -> dict[str, Any]:
    address = request.build_absolute_uri(reverse("run", args=[run.pk]))
    return {"number": run.pk, "status": run.status, "title": run.title, "url": address}


def _goes_on(request: HttpRequest, run: Run, sentence: str) -> HttpResponse:
    facts = _facts(request, run)
    content = {"success": False, "message": f"{sentence} See {facts['url']}", "run": facts}
    return JsonResponse(content, status=202, headers={"Location": facts["url"]})


def _run_failed(request: HttpRequest, run: Run, *, status: int, is_new: bool) -> HttpResponse:
    failure, facts = run.failure or {}, _facts(request, run)
    remedies = [failure.get("remedy", ""), 'To run the same once more, send "again": true.']
    if run.status == Run.Status.INTERRUPTED:
        remedies = [f"Nothing else runs on {run.environment} until it is known what was committed. See {facts['url']}"]
    states = [failure.get("state_now", ""), "" if is_new else f"That was run {run.pk}. This call ran nothing."]
    content = {
        "success": False,
        "error": failure.get("sentence") or f"Run {run.pk} is {run.status}.",
        "state": " ".join(filter(None, states)),
        "remedy": " ".join(filter(None, remedies)),
        "run": facts,
    }
    return JsonResponse(content, status=status)


def _status_if_readable(environment: Environment) -> dict[str, Any]:
    """A run that succeeded stays a success where the databases do not answer afterwards."""
    try:
        return {"status": _status(environment, standings.now(environment))}
    except (EngineError, OperationalError, InterfaceError) as error:
        logger.warning("The status after a run could not be read: %s", type(error).__name__)
        return {"status": None}


def _nothing_to_do(error: NothingToDo, environment: Environment, version: str, now: dict[str, Any]) -> str:
    """Never that all is well over what a person has to look at."""
    if not now["attention"]:
        return str(error)
    names = ", ".join(each["file"] for each in now["attention"])
    reach = f"Nothing up to {version}" if version else "Nothing"
    return f"{reach} is pending on {environment.name}, and nothing was run. But a person has to look at {names}."


def _elsewhere(environment: Environment, version: str) -> str:
    """Why a version does not run here that only other environments have; empty for all others."""
    folder = folders.read(environment)
    if any(each.version == version for each in folder.migrations):
        return ""
    others = (each for each in folder.elsewhere if each.version == version)
    words = [f"{each.label} {scoping.scope_of(each).words}" for each in others]
    return f"{'; '.join(words)}. It does not run on {environment.name}, and nothing was run." if words else ""


def _status(environment: Environment, standing: LiveStanding) -> dict[str, Any]:
    rows = standing.target.history.rows
    latest = standing.latest
    return {
        "environment": environment.slug,
        "applied": sum(1 for row in rows if row.success and row.kind is not Kind.SKIPPED),
        "pending": len(standing.pending),
        "latest": _row(latest) if latest else None,
        "pendingMigrations": [item.identity._asdict() for item in standing.pending],
        "attention": _attention(standing),
    }


def _attention(standing: LiveStanding) -> list[dict[str, str]]:
    """What a person has to look at, migrations first."""
    items = statuses.summary(standing.statuses).attention
    return (
        [{"file": each.label, "state": each.state.value, "sentence": each.sentence} for each in items]
        + [{"file": each.file, "state": "unread", "sentence": each.error.sentence} for each in standing.folder.unread]
        + [
            {
                "file": each.label,
                "state": NOT_IMPORTED,
                "sentence": f"{each.label} knows files of this folder that are not recorded here: an administrator "
                "imports that history before anything is applied.",
            }
            for each in standing.not_imported
        ]
    )


def _row(row: AppliedMigration) -> dict[str, Any]:
    measured = {"applied_at": row.applied_at, "execution_time_ms": row.execution_time_ms, "success": row.success}
    return row.identity._asdict() | measured


def _refused(error: EngineError) -> HttpResponse:
    more = {"code": error.code, "state": error.state_now, "remedy": error.remedy}
    return _failed(answers.status_of(error), str(error), headers=problems.headers_of(error), **more)


def _failed(status: int, sentence: str, *, headers: dict[str, str] | None = None, **more: str) -> HttpResponse:
    content = {"success": False, "error": sentence, **{name: text for name, text in more.items() if text}}
    return JsonResponse(content, status=status, headers=headers)
