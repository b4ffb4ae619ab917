"""The way of a migration through the services, as tests take it: asked for, approved, started, executed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from dashboard.models import ChangeRequest, Run
from dashboard.services import approvals, execution, forecasts, plans, runs
from dashboard.services.forecasts import Confirmation

if TYPE_CHECKING:
    from config.environments import Environment
    from dashboard.engine.plan import Plan
    from dashboard.services.actors import Actor
    from tests.fix_project import Project


def open_request(project: Project, by: Actor, **reasons: str) -> ChangeRequest:
    """To apply everything pending to production."""
    return approvals.open_request(plans.apply(project.production), environment=project.production, by=by, **reasons)


def approve(request: ChangeRequest, by: Actor, reason: str = "") -> ChangeRequest:
    return approvals.approve(request.pk, by=by, digest=request.digest, reason=reason)


def approved_request(project: Project, alice: Actor, bob: Actor) -> ChangeRequest:
    return approve(open_request(project, alice), bob)


def expire(request: ChangeRequest) -> None:
    """Its time is over, and nobody has closed it yet."""
    past = timezone.now() - timedelta(hours=1)
    ChangeRequest.objects.filter(pk=request.pk).update(expires_at=past, requested_at=past - timedelta(hours=1))


def start_on_staging(project: Project, by: Actor, upto: str | None = None) -> Run:
    """Queued, to apply what is pending there."""
    plan = plans.apply(project.staging, upto=upto)
    return runs.start(plan, environment=project.staging, by=by, confirmation=confirmed(plan, project.staging))


def confirmed(plan: Plan, environment: Environment) -> Confirmation:
    """By somebody who has read what the page says would go."""
    forecast = forecasts.of_plan(plan, environment)
    return Confirmation(forecast=forecast, typed=forecast.word)


def start_on_production(request: ChangeRequest, by: Actor) -> Run:
    """Queued, as the request was approved."""
    return runs.start_approved(request, by=by, typed_name="production")


def claim(run: Run) -> Run:
    claimed = runs.claim(run.pk)
    assert claimed is not None
    return claimed


def lost_run(project: Project, by: Actor) -> Run:
    """Begun on staging by a worker that is gone, with nothing in the target that could tell what it did."""
    run = claim(start_on_staging(project, by))
    assert runs.begin(run)
    runs.interrupt(run, {"code": "worker_lost", "sentence": "Its worker has sent no sign of life."})
    return Run.objects.get(pk=run.pk)


def unprovable_run(project: Project, by: Actor) -> Run:
    """A lost one about which the target was asked in vain."""
    run = lost_run(project, by)
    execution.recover(run.pk)
    run.refresh_from_db()
    assert run.status == Run.Status.INTERRUPTED
    assert (run.failure or {})["unresolved"]["code"] == "witness_gone"
    return run


def execute(run: Run, **options: Any) -> Run:
    """The run as its worker leaves it."""
    execution.execute(run.pk, **options)
    run.refresh_from_db()
    return run


def run_on_staging(project: Project, by: Actor, upto: str | None = None) -> Run:
    """Executed, however it ended."""
    return execute(start_on_staging(project, by, upto))


def tables(project: Project, environment: Environment) -> list[str]:
    """What stands in the schema `public` there."""
    rows = project.query(environment, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    return [name for (name,) in rows]
