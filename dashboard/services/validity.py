"""Does a plan still hold? Asked before anything is sent, so that nobody approves what the executor would refuse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from dashboard.engine import status, verification
from dashboard.engine.errors import EngineError
from dashboard.engine.plan import Action, Plan
from dashboard.engine.status import State
from dashboard.models import BreakGlass, ChangeRequest, Comment, Decision, Run, environments
from dashboard.models.environments import Environment
from dashboard.selectors import folders, observations
from dashboard.services import break_glass, evidence, gates, installations, policies, quorum, targets
from dashboard.services.errors import PageOutdated, Refused
from dashboard.services.evidence import Evidence
from dashboard.services.quorum import Quorum


def check_shown(plan: Plan, digest: str, environment: Environment) -> None:
    """The plan as it is now must be the one that was on the page. Raises PageOutdated."""
    if plan.digest != digest:
        raise PageOutdated(environment=environment.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestState:
    """A request, with everything that decides what can be done with it now."""

    request: ChangeRequest
    environment: Environment
    decisions: tuple[Decision, ...]
    runs: tuple[Run, ...]
    objection: str  # why its plan no longer holds; asked only while it has not begun
    inserted: tuple[str, ...]  # migrations that came to wait before what it runs, and are not in it
    proof: Evidence | None  # what an approval would rest on; of a closed request what the decision rested on
    occupied: EngineError | None
    unbound: EngineError | None
    standing: Quorum  # the approvals it has, held against those it needs
    closed: EngineError | None = None  # why nothing may begin there now; asked while it is not closed
    comments: tuple[Comment, ...] = ()
    openings: tuple[BreakGlass, ...] = ()
    open_glass: BreakGlass | None = None  # that can still be used
    no_glass: EngineError | None = None  # why break-glass is not possible
    expired: bool = False  # by the control database's clock
    proven_at: datetime | None = None  # when `proof` was so; None while it is so now

    @property
    def is_running(self) -> bool:
        return any(run.is_active for run in self.runs)


def state_of(request: ChangeRequest) -> RequestState:
    """`request` as selectors.requests.detailed gives it."""
    environment = environments.get_even_former(request.environment)
    runs = tuple(request.runs.all())
    has_begun = request.closed_at is not None or any(run.is_active for run in runs)
    decisions = tuple(request.decisions.all())
    openings = tuple(request.openings.all())
    return RequestState(
        request=request,
        environment=environment,
        decisions=decisions,
        runs=runs,
        standing=quorum.of(request, environment, decisions),
        closed=None if request.closed_at else gates.closed(request.plan, environment),
        comments=tuple(request.comments.all()),
        openings=openings,
        open_glass=_open_glass(request, openings, runs),
        no_glass=break_glass.refusal(request, environment),
        objection="" if has_begun else _objection_to(request),
        inserted=() if has_begun else inserted_before(request.plan, environment),
        **_proof(request, environment),
        occupied=installations.refusal() or policies.occupied(environment),
        unbound=policies.unbound(environment) or policies.shared(environment, request.plan.identity),
        expired=policies.is_expired(request),
    )


def _open_glass(request: ChangeRequest, openings: tuple[BreakGlass, ...], runs: tuple[Run, ...]) -> BreakGlass | None:
    used = {run.break_glass_id for run in runs}
    usable = (o for o in openings if o.pk not in used and o.digest == request.digest and o.expires_at > timezone.now())
    return None if request.closed_at else next(usable, None)


def inserted_before(plan: Plan, environment: Environment) -> tuple[str, ...]:
    """What an apply would leave behind out of order, told from the folder and the last look: it holds everything that
    waited when it was made."""
    folder, look = folders.current(environment).folder, observations.looks([environment]).get(environment.slug)
    target = targets.last_seen(environment, look)
    if plan.action is not Action.APPLY or folder is None or target is None:
        return ()
    planned = {step.identity for step in plan.steps}
    last = max((step.identity for step in plan.steps if not step.is_repeatable), default=None)
    return tuple(
        item.label
        for item in status.compute(folder, target.history)
        if (item.is_pending or item.state is State.CONFLICT)
        and item.identity not in planned
        and (last is not None and item.identity < last)
    )


def is_left(plan: Plan) -> bool:
    """Whether there is anything of it left to do, as far as the last look tells: its page would be a dead end."""
    environment = environments.get_even_former(plan.environment)
    folder = folders.current(environment).folder
    target = targets.last_seen(environment, observations.looks([environment]).get(environment.slug))
    if target is None or folder is None:
        return True
    if plan.action is Action.ROLLBACK:
        row = target.history.row(plan.steps[-1].identity)
        return row is not None and row.success
    last = plan.steps[-1].identity
    waiting = (s for s in status.compute(folder, target.history) if s.is_pending or s.state is State.CONFLICT)
    return any(item.identity <= last for item in waiting)


def _proof(request: ChangeRequest, environment: Environment) -> dict[str, Any]:
    if request.closed_at is None:
        return {"proof": evidence.of_request(request, environment), "proven_at": None}
    for decision in request.decisions.all():
        if decision.evidence:
            return {"proof": evidence.as_kept(decision.evidence), "proven_at": decision.at}
    return {"proof": None, "proven_at": None}


def _objection_to(request: ChangeRequest) -> str:
    if request.plan.digest != request.digest:
        return "the plan kept with the request no longer has the digest that was asked for"
    if request.status == ChangeRequest.Status.APPROVED and (missing := _missing_approver(request)):
        return missing
    return objection(request.plan, made_at=request.requested_at)


def _missing_approver(request: ChangeRequest) -> str:
    """Why the approval does not count any more: of its approvers, not of its plan."""
    environment, decisions = environments.get_even_former(request.environment), request.decisions.all()
    if quorum.of(request, environment, decisions).is_met:
        return ""
    try:
        quorum.check_all(request, environment, decisions)
    except Refused as error:
        return str(error).rstrip(".")
    return ""


def objection(plan: Plan, *, made_at: datetime) -> str:
    """Why the executor would refuse this plan, told from the folder and the last look; empty when it would not.

    Never asks the target: the page that shows this must not wait for it. A look from before the plan tells nothing.
    """
    try:
        environment = environments.get(plan.environment)
        if plan.action.takes_from_files:
            verification.verify_files(plan, folders.read(environment))
        if target := targets.last_seen(environment, observations.look_since(environment, made_at)):
            verification.verify(plan, target)
    except EngineError as error:
        return str(error.facts.get("what", error)).rstrip(".")
    except environments.UnknownEnvironment:
        return f"no environment {plan.environment} is declared any more"
    return ""
