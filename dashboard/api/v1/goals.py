"""From what a caller wants to the plan of it."""

from __future__ import annotations

from django.http import Http404
from ninja.errors import HttpError

from dashboard.api.v1.schemas import GoalSent, PlanGoal, PlanShown, StepShown, WarningShown
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Plan
from dashboard.models.environments import Environment
from dashboard.services import decisions, plans, standings
from dashboard.services.errors import PageOutdated


def plan_of(goal: GoalSent, environment: Environment) -> Plan:
    """Raises what planning does, and HttpError or Http404 for a rollback of nothing."""
    if goal.action is PlanGoal.APPLY:
        return plans.apply(environment, upto=goal.version)
    return plans.rollback(environment, downto=applied(environment, goal.version))


def check_digest(plan: Plan, digest: str | None, environment: Environment) -> None:
    """The caller acts on the plan that it has looked at. Raises PageOutdated."""
    if digest and digest != plan.digest:
        remedy = "Ask for the plan again, and act on its digest."
        raise PageOutdated(environment=environment.name, remedy=remedy)


def applied(environment: Environment, version: str | None) -> MigrationId:
    if not version:
        raise HttpError(400, "A rollback needs the `version` that it goes down to.")
    row = standings.applied(environment, version)
    if row is None:
        raise Http404(f"{version} is not applied on {environment.name}.")
    return row.identity


def shown(plan: Plan, environment: Environment) -> PlanShown:
    return PlanShown(
        environment=plan.environment,
        action=plan.action.value,
        title=plans.title(plan, environment),
        digest=plan.digest,
        commit=plan.commit or None,
        needs_approval=decisions.needs_request(plan, environment),
        steps=[
            StepShown(
                **step.identity._asdict(),
                action=step.action.value,
                file=step.file,
                checksum=step.checksum,
                reversible=step.down_sql is not None,
            )
            for step in plan.steps
        ],
        warnings=[
            WarningShown(key=each.key, sentence=each.sentence, needs_acceptance=each.needs_acceptance)
            for each in plan.warnings
        ],
        stops_before=plan.stops_before or None,
    )
