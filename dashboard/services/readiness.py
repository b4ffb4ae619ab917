"""Whether rehearsals can be carried out, as far as this process can tell."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from dashboard.engine.database.doctor import Check
from dashboard.engine.errors import EngineError
from dashboard.engine.rehearsal import readiness
from dashboard.local import isolation
from dashboard.models import environments
from dashboard.services import targets


def of_rehearsals() -> tuple[Check, ...]:
    """Asks the rehearsal server, and each target for its version."""
    rehearsals = readiness.examine(settings.REHEARSAL_URL or None, set(_majors()))
    return (rehearsals, *isolation.examine(environments.declaration()))


def _majors() -> Iterator[int]:
    for environment in environments.all_environments():
        if environment.configured:
            try:
                yield targets.major(environment)
            except EngineError:
                continue  # its own step says so
