"""When something may run in an environment: in its window, outside its freezes, after the environment before it.

Asked when a run is started and again when a worker executes it. What has begun is not stopped by the end of a window.
"""

from __future__ import annotations

from django.utils import timezone

from dashboard.engine.errors import EngineError, NotNow
from dashboard.engine.plan import Plan
from dashboard.local import gates
from dashboard.models import environments
from dashboard.models.environments import Environment
from dashboard.selectors import environments as standings


def check(plan: Plan, environment: Environment) -> None:
    """As far as the last look at the environment before it tells. Raises NotNow."""
    gates.check_time(environment, timezone.now())
    if gates.has_order(plan, environment):
        before = environments.get(environment.after)
        rows = {row.identity: row for row in standings.standing(before, None).rows}
        gates.check_order(plan, environment, before, rows)


def closed(plan: Plan, environment: Environment) -> EngineError | None:
    """Why nothing could begin there now, for a page."""
    try:
        check(plan, environment)
    except NotNow as error:
        return error
    return None
