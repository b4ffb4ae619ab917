"""Does a plan still hold? Asked before anything is sent, so that nobody approves what the executor would refuse."""

from __future__ import annotations

from datetime import datetime

from dashboard.engine import planner
from dashboard.engine.errors import EngineError
from dashboard.engine.migration import History
from dashboard.engine.planner import Action, Plan, Target, TargetIdentity
from dashboard.models import Observation, environments
from dashboard.models.environments import Environment
from dashboard.services import source, targets
from dashboard.services.errors import PageOutdated


def check_shown(plan: Plan, digest: str, environment: Environment) -> None:
    """The plan as it is now must be the one that was on the page. Raises PageOutdated."""
    if plan.digest != digest:
        raise PageOutdated(environment=environment.name)


def objection(plan: Plan, *, made_at: datetime) -> str:
    """Why the executor would refuse this plan, told from the folder and the last look; empty when it would not.

    Never asks the target: the page that shows this must not wait for it. A look from before the plan tells nothing.
    """
    try:
        if plan.action is Action.APPLY:
            planner.verify_files(plan, source.folder())
        if seen := _seen_since(made_at, environments.get(plan.environment)):
            planner.verify(plan, seen)
    except EngineError as error:
        return str(error.facts.get("what", error))
    except environments.UnknownEnvironment:
        return f"no environment {plan.environment} is declared any more"
    return ""


def _seen_since(moment: datetime, environment: Environment) -> Target | None:
    observation = Observation.objects.filter(pk=environment.slug, seen_at__gte=moment).first()
    if observation is None or observation.identity is None:
        return None
    return Target(
        environment=environment.slug,
        name=environment.name,
        identity=TargetIdentity(**observation.identity),
        policy=targets.policy(environment),
        history=History.from_dict(observation.history or {}),
    )
