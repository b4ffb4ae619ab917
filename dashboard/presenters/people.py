"""People, their sessions and second factors, as pages show them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User

from dashboard.models import PersonSession
from dashboard.presenters.pills import Pill
from dashboard.selectors.people import Listed
from dashboard.services.independence import PossibleApprover


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    mark: str  # names it in a form; its key is a secret
    browser: str
    source_ip: str
    began_at: datetime
    seen_at: datetime
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    person: User
    role: str
    pill: Pill
    has_second_factor: bool
    link_until: datetime | None
    is_self: bool
    may_open: bool
    may_change: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    number: int
    name: str
    created_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """What somebody has beside their password."""

    app_since: datetime | None
    passkeys: tuple[Passkey, ...]
    codes_left: int | None  # None: there are none, because nothing needs them

    @property
    def any(self) -> bool:
        return self.app_since is not None or bool(self.passkeys)


#: What a browser calls itself holds one of these; the first that fits is meant.
BROWSERS = ("Firefox", "Edg", "OPR", "Chrome", "Safari")
SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS X", "Linux")
PLAIN = {"Edg": "Edge", "OPR": "Opera", "Mac OS X": "macOS"}


def sessions(rows: Iterable[PersonSession], *, current: str) -> list[SessionRow]:
    return [
        SessionRow(
            mark=_mark(row),
            browser=_browser(row.browser),
            source_ip=row.source_ip or "",
            began_at=row.began_at,
            seen_at=row.seen_at,
            is_current=row.key_hash == current,
        )
        for row in rows
    ]


def session_hash(rows: Iterable[PersonSession], mark: str) -> str:
    """The session that a form named; empty where it named none, or one that is gone."""
    if not mark:
        return ""
    return next((row.key_hash for row in rows if _mark(row) == mark), "gone")


def factors(authenticators: Iterable[Authenticator]) -> Factors:
    by_type: dict[str, list[Authenticator]] = {}
    for each in authenticators:
        by_type.setdefault(each.type, []).append(each)
    app, codes = by_type.get("totp"), by_type.get("recovery_codes")
    return Factors(
        app_since=app[0].created_at if app else None,
        passkeys=tuple(
            Passkey(number=each.pk, name=each.wrap().name, created_at=each.created_at, used_at=each.last_used_at)
            for each in by_type.get("webauthn", [])
        ),
        codes_left=len(codes[0].wrap().get_unused_codes()) if codes else None,
    )


def row(listed: Listed, *, viewer: User) -> PersonRow:
    person = listed.person
    may_open = viewer.is_superuser or not person.is_superuser
    return PersonRow(
        person=person,
        role=_role(listed),
        pill=_state(listed),
        has_second_factor=listed.has_second_factor,
        link_until=listed.link.expires_at if listed.link else None,
        is_self=person.pk == viewer.pk,
        may_open=may_open,
        may_change=person.is_active and may_open and not listed.is_machine,
    )


def named(candidates: Iterable[PossibleApprover]) -> str:
    """Who can approve, and from when on where that is not now."""
    return ", ".join(
        f"{each.person.get_username()} (from {each.barred_until:%Y-%m-%d %H:%M} UTC)"
        if each.barred_until
        else each.person.get_username()
        for each in candidates
    )


def _role(listed: Listed) -> str:
    if listed.is_machine:
        return "as its token says"
    return "superuser" if listed.person.is_superuser else listed.role.value if listed.role else ""


def _state(listed: Listed) -> Pill:
    person = listed.person
    if not person.is_active:
        return Pill(label="Deactivated", tone="muted", icon="cancel")
    if listed.is_machine:
        return Pill(label="Machine", tone="muted", icon="lock")
    if person.has_usable_password() or person.last_login:
        return Pill(label="Active", tone="ok", icon="ok")
    if listed.link:
        return Pill(label="Invited", tone="info", icon="queued")
    return Pill(label="Link expired", tone="warn", icon="attention")


def _browser(text: str) -> str:
    name = next((name for name in BROWSERS if name in text), "")
    system = next((system for system in SYSTEMS if system in text), "")
    words = [PLAIN.get(word, word) for word in (name, system) if word]
    return " on ".join(words) or "Unknown browser"


def _mark(row: PersonSession) -> str:
    return row.key_hash[:16]
