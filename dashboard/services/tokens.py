"""Tokens of machines: made and revoked by administrators, shown once, known by their hash.

A token reads `sbx_`, eight characters that name it, forty that are secret, and six that are a checksum of the rest. So
scanners find one in a leaked file, and one that was cut off or mistyped is told apart from one that is not known. It
acts for an account, that of a person or one of its own, and never decides on anything.
"""

from __future__ import annotations

import hmac
import secrets
import string
from collections.abc import Sequence
from datetime import datetime, timedelta
from zlib import crc32

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from config.tokens import PREFIX
from dashboard.models import ApiToken, MachineAccount, token_declarations
from dashboard.models.roles import Role, role_of
from dashboard.models.token_declarations import OF_VARIABLE, TokenDeclaration, digest_of
from dashboard.models.tokens import Scope
from dashboard.services import actors, audit, jobs, limits, names, permissions, repeats
from dashboard.services.actors import Actor
from dashboard.services.errors import AlreadyDecided, NameRefused, TokenRefused

ALPHABET = string.ascii_letters + string.digits
MARK, SECRET, CHECKSUM = 8, 40, 6
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


def authenticate(text: str, *, source_ip: str | None) -> Actor:
    """Who shows this token. Raises TokenRefused, and TooMany where it is used too often."""
    is_made = text.startswith(PREFIX)  # whatever a variable holds: what was made here is revoked here
    token = None if is_made else _of_variable(text) or _of_job(text)
    token = token or _of_text(text)
    by = actors.by_token(token, source_ip=source_ip)
    _check_holds(token, by)
    limits.check_calls(by)
    _note_use(token, source_ip)
    return by


def _check_holds(token: ApiToken, by: Actor) -> None:
    if not token.is_live:
        state = "was revoked" if token.revoked_at else "has expired" if token.is_expired else "is its maker's, who left"
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
    if not hmac.compare_digest(digest_of(text), token.secret_hash if token else digest_of("")) or token is None:
        raise TokenRefused(reason="This token is not known here.", remedy=ASK_ADMINISTRATOR)
    return token


def _of_variable(text: str) -> ApiToken | None:
    """The token that the variable holds."""
    declared = settings.MIGRATION_SECRET
    if declared is None or not hmac.compare_digest(text.encode(), declared.secret.encode()):
        return None
    return _declared(token_declarations.of_variable(declared))


def _of_job(text: str) -> ApiToken | None:
    """The row of the declared jobs that this identity token is of. Raises TokenRefused, IssuerSilent."""
    job = jobs.identify(text)
    return _declared(token_declarations.of_job(job)) if job else None


def _declared(declaration: TokenDeclaration) -> ApiToken:
    """The row of a token that the settings declare: made at its first use, it follows them whenever it is used."""
    changing = {
        "secret_hash": declaration.secret_hash,
        "scopes": list(declaration.scopes),
        "environments": list(declaration.environments),
    }
    token = ApiToken.objects.select_related("account").filter(mark=declaration.mark).first()
    return _follow(token, **changing) if token else _declare(declaration, **changing)


@transaction.atomic
def _declare(declaration: TokenDeclaration, **fields: object) -> ApiToken:
    name = declaration.account
    user = User.objects.filter(username=name, machine__isnull=False).first()
    if user is None and name == OF_VARIABLE:
        is_taken = User.objects.filter(username=name).exists()  # by a person
        user = _make_account(f"{name}-{declaration.secret_hash[:6]}" if is_taken else name)
    user = user or _make_account(names.check(name))
    defaults = {"name": declaration.name, "account": user, "made_at": timezone.now(), **fields}
    return ApiToken.objects.select_related("account").get_or_create(mark=declaration.mark, defaults=defaults)[0]


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
