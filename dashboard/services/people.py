"""People, written down: signing in and out, by Django's signals from wherever it happens, and changes in /admin/."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.http import HttpRequest

from dashboard.models.roles import Role
from dashboard.services import actors, audit
from dashboard.services.actors import Actor


def connect() -> None:
    user_logged_in.connect(_signed_in, dispatch_uid="signalbox.signed_in")
    user_logged_out.connect(_signed_out, dispatch_uid="signalbox.signed_out")
    user_login_failed.connect(_sign_in_failed, dispatch_uid="signalbox.sign_in_failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """What someone is here, at one moment."""

    active: bool
    roles: tuple[str, ...]


def footing(user: User) -> Footing:
    names = sorted(user.groups.values_list("name", flat=True))
    return Footing(active=user.is_active, roles=(*names, *(["superuser"] if user.is_superuser else [])))


@transaction.atomic
def changed(user: User, *, before: Footing | None, by: Actor) -> None:
    """Record what an administrator made of someone (`before` is None for a new one), and open or close /admin/."""
    now = footing(user)
    _let_into_admin(user, entitled=bool({Role.ADMIN.value, "superuser"} & set(now.roles)))
    if before is None:
        audit.record(audit.Event.PERSON_CREATED, by=by, name=user.get_username())
        before = Footing(active=True, roles=())
    if before.active != now.active:
        event = audit.Event.PERSON_REACTIVATED if now.active else audit.Event.PERSON_DEACTIVATED
        audit.record(event, by=by, name=user.get_username())
    if before.roles != now.roles:
        audit.record(
            audit.Event.ROLE_CHANGED,
            by=by,
            name=user.get_username(),
            before=list(before.roles),
            after=list(now.roles),
        )


def password_set(user: User, *, by: Actor) -> None:
    audit.record(audit.Event.PASSWORD_SET, by=by, name=user.get_username())


def _let_into_admin(user: User, *, entitled: bool) -> None:
    if user.is_staff != entitled:
        user.is_staff = entitled
        user.save(update_fields=["is_staff"])


def _signed_in(user: User, request: HttpRequest | None = None, **kwargs: Any) -> None:
    audit.record(audit.Event.SIGNED_IN, by=actors.person(user, source_ip=actors.address_of(request)))


def _signed_out(user: User | None, request: HttpRequest | None = None, **kwargs: Any) -> None:
    if user is not None:
        audit.record(audit.Event.SIGNED_OUT, by=actors.person(user, source_ip=actors.address_of(request)))


def _sign_in_failed(credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any) -> None:
    name = str(credentials.get("username", ""))[:150]
    actor = actors.Actor(name=name or "(no name)", source_ip=actors.address_of(request))
    audit.record(audit.Event.SIGN_IN_FAILED, by=actor)
