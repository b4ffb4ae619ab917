"""The history of an environment, mended by a person's word: which migrations an action can be asked for, and its plan
for as many of them as are chosen."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Action, Plan
from dashboard.local.mending import OFFERED, candidates
from dashboard.models.environments import Environment
from dashboard.services import plans

__all__ = ["OFFERED", "candidates", "plan"]


def plan(
    environment: Environment, action: Action, migrations: Sequence[MigrationId] = (), *, upto: str = "", reason: str
) -> Plan:
    """Computed from the target as it is now; `upto` is the last version of a baseline. Raises ReasonMissing, and what
    the planner refuses."""
    match action:
        case Action.BASELINE:
            return plans.baseline(environment, upto=upto, reason=reason)
        case Action.ACCEPT:
            return plans.accept_edits(environment, migrations, reason=reason)
        case Action.ACCEPT_CHANGE:
            return plans.accept_changes(environment, migrations, reason=reason)
        case Action.SKIP:
            return plans.skip(environment, migrations, reason=reason)
        case Action.UNSKIP:
            return plans.unskip(environment, migrations, reason=reason)
        case Action.MARK_APPLIED:
            return plans.mark_applied(environment, migrations, reason=reason)
        case _:
            raise AssertionError(f"{action} is not offered")
