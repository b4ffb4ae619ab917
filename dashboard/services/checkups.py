"""Everything that is asked of a target when a person tests its connection."""

from __future__ import annotations

from dashboard.engine.database.doctor import Check, CheckLevel
from dashboard.models.environments import Environment
from dashboard.services import imports, targets


def of(environment: Environment, *, installation: str = "") -> tuple[Check, ...]:
    """As `targets.checkup`, with what other tools have applied there. The unfit first."""
    checks = (*targets.checkup(environment, installation=installation), *imports.checks(environment))
    return tuple(sorted(checks, key=lambda check: list(CheckLevel)[::-1].index(check.level)))
