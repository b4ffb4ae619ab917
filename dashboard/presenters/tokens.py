"""Tokens of machines, as administrators see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from config.tokens import Scope
from dashboard.models import ApiToken
from dashboard.presenters.badges import Badge, badge_of
from dashboard.presenters.pills import Pill

#: What each scope allows, for whoever gives it.
SCOPES: dict[Scope, str] = {
    Scope.READ: "Read: status, plans, lint, requests, runs with their logs, drift",
    Scope.AUDIT: "Read the audit log, which names people and their addresses",
    Scope.PUSH: "Push the files of a source, as one snapshot",
    Scope.REHEARSE: "Have a plan rehearsed",
    Scope.REQUEST: "Open change requests, and withdraw its own",
    Scope.RUN: "Start runs that are approved or need no approval, and cancel its own",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    number: int
    name: str
    mark: str  # how the token begins; empty where a variable holds it
    account: str
    is_machine: bool  # the account is no person's
    scopes: tuple[str, ...]
    places: tuple[Badge, ...]
    pill: Pill
    made_by: str
    made_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    used_from: str
    can_be_revoked: bool


def row(token: ApiToken) -> TokenRow:
    held = token.declaration or token
    return TokenRow(
        number=token.pk,
        name=token.name,
        mark="" if token.is_declared else f"sbx_{token.mark}…",
        account=token.account.get_username(),
        is_machine=hasattr(token.account, "machine"),
        scopes=tuple(held.scopes),
        places=tuple(badge_of(slug) for slug in held.environments),
        pill=_state(token),
        made_by=token.made_by.get_username() if token.made_by else "",
        made_at=token.made_at,
        expires_at=token.expires_at,
        used_at=token.last_used_at,
        used_from=token.last_used_from or "",
        can_be_revoked=token.revoked_at is None,
    )


def scope_choices() -> Sequence[tuple[str, str]]:
    """With the name that errors, the settings and docs/API.md use."""
    return [(scope.value, f"{words} ({scope})") for scope, words in SCOPES.items()]


def _state(token: ApiToken) -> Pill:
    if token.revoked_at is not None:
        return Pill(label="Revoked", tone="muted", icon="cancel")
    if token.is_expired:
        return Pill(label="Expired", tone="muted", icon="queued")
    if token.is_withdrawn:
        why = "Not declared any more" if token.is_declared else "Its maker was deactivated"
        return Pill(label=why, tone="muted", icon="cancel")
    return Pill(label="In force", tone="ok", icon="ok")
