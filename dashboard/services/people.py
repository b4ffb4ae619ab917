"""People, written down: signing in and out, by Django's signals from wherever it happens, and changes in /admin/."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import DatabaseError, transaction
from django.http import HttpRequest

from dashboard.engine.errors import EngineError
from dashboard.models.roles import Role
from dashboard.services import actors, audit, repeats
from dashboard.services.actors import Actor

logger = logging.getLogger(__name__)

#: Verbs by their own name; any text can be sent as one.
VERBS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: How the log calls whoever tried to sign in under a name that no account has.
UNKNOWN_NAME = "unknown name"


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


def refused(request: HttpRequest, *, by: Actor) -> None:
    """Record that someone was refused a page or a deed. What cannot be written down is logged: the refusal stands."""
    route = request.resolver_match.view_name if request.resolver_match else ""
    verb = request.method if request.method in VERBS else "another verb"
    logger.warning("Refused: %s %s, asked for by %s", verb, route, by.name)
    try:
        subject = f"person {by.person.pk} {verb} {route}"
        repeats.note(audit.Event.ACCESS_REFUSED, by=by, subject=subject, verb=verb, route=route)
    except (DatabaseError, EngineError):
        logger.exception("The refusal could not be written into the audit log")


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
    """What was typed is not kept: it may be a password in the wrong field, or a sentence meant for the log."""
    typed = str(credentials.get(User.USERNAME_FIELD, ""))
    user = User.objects.filter(**{User.USERNAME_FIELD: typed}).first() if _could_be_a_name(typed) else None
    name = user.get_username() if user else UNKNOWN_NAME
    actor = actors.Actor(name=name, source_ip=actors.address_of(request))
    repeats.note(audit.Event.SIGN_IN_FAILED, by=actor, subject=f"person {user.pk}" if user else name)


def _could_be_a_name(typed: str) -> bool:
    """The database refuses a NUL, and no name is longer."""
    return bool(typed) and "\x00" not in typed and len(typed) <= 150
