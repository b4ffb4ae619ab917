"""One-time links: how people join, and how they come back after a lost password.

Whoever makes a link never learns the password, and never sets one. The link itself is shown once; the database keeps
its hash. The next link of a person replaces the one before. A link that goes by mail is seen by nobody here: the worker
makes its token when it sends the mail, and makes another one for each further try.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from dashboard.models import Mail, OneTimeLink, PersonChange
from dashboard.models.roles import Role
from dashboard.services import actors, audit, names, notices, people, permissions, sessions
from dashboard.services.actors import Actor
from dashboard.services.errors import LinkNotMailed, LinkUnusable

VALID = timedelta(hours=72)


@transaction.atomic
def invite(
    *, by: Actor, username: str, role: Role, full_name: str = "", email: str = "", by_mail: bool = False
) -> tuple[User, str]:
    """Somebody new, who cannot sign in before they have used the link: the person, and the token of the link, which is
    empty where it goes by mail."""
    _check_can_be_mailed(email, by_mail=by_mail)
    permissions.check_can_manage_people(by)
    first_name, _, last_name = full_name.strip().partition(" ")
    person = User(username=names.check(username), email=email, first_name=first_name, last_name=last_name)
    person.set_unusable_password()
    person.is_staff = role is Role.ADMIN
    person.save()
    person.groups.add(Group.objects.get(name=role.value))
    people.changed_by(person, PersonChange.Kind.INVITED, by=by)
    audit.record(audit.Event.PERSON_INVITED, by=by, name=username, role=role.value, **_mailed(by_mail))
    return person, _make(person, OneTimeLink.Purpose.INVITATION, by, by_mail=by_mail)


@transaction.atomic
def make_for(person: User, *, by: Actor, by_mail: bool = False) -> str:
    """A new link for somebody who lost their password or their first link: its token, which is empty where it goes by
    mail. The present password goes on working until the link is used."""
    _check_can_be_mailed(person.email, by_mail=by_mail)
    permissions.check_can_manage_person(by, person)
    people.check_is_person(person, "nobody signs in to it")
    purpose = OneTimeLink.Purpose.LOST_PASSWORD if person.last_login else OneTimeLink.Purpose.INVITATION
    people.changed_by(person, PersonChange.Kind.LINK, by=by)
    audit.record(audit.Event.LINK_MADE, by=by, name=person.get_username(), **_mailed(by_mail))
    return _make(person, purpose, by, by_mail=by_mail)


def issue(pk: int) -> str | None:
    """A token for a link that goes by mail, in place of the one before; None where it cannot be used any more."""
    token = secrets.token_urlsafe(32)
    links = OneTimeLink.objects.filter(pk=pk, used_at=None, expires_at__gt=timezone.now(), person__is_active=True)
    return token if links.update(token_hash=_hash(token)) else None


def look_up(token: str) -> OneTimeLink:
    """Raises LinkUnusable where it was used, has expired, never was, or its person was deactivated."""
    link = _usable(token).first()
    if link is None:
        raise LinkUnusable
    return link


@transaction.atomic
def use(token: str, *, password: str, source_ip: str | None = None) -> User:
    """Set the person's own password; all their sessions end. Of two at once one wins."""
    link = _usable(token).select_for_update(of=("self",)).first()
    if link is None:
        raise LinkUnusable
    person = link.person
    validate_password(password, person)
    person.set_password(password)
    person.save(update_fields=["password"])
    link.used_at = timezone.now()
    link.save(update_fields=["used_at"])
    myself = actors.person(person, source_ip=source_ip)
    audit.record(audit.Event.LINK_USED, by=myself, purpose=link.purpose, made_by=link.made_by.get_username())
    people.changed_by(person, PersonChange.Kind.LINK_USED, by=actors.person(link.made_by))
    if Mail.objects.filter(kind=Mail.Kind.LINK, person=person, facts__link=link.pk).exists():
        people.address_used(person)
    sessions.end(person, by=myself)
    return person


def open_until(person: User) -> OneTimeLink | None:
    """The link of theirs that can still be used."""
    return OneTimeLink.objects.filter(person=person, used_at=None, expires_at__gt=timezone.now()).first()


def _make(person: User, purpose: OneTimeLink.Purpose, by: Actor, *, by_mail: bool) -> str:
    token, now = secrets.token_urlsafe(32), timezone.now()
    OneTimeLink.objects.filter(person=person, used_at=None).delete()
    link = OneTimeLink.objects.create(
        token_hash=_hash(token),
        purpose=purpose,
        person=person,
        made_by=by.person,
        made_at=now,
        expires_at=now + VALID,
    )
    if by_mail:
        notices.send_link(link)
        return ""
    return token


def _mailed(by_mail: bool) -> dict[str, Any]:
    """For the event; one of a link that was shown says nothing of mail."""
    return {"by_mail": True} if by_mail else {}


def _check_can_be_mailed(address: str, *, by_mail: bool) -> None:
    if by_mail and not settings.SENDS_MAIL:
        raise LinkNotMailed(reason="no mail server is configured")
    if by_mail and not address:
        raise LinkNotMailed(reason="this person has no mail address")


def _usable(token: str) -> QuerySet[OneTimeLink]:
    return OneTimeLink.objects.select_related("person", "made_by").filter(
        token_hash=_hash(token), used_at=None, expires_at__gt=timezone.now(), person__is_active=True
    )


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()
