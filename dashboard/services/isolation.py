"""Whether rehearsals run beside keys that the user of their private server could read."""

from __future__ import annotations

from django.conf import settings

from dashboard.engine.database.doctor import Check, CheckLevel
from dashboard.engine.errors import RehearsalImpossible
from dashboard.engine.localserver import isolation
from dashboard.models import environments
from dashboard.models.environments import Environment

#: Beside the URLs of the targets.
_KEYS = frozenset(
    {
        *("SIGNALBOX_DATABASE_URL", "SIGNALBOX_DATABASE_OWNER_URL", "DATABASE_URL"),
        *("SIGNALBOX_SECRET_KEY", "SIGNALBOX_SECRET_KEY_FALLBACKS", "SIGNALBOX_AUDIT_KEY"),
    }
)
_REMEDY = (
    "Start Signalbox as root, so that the server runs as the user nobody; or start it without a shell between, as "
    "bin/start does; or set SIGNALBOX_REHEARSAL_URL to a server elsewhere."
)


def check(environment: Environment) -> None:
    """Raises RehearsalImpossible for a protected environment, unless its declaration allows it by name."""
    if not environment.protected or environment.unisolated_rehearsals:
        return
    if open_to_it := _exposed():
        raise RehearsalImpossible(
            reason=f"its private server could read the keys of {', '.join(open_to_it)}.",
            remedy=f"{_REMEDY} Or allow it for {environment.name}: unisolated_rehearsals = true in its declaration.",
        )


def examine() -> Check:
    """For the doctor."""
    if open_to_it := _exposed():
        finding = f"a private server for rehearsals could read the keys of {', '.join(open_to_it)}."
        return Check(code="isolation", level=CheckLevel.WARNING, finding=finding, remedy=_REMEDY)
    finding = "a private server for rehearsals can read no key."
    return Check(code="isolation", level=CheckLevel.FINE, finding=finding)


def _exposed() -> tuple[str, ...]:
    """None where rehearsals have a server elsewhere."""
    if settings.REHEARSAL_URL:
        return ()
    return isolation.exposed(_KEYS | {each.variable for each in environments.all_environments()})
