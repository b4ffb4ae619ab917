"""People, written down: signing in and out, by Django's signals from wherever it happens, and what is changed of
them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from allauth.account.signals import authentication_step_completed
from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authentication_failed
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import DatabaseError, transaction
from django.db.models import Q
from django.db.models.signals import post_delete, post_save
from django.http import HttpRequest
from django.utils import timezone

from dashboard.engine.errors import EngineError
from dashboard.models import MachineAccount, Mail, OneTimeLink, PersonChange
from dashboard.models.roles import RANK, Role, role_by_group
from dashboard.services import actors, audit, notices, permissions, repeats, sessions, throttle, tokens
from dashboard.services.actors import Actor
from dashboard.services.errors import LastAdministrator, MachineRefused

logger = logging.getLogger(__name__)

#: What gives a person the address that stands there now; the newest of these did.
SETS_ADDRESS = (PersonChange.Kind.CREATED, PersonChange.Kind.INVITED, PersonChange.Kind.EMAIL)
#: How the log calls whoever tried to sign in under a name that no account has.
UNKNOWN_NAME = "unknown name"


def connect() -> None:
    user_logged_in.connect(_signed_in, dispatch_uid="signalbox.signed_in")
    authentication_step_completed.connect(_showed_again, dispatch_uid="signalbox.showed_again")
    user_logged_out.connect(_signed_out, dispatch_uid="signalbox.signed_out")
    user_login_failed.connect(_sign_in_failed, dispatch_uid="signalbox.sign_in_failed")
    authentication_failed.connect(_factor_failed, dispatch_uid="signalbox.factor_failed")
    post_save.connect(_factor_saved, sender=Authenticator, dispatch_uid="signalbox.factor_saved")
    post_delete.connect(_factor_deleted, sender=Authenticator, dispatch_uid="signalbox.factor_deleted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """What someone is here, at one moment."""

    active: bool
    roles: tuple[str, ...]
    email: str = ""

    @property
    def manages(self) -> bool:
        return self.active and bool({Role.ADMIN.value, "superuser"} & set(self.roles))


def footing(user: User) -> Footing:
    names = sorted(user.groups.values_list("name", flat=True))
    roles = (*names, *(["superuser"] if user.is_superuser else []))
    return Footing(active=user.is_active, roles=roles, email=user.email)


@transaction.atomic
def change(pk: int, *, by: Actor, full_name: str, email: str, role: Role | None, active: bool, superuser: bool) -> User:
    """What an administrator makes of somebody. Raises PermissionRefused, and LastAdministrator where nobody would be
    left who manages people."""
    person = User.objects.select_for_update().get(pk=pk)
    permissions.check_can_manage_person(by, person)
    if superuser != person.is_superuser:
        permissions.check_can_make_superusers(by)
    if email or superuser or (role and RANK[role] > RANK[Role.REQUESTER]):
        check_is_person(person, "it has no mail address, and is a requester at most")
    before = footing(person)
    person.first_name, _, person.last_name = full_name.strip().partition(" ")
    person.email, person.is_active, person.is_superuser = email, active, superuser
    person.save(update_fields=["first_name", "last_name", "email", "is_active", "is_superuser"])
    if role is not role_by_group(person):
        person.groups.set([Group.objects.get(name=role.value)] if role else [])
    changed(person, before=before, by=by)
    return person


@transaction.atomic
def changed(user: User, *, before: Footing | None, by: Actor) -> None:
    """Record what an administrator made of someone (`before` is None for a new one), and open or close /admin/.

    Raises LastAdministrator where nobody would be left who manages people: the caller's transaction undoes it all.
    """
    if before and before.manages and not footing(user).manages:
        _check_somebody_manages(user)
    write_down(user, before=before, by=by)


@transaction.atomic
def write_down(user: User, *, before: Footing | None, by: Actor) -> None:
    """As `changed`, of what is done already."""
    now = footing(user)
    _let_into_admin(user, entitled=bool({Role.ADMIN.value, "superuser"} & set(now.roles)))
    if before is None:
        changed_by(user, PersonChange.Kind.CREATED, by=by)
        audit.record(audit.Event.PERSON_CREATED, by=by, name=user.get_username())
        before = Footing(active=True, roles=(), email=now.email)
    if before.active != now.active:
        _record_activity(user, by)
    if before.roles != now.roles:
        changed_by(user, PersonChange.Kind.ROLE, by=by)
        audit.record(
            audit.Event.ROLE_CHANGED,
            by=by,
            name=user.get_username(),
            before=list(before.roles),
            after=list(now.roles),
        )
    if before.email != now.email:
        changed_by(user, PersonChange.Kind.EMAIL, by=by)
        changed_event = audit.record(audit.Event.EMAIL_CHANGED, by=by, name=user.get_username())
        notices.tell_former_address(user, before.email, changed_event)
        _forget_providers(user, by)
        _forget_mailed_links(user)


def check_is_person(user: User, why: str) -> None:
    """Raises MachineRefused."""
    if MachineAccount.objects.filter(account=user).exists():
        raise MachineRefused(name=user.get_username(), why=why)


def changed_by(user: User, kind: PersonChange.Kind, *, by: Actor) -> None:
    """Keep that somebody changed what `user` signs in with, or may do; what people do to themselves is theirs. In a
    shell anybody may have done it. Of the first person nothing is kept: there is no other one whom they could be."""
    is_first = by.user is None and not User.objects.exclude(pk=user.pk).exists()
    is_their_own = by.user is not None and by.user.pk == user.pk and kind is not PersonChange.Kind.DEACTIVATED
    if not is_first and not is_their_own:
        PersonChange.objects.create(person=user, by=by.user, kind=kind, at=timezone.now())


def address_used(user: User) -> None:
    """Whoever reads the mailbox of this person's address came in by that. It may be the one of whoever set it, however
    long ago: as with a link, its use counts as much as its making."""
    set_it = PersonChange.objects.filter(person=user, kind__in=SETS_ADDRESS).order_by("-at").first()
    if set_it is not None:
        PersonChange.objects.create(person=user, by=set_it.by, kind=PersonChange.Kind.ADDRESS_USED, at=timezone.now())


def record_provider(user: User, provider: str, *, source_ip: str | None) -> None:
    """From now on an account there signs this person in."""
    address_used(user)
    by = actors.person(user, source_ip=source_ip)
    audit.record(audit.Event.PROVIDER_CONNECTED, by=by, name=user.get_username(), provider=provider)


@transaction.atomic
def change_password(user: User, password: str, *, by: Actor, session_hash: str) -> None:
    """Their own, by themselves; every other browser of theirs is signed out."""
    user.set_password(password)
    user.save(update_fields=["password"])
    audit.record(audit.Event.PASSWORD_SET, by=by, name=user.get_username())
    sessions.end(user, by=by, apart_from=session_hash)


@transaction.atomic
def remove_second_factor(user: User, *, by: Actor) -> None:
    """For somebody who lost it. Each one removed is recorded by its signal; all their sessions end."""
    permissions.check_can_manage_person(by, user)
    Authenticator.objects.filter(user=user).delete()
    changed_by(user, PersonChange.Kind.SECOND_FACTOR, by=by)
    sessions.end(user, by=by)


def _forget_providers(user: User, by: Actor) -> None:
    """Another address is another account there: whoever came in by the former one does no more."""
    if SocialAccount.objects.filter(user=user).delete()[0]:
        sessions.end(user, by=by)


def _forget_mailed_links(user: User) -> None:
    """Whoever reads the former mailbox chooses no password, nor does a mail that still waits go there with a link."""
    mailed = Mail.objects.filter(kind=Mail.Kind.LINK, person=user).values_list("facts__link", flat=True)
    OneTimeLink.objects.filter(person=user, used_at=None, pk__in=list(mailed)).delete()


def _record_activity(user: User, by: Actor) -> None:
    """Both ways every session ends: what was open before the deactivation is not open after it. Tokens that the person
    has seen, or that act in their name, are revoked for good."""
    event = audit.Event.PERSON_REACTIVATED if user.is_active else audit.Event.PERSON_DEACTIVATED
    kind = PersonChange.Kind.REACTIVATED if user.is_active else PersonChange.Kind.DEACTIVATED
    audit.record(event, by=by, name=user.get_username())
    changed_by(user, kind, by=by)
    sessions.end(user, by=by)
    if not user.is_active:
        tokens.revoke_of(user, by=by)


def _check_somebody_manages(user: User) -> None:
    """The lock is for two administrators who demote each other at the same moment."""
    Group.objects.select_for_update().get(name=Role.ADMIN.value)
    managers = User.objects.filter(Q(is_superuser=True) | Q(groups__name=Role.ADMIN.value), is_active=True)
    if not managers.exclude(pk=user.pk).exists():
        raise LastAdministrator(name=user.get_username())


def refused(request: HttpRequest, *, by: Actor) -> None:
    """Record that someone was refused a page or a deed. What cannot be written down is logged: the refusal stands."""
    route = request.resolver_match.view_name if request.resolver_match else ""
    verb = request.method or ""
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
    is_new = request is not None and not throttle.knows(request, user.get_username())
    by = actors.person(user, source_ip=actors.address_of(request))
    audit.record(audit.Event.SIGNED_IN, by=by, **_browser(is_new=is_new))
    if request is not None:
        sessions.begin(user, request)


def _showed_again(request: HttpRequest, *, reauthenticated: bool = False, **kwargs: Any) -> None:
    """Who shows again who they are goes on with another key; the one from before opens nothing any more."""
    if reauthenticated:
        former = sessions.hash_of(request.session)
        request.session.cycle_key()
        sessions.carry_over(request.session, former)


def _browser(*, is_new: bool) -> dict[str, Any]:
    """For the event; one that is known is not mentioned."""
    return {"new_browser": True} if is_new else {}


def _signed_out(user: User | None, request: HttpRequest | None = None, **kwargs: Any) -> None:
    if user is not None:
        audit.record(audit.Event.SIGNED_OUT, by=actors.person(user, source_ip=actors.address_of(request)))
    if request is not None:
        sessions.forget(request.session)


def _sign_in_failed(credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any) -> None:
    """What was typed is not kept: it may be a password in the wrong field, or a sentence meant for the log."""
    typed = str(credentials.get(User.USERNAME_FIELD, ""))
    user = User.objects.filter(**{User.USERNAME_FIELD: typed}).first() if _could_be_a_name(typed) else None
    name = user.get_username() if user else UNKNOWN_NAME
    actor = actors.Actor(name=name, source_ip=actors.address_of(request))
    repeats.note(audit.Event.SIGN_IN_FAILED, by=actor, subject=f"person {user.pk}" if user else name)


def _factor_failed(user: User, authenticator: Authenticator, request: HttpRequest | None = None, **kwargs: Any) -> None:
    """Whoever comes as far as that has the password."""
    actor = actors.Actor(name=user.get_username(), source_ip=actors.address_of(request))
    factor = FACTORS[authenticator.type]
    repeats.note(audit.Event.SIGN_IN_FAILED, by=actor, subject=f"person {user.pk} {authenticator.type}", factor=factor)


def _could_be_a_name(typed: str) -> bool:
    """The database refuses a NUL, and no name is longer."""
    return bool(typed) and "\x00" not in typed and len(typed) <= 150


#: What a second factor is called in the audit log.
FACTORS = {"totp": "an authenticator app", "webauthn": "a passkey", "recovery_codes": "recovery codes"}


def _factor_saved(instance: Authenticator, created: bool, **kwargs: Any) -> None:
    if created:
        _record_factor(audit.Event.SECOND_FACTOR_ADDED, instance)


def _factor_deleted(instance: Authenticator, **kwargs: Any) -> None:
    _record_factor(audit.Event.SECOND_FACTOR_REMOVED, instance)


def _record_factor(event: audit.Event, factor: Authenticator) -> None:
    """By whoever is signed in where it happens, else by its person."""
    request = context.request
    acting = getattr(request, "user", None) if request else None
    by = actors.person(acting if isinstance(acting, User) else factor.user, source_ip=actors.address_of(request))
    audit.record(event, by=by, name=factor.user.get_username(), factor=FACTORS[factor.type])
