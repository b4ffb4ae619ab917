"""Whether rehearsals run beside keys that the user of their private server could read, and without a network.

The rule is asked here alone: whatever rehearses for a person asks it, on whichever way (`rehearsing`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from config import secret_variables
from config.declaration import Declaration
from config.environments import Environment
from dashboard.engine.database.doctor import Check, CheckLevel
from dashboard.engine.errors import RehearsalNotIsolated
from dashboard.engine.localserver import isolation, network

_REMEDY = (
    "Start Signalbox as root, so that the server runs as the user nobody; or start it without a shell between, as "
    "bin/start does; or set SIGNALBOX_REHEARSAL_URL to a server elsewhere."
)
_CUT_OFF = (
    "Start the worker with the right CAP_SYS_ADMIN, or where users may make namespaces; or set SIGNALBOX_REHEARSAL_URL "
    "to a server elsewhere. A firewall that lets the worker reach only its targets helps in any case."
)
_COULD_READ = "a private server for rehearsals could read the keys of {names}."
_HAS_NETWORK = "a private server for rehearsals has the network of this machine: the platform allows no other."

_ELSEWHERE = "rehearsals have a server elsewhere, whose network is not for this process to close."


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what a rehearsal may go on. `needs_no_network`: not with a network, whatever becomes of the platform until it
    begins. `allowed` says what a declaration allows by name, and makes use of here."""

    needs_no_network: bool = False
    allowed: tuple[str, ...] = ()


def check(concerned: Iterable[Environment], declaration: Declaration, *, server_url: str | None) -> Terms:
    """Raises RehearsalNotIsolated where one of these is protected, and its declaration does not allow by name what is
    missing. On a server elsewhere nothing is."""
    protected = [each for each in concerned if each.protected]
    if server_url or not protected:
        return Terms()
    needs_no_network = any(not each.rehearsals_with_network for each in protected)
    open_to_it, is_cut_off = _exposed(declaration), network.can_be_left()
    allowed: list[str] = []
    for environment in protected:
        name = environment.name
        if open_to_it:
            finding = _COULD_READ.format(names=", ".join(open_to_it))
            if not environment.unisolated_rehearsals:
                raise _refusal(finding, _REMEDY, name, "unisolated_rehearsals")
            allowed.append(_allowed(finding, name, "unisolated_rehearsals"))
        if not is_cut_off:
            if not environment.rehearsals_with_network:
                raise _refusal(_HAS_NETWORK, _CUT_OFF, name, "rehearsals_with_network")
            allowed.append(_allowed(_HAS_NETWORK, name, "rehearsals_with_network"))
    return Terms(needs_no_network=needs_no_network, allowed=tuple(allowed))


def whose_keys_are_here(declaration: Declaration) -> Iterator[Environment]:
    """What is rehearsed for no environment could meet the keys of each of these."""
    return (each for each in declaration.environments if each.configured)


def examine(declaration: Declaration) -> tuple[Check, ...]:
    """For the doctor."""
    return _keys(declaration), _network(declaration)


def _refusal(finding: str, remedy: str, name: str, setting: str) -> RehearsalNotIsolated:
    return RehearsalNotIsolated(
        reason=finding, remedy=f"{remedy} Or allow it for {name}: {setting} = true in its declaration."
    )


def _allowed(finding: str, name: str, setting: str) -> str:
    return f"The declaration of {name} allows by name ({setting}) that {finding}"


def _keys(declaration: Declaration) -> Check:
    if not declaration.rehearsal_url and (open_to_it := _exposed(declaration)):
        finding = _COULD_READ.format(names=", ".join(open_to_it))
        return Check(code="isolation", level=CheckLevel.WARNING, finding=finding, remedy=_REMEDY)
    finding = "a private server for rehearsals can read no key."
    return Check(code="isolation", level=CheckLevel.FINE, finding=finding)


def _network(declaration: Declaration) -> Check:
    """Foreign SQL runs as a role that can open no connection. This is for what gets past it: a note where each
    protected environment allows it, and a warning where one rehearses nothing for want of it."""
    if declaration.rehearsal_url or network.can_be_left():
        finding = _ELSEWHERE if declaration.rehearsal_url else "a private server for rehearsals has no network."
        return Check(code="network", level=CheckLevel.FINE, finding=finding)
    refused = [each.name for each in declaration.environments if each.protected and not each.rehearsals_with_network]
    if not refused:
        return Check(code="network", level=CheckLevel.NOTE, finding=_HAS_NETWORK, remedy=_CUT_OFF)
    return Check(
        code="network",
        level=CheckLevel.WARNING,
        finding=f"{_HAS_NETWORK} So nothing is rehearsed for {', '.join(refused)}.",
        remedy=f"{_CUT_OFF} Or allow it there by name: rehearsals_with_network = true in its declaration.",
    )


def _exposed(declaration: Declaration) -> tuple[str, ...]:
    named = secret_variables.all_of(declaration.environments, declaration.repositories())
    return isolation.exposed(named | secret_variables.of_proxies(os.environ))
