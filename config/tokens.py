"""The token that a variable holds: MIGRATION_SECRET, with the scopes and environments that the settings give it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from config.errors import Misconfigured


class Scope(StrEnum):
    """What a token may."""

    READ = "migrations:read"  # status, plans, lint, requests, runs with their logs, drift
    AUDIT = "audit:read"  # the audit log
    PUSH = "sources:push"  # files of a source, as one snapshot
    REHEARSE = "rehearsals:ask"  # have a plan rehearsed
    REQUEST = "requests:open"  # open change requests, withdraw its own
    RUN = "runs:start"  # start what needs no approval or has one, cancel its own


#: What a token begins with that was made on the page.
PREFIX = "sbx_"

VARIABLE = "MIGRATION_SECRET"
SCOPES_VARIABLE = "SIGNALBOX_MIGRATION_SECRET_SCOPES"
ENVIRONMENTS_VARIABLE = "SIGNALBOX_MIGRATION_SECRET_ENVIRONMENTS"

#: What it may where nothing is said: to look, to ask, and to start what may be started.
USUAL = (Scope.READ, Scope.REQUEST, Scope.RUN)
#: Characters: a shorter one could be guessed from its hash.
SHORTEST = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableToken:
    secret: str = field(repr=False)
    scopes: tuple[Scope, ...]
    environments: tuple[str, ...] | None  # None: all that are declared


def load(variables: Mapping[str, str]) -> VariableToken | None:
    """Raises Misconfigured, without what the variable holds."""
    secret = variables.get(VARIABLE, "").strip()
    if not secret:
        return None
    if len(secret) < SHORTEST:
        raise Misconfigured(
            f"{VARIABLE} has fewer than {SHORTEST} characters, so it could be guessed. Put a long random text there, "
            "for example the output of: openssl rand -hex 32"
        )
    if secret.startswith(PREFIX):
        raise Misconfigured(
            f"{VARIABLE} holds a token that was made on the page Tokens, or looks like one. The variable would let in "
            "one that was revoked there. Send such a token as it is, and put another long random text into the "
            "variable, or nothing"
        )
    scopes = _listed(variables, SCOPES_VARIABLE) or USUAL
    if unknown := [scope for scope in scopes if scope not in list(Scope)]:
        raise Misconfigured(f"{SCOPES_VARIABLE} has {unknown[0]!r}. Known: {', '.join(Scope)}.")
    return VariableToken(
        secret=secret, scopes=tuple(map(Scope, scopes)), environments=_listed(variables, ENVIRONMENTS_VARIABLE) or None
    )


def _listed(variables: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in variables.get(name, "").split(",") if each.strip())
