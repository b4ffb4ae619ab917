"""Tokens of machines: made and revoked by administrators, shown once, known by their hash.

A token reads `sbx_`, eight characters that name it, forty that are secret, and six that are a checksum of the rest. So
scanners find one in a leaked file, and one that was cut off or mistyped is told apart from one that is not known. It
acts for an account, that of a person or one of its own, and never decides on anything.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Sequence
from datetime import datetime
from zlib import crc32

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from config.tokens import PREFIX
from dashboard.models import ApiToken, MachineAccount
from dashboard.models.roles import Role
from dashboard.models.token_declarations import digest_of
from dashboard.models.tokens import Scope
from dashboard.services import audit, names, permissions
from dashboard.services.actors import Actor
from dashboard.services.errors import AlreadyDecided, NameRefused

ALPHABET = string.ascii_letters + string.digits
MARK, SECRET, CHECKSUM = 8, 40, 6


@transaction.atomic
def make(
    *,
    by: Actor,
    name: str,
    account: User | None,
    scopes: Sequence[Scope],
    slugs: Sequence[str],
    expires_at: datetime,
) -> tuple[ApiToken, str]:
    """The token, and its text, which is nowhere afterwards. Without an account it gets one of its own, of its name.

    Raises PermissionRefused, NameRefused.
    """
    permissions.check_can_manage_tokens(by)
    if ApiToken.objects.filter(name=name).exists():
        raise NameRefused(name=name, why="is the name of a token already")
    if account is not None:
        permissions.check_can_manage_person(by, account)
    account = account or make_account(names.check(name))
    text = _new_text()
    token = ApiToken.objects.create(
        name=name,
        account=account,
        mark=mark_of(text),
        secret_hash=digest_of(text),
        scopes=[scope.value for scope in scopes],
        environments=list(slugs),
        made_by=by.person,
        made_at=timezone.now(),
        expires_at=expires_at,
    )
    _record(audit.Event.TOKEN_MADE, token, by)
    return token, text


@transaction.atomic
def revoke(pk: int, *, by: Actor) -> ApiToken:
    """From this moment nothing is done with it, also by runs that are queued. Raises PermissionRefused,
    AlreadyDecided."""
    permissions.check_can_manage_tokens(by)
    token = ApiToken.objects.select_for_update(of=("self",)).select_related("account").get(pk=pk)
    if token.revoked_at is not None:
        raise AlreadyDecided(subject=f"The token {token.name}", status="revoked")
    _end(token, by)
    return token


def seen_by(user: User) -> QuerySet[ApiToken]:
    """Those that hold and that this person made, and so has seen, or that act in their name."""
    holding = ApiToken.objects.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), revoked_at=None)
    return holding.filter(Q(made_by=user) | Q(account=user)).order_by("name")


@transaction.atomic
def revoke_of(user: User, *, by: Actor) -> None:
    """Those of somebody who may not come in any more: each as if it had been revoked on its own."""
    for token in seen_by(user).select_for_update(of=("self",)).select_related("account"):
        _end(token, by)


def _end(token: ApiToken, by: Actor) -> None:
    token.revoked_at, token.revoked_by = timezone.now(), by.user
    token.save(update_fields=["revoked_at", "revoked_by"])
    _record(audit.Event.TOKEN_REVOKED, token, by)


def make_account(name: str) -> User:
    """An account that nobody signs in to."""
    account = User(username=name)
    account.set_unusable_password()
    account.save()
    account.groups.add(Group.objects.get(name=Role.REQUESTER.value))
    MachineAccount.objects.create(account=account, made_at=timezone.now())
    return account


def _record(event: audit.Event, token: ApiToken, by: Actor) -> None:
    audit.record(
        event,
        by=by,
        name=token.account.get_username(),
        token=token.name,
        scopes=token.scopes,
        environments=token.environments,
        expires_at=token.expires_at.isoformat() if token.expires_at else "",
    )


def _new_text() -> str:
    body = PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(MARK + SECRET))
    return body + _checksum(body)


def is_whole(text: str) -> bool:
    """Whether it is shaped as a token, and its checksum is that of the rest."""
    is_shaped = text.startswith(PREFIX) and len(text) == len(PREFIX) + MARK + SECRET + CHECKSUM and text.isascii()
    return is_shaped and _checksum(text[:-CHECKSUM]) == text[-CHECKSUM:]


def _checksum(body: str) -> str:
    number, digits = crc32(body.encode()), ""
    for _ in range(CHECKSUM):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits


def mark_of(text: str) -> str:
    """The characters that name the token: they are in its row as they are."""
    return text[len(PREFIX) :][:MARK]
