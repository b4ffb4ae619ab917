"""Plans, rehearsals and change requests. Deciding on a request is for people."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest
from django.urls import reverse
from ninja import Query, Router
from ninja.responses import Status

from dashboard.api.authentication import actor_of
from dashboard.api.v1 import goals
from dashboard.api.v1.calls import environment_of, page, reachable, reads, writes
from dashboard.api.v1.schemas import (
    ChangeRequestListed,
    ChangeRequestPage,
    ChangeRequestShown,
    DecisionShown,
    GoalSent,
    PlanShown,
    RehearsalShown,
    RequestSent,
)
from dashboard.models import ChangeRequest, Rehearsal, environments
from dashboard.models.tokens import Scope
from dashboard.selectors import rehearsals, requests
from dashboard.services import approvals, decisions, independence, permissions, quorum
from dashboard.services import rehearsals as rehearsing
from dashboard.services.errors import NotForTokens

router = Router(tags=["plans and change requests"])

DECIDING = "decide on a change request"


@writes(router, "/plans", Scope.READ, response=PlanShown, summary="Compute a plan")
def compute_plan(request: HttpRequest, goal: GoalSent) -> PlanShown:
    """Made of the files and the target as they are now. Nothing is written; the digest names exactly this plan."""
    environment = environment_of(request, goal.environment)
    return goals.shown(goals.plan_of(goal, environment), environment)


# Rehearsals


@writes(router, "/rehearsals", Scope.REHEARSE, response={202: RehearsalShown}, summary="Have a plan rehearsed")
def ask_for_rehearsal(request: HttpRequest, goal: GoalSent) -> Status[RehearsalShown]:
    """A worker carries it out. Where the same is under way already, that one is the answer."""
    environment = environment_of(request, goal.environment)
    plan = goals.plan_of(goal, environment)
    rehearsal = rehearsing.ask(plan, environment=environment, by=actor_of(request))
    return Status(202, _rehearsal(request, rehearsal))


@reads(router, "/rehearsals/{int:number}", Scope.READ, response=RehearsalShown, summary="Read a rehearsal")
def read_rehearsal(request: HttpRequest, number: int) -> RehearsalShown:
    try:
        rehearsal = rehearsals.detailed(number)
    except Rehearsal.DoesNotExist:
        raise Http404(f"There is no rehearsal {number}.") from None
    permissions.check_reaches(actor_of(request), rehearsal.environment)
    return _rehearsal(request, rehearsal)


# Change requests


@reads(router, "/change-requests", Scope.READ, response=ChangeRequestPage, summary="List change requests")
def list_change_requests(
    request: HttpRequest,
    cursor: str | None = Query(None, max_length=40),
    limit: int = Query(50, ge=1, le=200),
) -> dict[str, Any]:
    """Which approvals are missing, and who can give them, is said of each one by itself."""
    items, following = page(requests.listed().filter(environment__in=reachable(request)), cursor, limit)
    return {"items": [ChangeRequestListed(**_listed(request, item)) for item in items], "next": following}


@writes(
    router,
    "/change-requests",
    Scope.REQUEST,
    response={201: ChangeRequestShown, 200: ChangeRequestShown},
    summary="Open a change request",
)
def open_change_request(request: HttpRequest, wanted: RequestSent) -> Status[ChangeRequestShown]:
    """Asks people to approve a plan. While a request for exactly this plan waits, that one is answered, with 200."""
    environment = environment_of(request, wanted.environment)
    plan = goals.plan_of(wanted, environment)
    goals.check_digest(plan, wanted.digest, environment)
    asked = decisions.ask(
        plan,
        environment=environment,
        by=actor_of(request),
        reason=wanted.reason,
        accepted=wanted.accept,
        irreversible_because=wanted.irreversible_because,
    )
    return Status(201 if asked.is_new else 200, _change_request(request, requests.detailed(asked.request.pk)))


@reads(
    router,
    "/change-requests/{int:number}",
    Scope.READ,
    response=ChangeRequestShown,
    summary="Read a change request",
)
def read_change_request(request: HttpRequest, number: int) -> ChangeRequestShown:
    return _change_request(request, of_number(request, number))


@writes(
    router,
    "/change-requests/{int:number}/withdraw",
    Scope.REQUEST,
    response=ChangeRequestShown,
    summary="Withdraw one of its own",
)
def withdraw_change_request(request: HttpRequest, number: int) -> ChangeRequestShown:
    approvals.withdraw(of_number(request, number).pk, by=actor_of(request))
    return _change_request(request, requests.detailed(number))


@writes(
    router, "/change-requests/{int:number}/approve", Scope.READ, response={403: None}, summary="Answers 403: people do"
)
def approve_change_request(request: HttpRequest, number: int) -> None:
    """No token approves. The answer names the page on which a person does."""
    _refuse_to_decide(request, number)


@writes(
    router, "/change-requests/{int:number}/reject", Scope.READ, response={403: None}, summary="Answers 403: people do"
)
def reject_change_request(request: HttpRequest, number: int) -> None:
    """No token rejects. The answer names the page on which a person does."""
    _refuse_to_decide(request, number)


def of_number(request: HttpRequest, number: int) -> ChangeRequest:
    """Raises Http404, ScopeMissing."""
    try:
        change_request = requests.detailed(number)
    except ChangeRequest.DoesNotExist:
        raise Http404(f"There is no change request {number}.") from None
    permissions.check_reaches(actor_of(request), change_request.environment)
    return change_request


def _refuse_to_decide(request: HttpRequest, number: int) -> None:
    address = _address(request, "request", of_number(request, number).pk)
    raise NotForTokens(what=DECIDING, remedy=f"A person does, signed in, at {address}")


def _change_request(request: HttpRequest, row: ChangeRequest) -> ChangeRequestShown:
    environment = environments.get_even_former(row.environment)
    standing = quorum.of(row, environment, row.decisions.all())
    waits = row.status == ChangeRequest.Status.OPEN
    able = independence.approvers_of(row, environment) if waits else []
    return ChangeRequestShown(
        **_listed(request, row),
        approvals_needed=standing.missing if waits else 0,
        can_be_approved_by=[each.person.get_username() for each in able if each.may_now],
    )


def _listed(request: HttpRequest, row: ChangeRequest) -> dict[str, Any]:
    return {
        "id": row.pk,
        "environment": row.environment,
        "action": row.action,
        "title": row.title,
        "status": row.status,
        "digest": row.digest,
        "reason": row.reason,
        "requested_by": row.requested_by.get_username(),
        "requested_at": row.requested_at,
        "expires_at": row.expires_at,
        "decisions": [
            DecisionShown(by=each.by.get_username(), verdict=each.verdict, reason=each.reason, at=each.at)
            for each in row.decisions.all()
        ],
        "runs": [run.pk for run in row.runs.all()],
        "url": _address(request, "request", row.pk),
    }


def _rehearsal(request: HttpRequest, row: Rehearsal) -> RehearsalShown:
    return RehearsalShown(
        id=row.pk,
        environment=row.environment,
        title=row.title,
        digest=row.digest,
        status=row.status,
        passed=row.passed,
        reversible=row.reversible,
        asked_at=row.asked_at,
        finished_at=row.finished_at,
        report=row.report,
        failure=row.failure,
        url=_address(request, "rehearsal", row.pk),
    )


def _address(request: HttpRequest, name: str, number: int) -> str:
    return request.build_absolute_uri(reverse(name, args=[number]))
