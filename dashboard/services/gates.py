"""When something may run in an environment: in its window, outside its freezes, after the environment before it.

Asked when a run is started and again when a worker executes it. What has begun is not stopped by the end of a window.
"""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from dashboard.engine import scoping
from dashboard.engine.errors import EngineError
from dashboard.engine.migration import AppliedMigration, Kind
from dashboard.engine.plan import Action, Plan, Step
from dashboard.models import environments
from dashboard.models.environments import Environment
from dashboard.selectors import environments as standings
from dashboard.services.errors import NotNow


def check(plan: Plan, environment: Environment) -> None:
    """Raises NotNow."""
    check_time(environment, timezone.now())
    _check_order(plan, environment)


def check_time(environment: Environment, moment: datetime) -> None:
    """Raises NotNow where nothing may begin at that moment."""
    calendar = environment.calendar
    if calendar.is_open(moment):
        return
    freeze = calendar.freeze_at(moment)
    reason = f"there is a freeze, {freeze.text}" if freeze else "it is outside the maintenance windows"
    opens = calendar.next_opening(moment)
    at = f"{calendar.wall(opens):%a %Y-%m-%d %H:%M}" if opens else ""
    remedy = f"It may run from {at} {calendar.zone} on." if opens else "Its policy names no later time."
    raise NotNow(environment=environment.name, reason=f"{reason} (times of {calendar.zone})", remedy=remedy)


def closed(plan: Plan, environment: Environment) -> EngineError | None:
    """Why nothing could begin there now, for a page."""
    try:
        check(plan, environment)
    except NotNow as error:
        return error
    return None


def _check_order(plan: Plan, environment: Environment) -> None:
    """The same bytes first in the environment that the policy names, as far as the last look there tells. Of what
    that one never gets, nothing is asked."""
    if not environment.after or plan.action is not Action.APPLY:
        return
    before = environments.get(environment.after)
    rows = {row.identity: row for row in standings.standing(before, None).rows}
    asked = scoping.meant_for(plan.steps, before.slug)
    without = [step.label for step in asked if not _has_same_bytes(rows.get(step.identity), step)]
    if without:
        reason = f"{before.name} has not applied the same bytes of {', '.join(without)}"
        remedy = f"Apply it to {before.name} first; then this can run as it was approved."
        raise NotNow(environment=environment.name, reason=reason, remedy=remedy)


def _has_same_bytes(row: AppliedMigration | None, step: Step) -> bool:
    return row is not None and row.success and row.kind is not Kind.SKIPPED and row.checksum == step.checksum
