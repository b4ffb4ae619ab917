"""When something may run in an environment: in its window, outside its freezes, after the environment before it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from config.environments import Environment
from dashboard.engine import scoping
from dashboard.engine.errors import NotNow
from dashboard.engine.migration import AppliedMigration, Kind, MigrationId
from dashboard.engine.plan import Action, Plan, Step


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


def has_order(plan: Plan, environment: Environment) -> bool:
    """Whether another environment has to have the same bytes first."""
    return bool(environment.after) and plan.action is Action.APPLY


def check_order(
    plan: Plan, environment: Environment, before: Environment, rows: Mapping[MigrationId, AppliedMigration]
) -> None:
    """The same bytes first in the environment that the policy names, whose rows these are. Of what that one never gets,
    nothing is asked. Raises NotNow."""
    asked = scoping.meant_for(plan.steps, before.slug)
    without = [step.label for step in asked if not _has_same_bytes(rows.get(step.identity), step)]
    if without:
        reason = f"{before.name} has not applied the same bytes of {', '.join(without)}"
        remedy = f"Apply it to {before.name} first; then this can run."
        raise NotNow(environment=environment.name, reason=reason, remedy=remedy)


def _has_same_bytes(row: AppliedMigration | None, step: Step) -> bool:
    return row is not None and row.success and row.kind is not Kind.SKIPPED and row.checksum == step.checksum
