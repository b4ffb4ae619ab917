"""What may be done in a state. Who may is in `permissions`. Each check raises with a sentence."""

from __future__ import annotations

from collections.abc import Callable, Set
from functools import partial

from django.db.models.functions import Now

from dashboard.engine.errors import ControlDatabaseShared, EngineError
from dashboard.engine.plan import Plan, TargetIdentity
from dashboard.models import ChangeRequest, Run
from dashboard.models.environments import Environment
from dashboard.selectors import control, observations
from dashboard.selectors.environments import Standing
from dashboard.services.errors import (
    AlreadyDecided,
    DatabaseNotConfirmed,
    EnvironmentOccupied,
    NameNotTyped,
    NotRehearsable,
    ReasonMissing,
    RunNotEnded,
    RunStillAsked,
)


def check_is_open(request: ChangeRequest) -> None:
    if request.status != ChangeRequest.Status.OPEN:
        raise AlreadyDecided(subject=f"Request {request.pk}", status=request.status)


def check_is_approved(request: ChangeRequest) -> None:
    if request.status != ChangeRequest.Status.APPROVED or is_expired(request):
        raise AlreadyDecided(subject=f"Request {request.pk}", status=request.status)


def check_can_be_withdrawn(request: ChangeRequest) -> None:
    if ChangeRequest.Status.WITHDRAWN not in ChangeRequest.TRANSITIONS[request.status]:
        raise AlreadyDecided(subject=f"Request {request.pk}", status=request.status)


def check_same_digest(request: ChangeRequest, digest: str) -> None:
    """The page the person decided on must show the plan that is decided."""
    if request.digest != digest:
        raise AlreadyDecided(subject=f"The plan of request {request.pk}", status="another one")


def check_reason(reason: str, purpose: str) -> str:
    if not reason.strip():
        raise ReasonMissing(what=purpose)
    return reason.strip()


def can_be_rehearsed(plan: Plan) -> bool:
    """It runs migrations, from their first statement: where one broke off is in no copy of a schema."""
    return plan.action.runs_migrations and all(step.first_statement == 1 for step in plan.steps)


def check_can_be_rehearsed(plan: Plan) -> None:
    if not can_be_rehearsed(plan):
        raise NotRehearsable


def check_is_free(environment: Environment, *, apart_from: Set[str] = frozenset()) -> None:
    """No run of the environment is under way."""
    run = Run.objects.filter(environment=environment.slug, status__in=Run.ACTIVE - apart_from).first()
    if run is not None:
        raise EnvironmentOccupied(environment=environment.name, run=run.pk, status=run.status)


def check_is_bound(environment: Environment) -> None:
    """As far as the last look tells, its URL leads to the database that it is bound to."""
    if observations.leads_elsewhere(environment):
        raise DatabaseNotConfirmed(environment=environment.name)


def check_is_apart(environment: Environment, identity: TargetIdentity) -> None:
    """Approvals are kept elsewhere than in the database that they protect."""
    if environment.protected and control.identity().may_be(identity):
        raise ControlDatabaseShared(environment=environment.name, database=identity.database)


def check_stands_free(standing: Standing) -> None:
    """`check_is_free`, as far as a page has read it already."""
    if run := standing.run:
        raise EnvironmentOccupied(environment=standing.environment.name, run=run.pk, status=run.status)


def stands_unbound(standing: Standing) -> EngineError | None:
    """`unbound`, as far as a page has read it already."""
    elsewhere = standing.look is not None and standing.look.other_database
    return DatabaseNotConfirmed(environment=standing.environment.name) if elsewhere else None


def occupied(environment: Environment) -> EngineError | None:
    """Why no run can start there just now, for a page that offers one."""
    return _refusal(partial(check_is_free, environment))


def unbound(environment: Environment) -> EngineError | None:
    """Why nothing can run there until an administrator has confirmed the database, for a page."""
    return _refusal(partial(check_is_bound, environment))


def shared(environment: Environment, identity: TargetIdentity) -> EngineError | None:
    """Why nothing can run there as long as approvals are kept in the same database, for a page."""
    return _refusal(partial(check_is_apart, environment, identity))


def check_can_be_cancelled(run: Run) -> None:
    if run.status not in {Run.Status.QUEUED, Run.Status.RUNNING}:
        raise AlreadyDecided(subject=f"Run {run.pk}", status=run.status)


def check_can_be_ended(run: Run) -> None:
    """Only where Signalbox has asked the target and got no answer; while it may still find out, nobody has to know."""
    if run.status != Run.Status.INTERRUPTED:
        raise AlreadyDecided(subject=f"Run {run.pk}", status=run.status)
    if "unresolved" not in (run.failure or {}):
        raise RunStillAsked(run=run.pk)


def check_messages_can_be_erased(run: Run) -> None:
    if run.is_active:
        raise RunNotEnded(run=run.pk, status=run.status)


def check_slug_typed(slug: str, typed: str) -> None:
    if typed.strip() != slug:
        raise NameNotTyped(expected=slug)


def check_name_typed(environment: Environment, typed: str) -> None:
    if environment.protected and typed.strip() != environment.slug:
        raise NameNotTyped(expected=environment.slug)


def is_expired(request: ChangeRequest) -> bool:
    """By the control database's clock, the only one that leases and expiry know."""
    return ChangeRequest.objects.filter(pk=request.pk, expires_at__lte=Now()).exists()


def _refusal(check: Callable[[], None]) -> EngineError | None:
    try:
        check()
    except EngineError as error:
        return error
    return None
