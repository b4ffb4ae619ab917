"""Tokens of machines: made and revoked by administrators, shown once, known by their hash.

A token reads `sbx_`, eight characters that name it, forty that are secret, and six that are a checksum of the rest. So
scanners find one in a leaked file, and one that was cut off or mistyped is told apart from one that is not known. It
acts for an account, that of a person or one of its own, and never decides on anything.
"""

from __future__ import annotations

import hmac
import itertools
import secrets
import string
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from zlib import crc32

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from dashboard.models import ApiToken, MachineAccount, environments
from dashboard.models.roles import Role, role_of
from dashboard.models.tokens import Scope
from dashboard.services import actors, audit, jobs, limits, names, permissions, repeats
from dashboard.services.actors import Actor
from dashboard.services.errors import AlreadyDecided, NameRefused, TokenRefused

PREFIX = "sbx_"
ALPHABET = string.ascii_letters + string.digits
MARK, SECRET, CHECKSUM = 8, 40, 6
#: What the token of the variable MIGRATION_SECRET, and its account, are called.
OF_VARIABLE = "migration-secret"
#: Between two notes of when a token was used last.
USED_AGAIN = timedelta(minutes=1)

ASK_ADMINISTRATOR = "Ask an administrator of Signalbox for a new one."


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
    account = account or _make_account(names.check(name))
    text = _new_text()
    token = ApiToken.objects.create(
        name=name,
        account=account,
        mark=_mark_of(text),
        secret_hash=_hash(text),
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
    token.revoked_at, token.revoked_by = timezone.now(), by.person
    token.save(update_fields=["revoked_at", "revoked_by"])
    _record(audit.Event.TOKEN_REVOKED, token, by)
    return token


def authenticate(text: str, *, source_ip: str | None) -> Actor:
    """Who shows this token. Raises TokenRefused, and TooMany where it is used too often."""
    token = _of_variable(text) or _of_job(text) or _of_text(text)
    by = actors.by_token(token, source_ip=source_ip)
    _check_holds(token, by)
    limits.check_calls(by)
    _note_use(token, source_ip)
    return by


def _check_holds(token: ApiToken, by: Actor) -> None:
    if not token.is_live:
        state = "was revoked" if token.revoked_at else "has expired"
        _refuse(token, by, f"The token {token.name} {state}.")
    if role_of(token.account) is None:
        _refuse(token, by, f"{by.name}, for whom the token {token.name} acts, may do nothing here.")


def _refuse(token: ApiToken, by: Actor, reason: str) -> None:
    repeats.note(audit.Event.TOKEN_REFUSED, by=by, subject=f"token {token.pk}", name=by.name, reason=reason)
    raise TokenRefused(reason=reason, remedy=ASK_ADMINISTRATOR)


def _of_text(text: str) -> ApiToken:
    if not _is_whole(text):
        raise TokenRefused(
            reason="That is no token of Signalbox: it was cut off, mistyped, or is something else.",
            remedy=f"Send it whole, from {PREFIX} to its last character, in the header Authorization after Bearer.",
        )
    token = ApiToken.objects.select_related("account").filter(mark=_mark_of(text)).first()
    if not hmac.compare_digest(_hash(text), token.secret_hash if token else _hash("")) or token is None:
        raise TokenRefused(reason="This token is not known here.", remedy=ASK_ADMINISTRATOR)
    return token


def _of_variable(text: str) -> ApiToken | None:
    """The token that the variable holds; its row is made, or follows the settings, when it is used."""
    declared = settings.MIGRATION_SECRET
    if declared is None or not hmac.compare_digest(text.encode(), declared.secret.encode()):
        return None
    known = {environment.slug for environment in environments.all_environments()}
    slugs = sorted(known if declared.environments is None else known & set(declared.environments))
    digest = _hash(text)
    changing = {"secret_hash": digest, "scopes": list(declared.scopes), "environments": slugs}
    token = ApiToken.objects.select_related("account").filter(secret_hash=digest, made_by=None).first()
    if token is None:
        return _declare(f"{OF_VARIABLE} {digest[:6]}", OF_VARIABLE, mark=f"variable-{digest[:16]}", **changing)
    return _follow(token, **changing)


def _of_job(text: str) -> ApiToken | None:
    """The row of the declared jobs that this identity token is of. Raises TokenRefused, IssuerSilent."""
    job = jobs.identify(text)
    if job is None:
        return None
    mark, digest = f"jobs-{_hash(job.name)[:24]}", _hash(f"{job.issuer} {job.repository} {job.branch}")
    changing = {"secret_hash": digest, "scopes": list(job.scopes), "environments": list(job.environments)}
    token = ApiToken.objects.select_related("account").filter(mark=mark).first()
    if token is None:
        return _declare(f"jobs {job.name}", job.name, mark=mark, **changing)
    return _follow(token, **changing)


@transaction.atomic
def _declare(name: str, account: str, *, mark: str, **fields: object) -> ApiToken:
    """The row of a token that the settings declare, at its first use."""
    is_variable = account == OF_VARIABLE
    account = _free_of_people(account) if is_variable else account
    user = User.objects.filter(username=account, machine__isnull=False).first()
    if user is None:
        user = _make_account(account if is_variable else names.check(account))
    defaults = {"name": name, "account": user, "made_at": timezone.now(), **fields}
    return ApiToken.objects.select_related("account").get_or_create(mark=mark, defaults=defaults)[0]


def _free_of_people(account: str) -> str:
    """The name, with a number behind it where a person has had it since before it was reserved."""
    numbered = (account if number == 1 else f"{account}-{number}" for number in itertools.count(1))
    people = User.objects.filter(machine=None)
    return next(name for name in numbered if not people.filter(username__iexact=name).exists())


def _follow(token: ApiToken, **fields: object) -> ApiToken:
    changed = {name: value for name, value in fields.items() if getattr(token, name) != value}
    for name, value in changed.items():
        setattr(token, name, value)
    if changed:
        token.save(update_fields=list(changed))
    return token


def _make_account(name: str) -> User:
    """One that nobody signs in to."""
    account = User(username=name)
    account.set_unusable_password()
    account.save()
    account.groups.add(Group.objects.get(name=Role.REQUESTER.value))
    MachineAccount.objects.create(account=account, made_at=timezone.now())
    return account


def _note_use(token: ApiToken, source_ip: str | None) -> None:
    now = timezone.now()
    due = Q(last_used_at=None) | Q(last_used_at__lt=now - USED_AGAIN) | ~Q(last_used_from=source_ip)
    ApiToken.objects.filter(due, pk=token.pk).update(last_used_at=now, last_used_from=source_ip)


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


def _is_whole(text: str) -> bool:
    is_shaped = text.startswith(PREFIX) and len(text) == len(PREFIX) + MARK + SECRET + CHECKSUM and text.isascii()
    return is_shaped and _checksum(text[:-CHECKSUM]) == text[-CHECKSUM:]


def _checksum(body: str) -> str:
    number, digits = crc32(body.encode()), ""
    for _ in range(CHECKSUM):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits


def _mark_of(text: str) -> str:
    return text[len(PREFIX) :][:MARK]


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()
