"""Does a plan still hold? Asked before anything is sent, so that nobody approves what the executor would refuse."""

from __future__ import annotations

from datetime import datetime

from dashboard.engine import verification
from dashboard.engine.errors import EngineError
from dashboard.engine.plan import Plan, Target
from dashboard.models import Observation, environments
from dashboard.models.environments import Environment
from dashboard.selectors import folders, observations
from dashboard.services import targets
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
        if plan.action.takes_from_files:
            verification.verify_files(plan, folders.read())
        if seen := _seen_since(made_at, environments.get(plan.environment)):
            verification.verify(plan, seen)
    except EngineError as error:
        return str(error.facts.get("what", error)).rstrip(".")
    except environments.UnknownEnvironment:
        return f"no environment {plan.environment} is declared any more"
    return ""


def _seen_since(moment: datetime, environment: Environment) -> Target | None:
    row = Observation.objects.filter(pk=environment.slug, seen_at__gte=moment).first()
    seen = observations.last_seen(row) if row else None
    if seen is None:
        return None
    history, identity = seen
    return Target(
        environment=environment.slug,
        name=environment.name,
        identity=identity,
        policy=targets.policy(environment),
        history=history,
    )
