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
_CUT_OFF = (
    "Start the worker with the right CAP_SYS_ADMIN, or where users may make namespaces; or set SIGNALBOX_REHEARSAL_URL "
    "to a server elsewhere. A firewall that lets the worker reach only its targets helps in any case."
)

_ELSEWHERE = "rehearsals have a server elsewhere, whose network is not for this process to close."


def check(environment: Environment) -> None:
    """Raises RehearsalImpossible for a protected environment, unless its declaration allows by name what is missing."""
    if not environment.protected:
        return
    if not environment.unisolated_rehearsals and (open_to_it := _exposed()):
        raise RehearsalImpossible(
            reason=f"its private server could read the keys of {', '.join(open_to_it)}.",
            remedy=f"{_REMEDY} Or allow it for {environment.name}: unisolated_rehearsals = true in its declaration.",
        )
    if not environment.rehearsals_with_network and not _is_cut_off():
        raise RehearsalImpossible(
            reason="its private server would have the network of this machine: the platform gives it none of its own.",
            remedy=f"{_CUT_OFF} Or allow it for {environment.name}: rehearsals_with_network = true in its declaration.",
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
    """Foreign SQL runs as a role that can open no connection. This is for what gets past it: a note where each
    protected environment allows it, and a warning where one rehearses nothing for want of it."""
    if _is_cut_off():
        finding = _ELSEWHERE if settings.REHEARSAL_URL else "a private server for rehearsals has no network."
        return Check(code="network", level=CheckLevel.FINE, finding=finding)
    finding = "a private server for rehearsals has the network of this machine: the platform allows no other."
    refused = [
        each.name for each in environments.all_environments() if each.protected and not each.rehearsals_with_network
    ]
    if not refused:
        return Check(code="network", level=CheckLevel.NOTE, finding=finding, remedy=_CUT_OFF)
    return Check(
        code="network",
        level=CheckLevel.WARNING,
        finding=f"{finding} So nothing is rehearsed for {', '.join(refused)}.",
        remedy=f"{_CUT_OFF} Or allow it there by name: rehearsals_with_network = true in its declaration.",
    )


def _is_cut_off() -> bool:
    return bool(settings.REHEARSAL_URL) or network.can_be_left()


def _exposed() -> tuple[str, ...]:
    """None where rehearsals have a server elsewhere."""
    if settings.REHEARSAL_URL:
        return ()
    return isolation.exposed(_KEYS | {each.variable for each in environments.all_environments()})
