"""Everything that is asked of a target when a person tests its connection."""

from __future__ import annotations

from dashboard.engine.database.doctor import Check
from dashboard.local import targets as local
from dashboard.models.environments import Environment
from dashboard.services import imports, targets


def of(environment: Environment, *, installation: str = "") -> tuple[Check, ...]:
    """As `targets.checkup`, with what other tools have applied there. The unfit first."""
    checks = (*targets.checkup(environment, installation=installation), *imports.checks(environment))
    return local.unfit_first(checks)
