"""Whether rehearsals run beside keys that the user of their private server could read, and without a network."""

from __future__ import annotations

from django.conf import settings

from dashboard.engine.database.doctor import Check, CheckLevel
from dashboard.engine.errors import RehearsalImpossible
from dashboard.engine.localserver import isolation, network
from dashboard.models import environments
from dashboard.models.environments import Environment

#: Beside the URLs of the targets.
_KEYS = frozenset(
    {
        *("SIGNALBOX_DATABASE_URL", "SIGNALBOX_DATABASE_OWNER_URL", "DATABASE_URL"),
        *("SIGNALBOX_SECRET_KEY", "SIGNALBOX_SECRET_KEY_FALLBACKS", "SIGNALBOX_AUDIT_KEY", "SIGNALBOX_REHEARSAL_URL"),
        *("SIGNALBOX_EMAIL_URL", "SIGNALBOX_OIDC_SECRET", "SIGNALBOX_GOOGLE_SECRET", "SIGNALBOX_GITHUB_SECRET"),
    }
)
_REMEDY = (
    "Start Signalbox as root, so that the server runs as the user nobody; or start it without a shell between, as "
    "bin/start does; or set SIGNALBOX_REHEARSAL_URL to a server elsewhere."
)

_ELSEWHERE = "rehearsals have a server elsewhere, whose network is not for this process to close."


def check(environment: Environment) -> None:
    """Raises RehearsalImpossible for a protected environment, unless its declaration allows it by name."""
    if not environment.protected or environment.unisolated_rehearsals:
        return
    if open_to_it := _exposed():
        raise RehearsalImpossible(
            reason=f"its private server could read the keys of {', '.join(open_to_it)}.",
            remedy=f"{_REMEDY} Or allow it for {environment.name}: unisolated_rehearsals = true in its declaration.",
        )


def examine() -> tuple[Check, ...]:
    """For the doctor."""
    return _keys(), _network()


def _keys() -> Check:
    if open_to_it := _exposed():
        finding = f"a private server for rehearsals could read the keys of {', '.join(open_to_it)}."
        return Check(code="isolation", level=CheckLevel.WARNING, finding=finding, remedy=_REMEDY)
    finding = "a private server for rehearsals can read no key."
    return Check(code="isolation", level=CheckLevel.FINE, finding=finding)


def _network() -> Check:
    """A note and no warning: foreign SQL runs as a role that can open no connection. This is for what gets past it."""
    if settings.REHEARSAL_URL or network.can_be_left():
        finding = _ELSEWHERE if settings.REHEARSAL_URL else "a private server for rehearsals has no network."
        return Check(code="network", level=CheckLevel.FINE, finding=finding)
    return Check(
        code="network",
        level=CheckLevel.NOTE,
        finding="a private server for rehearsals has the network of this machine: the platform allows no other.",
        remedy="Let the worker reach only its targets, by a firewall; or start it with the right CAP_SYS_ADMIN.",
    )


def _exposed() -> tuple[str, ...]:
    """None where rehearsals have a server elsewhere."""
    if settings.REHEARSAL_URL:
        return ()
    return isolation.exposed(_KEYS | {each.variable for each in environments.all_environments()})
