"""Does a plan still hold? Asked before anything is sent, so that nobody approves what the executor would refuse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboard.engine import status, verification
from dashboard.engine.errors import EngineError
from dashboard.engine.plan import Action, Plan
from dashboard.engine.status import State
from dashboard.models import ChangeRequest, Decision, Run, environments
from dashboard.models.environments import Environment
from dashboard.selectors import folders, observations
from dashboard.services import evidence, policies, targets
from dashboard.services.errors import PageOutdated
from dashboard.services.evidence import Evidence


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
    return RequestState(
        request=request,
        environment=environment,
        decisions=tuple(request.decisions.all()),
        runs=runs,
        objection="" if has_begun else _objection_to(request),
        inserted=() if has_begun else inserted_before(request.plan, environment),
        **_proof(request, environment),
        occupied=policies.occupied(environment),
        unbound=policies.unbound(environment),
        expired=policies.is_expired(request),
    )


def inserted_before(plan: Plan, environment: Environment) -> tuple[str, ...]:
    """What an apply would leave behind out of order, told from the folder and the last look: it holds everything that
    waited when it was made."""
    folder, look = folders.current().folder, observations.looks([environment]).get(environment.slug)
    target = targets.last_seen(environment, look)
    if plan.action is not Action.APPLY or folder is None or target is None:
        return ()
    planned, last = {step.identity for step in plan.steps}, max(step.identity for step in plan.steps)
    return tuple(
        item.label
        for item in status.compute(folder, target.history)
        if (item.is_pending or item.state is State.CONFLICT) and item.identity not in planned and item.identity < last
    )


def is_left(plan: Plan) -> bool:
    """Whether there is anything of it left to do, as far as the last look tells: its page would be a dead end."""
    environment, folder = environments.get_even_former(plan.environment), folders.current().folder
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
    return objection(request.plan, made_at=request.requested_at)


def objection(plan: Plan, *, made_at: datetime) -> str:
    """Why the executor would refuse this plan, told from the folder and the last look; empty when it would not.

    Never asks the target: the page that shows this must not wait for it. A look from before the plan tells nothing.
    """
    try:
        if plan.action.takes_from_files:
            verification.verify_files(plan, folders.read())
        environment = environments.get(plan.environment)
        if target := targets.last_seen(environment, observations.look_since(environment, made_at)):
            verification.verify(plan, target)
    except EngineError as error:
        return str(error.facts.get("what", error)).rstrip(".")
    except environments.UnknownEnvironment:
        return f"no environment {plan.environment} is declared any more"
    return ""
