"""Who calls with a token: one that was made here, the variable of machines, or the identity of a CI's job.

For processes that serve requests alone: it brings in what checks signatures, which a worker has no use for.
"""

from __future__ import annotations

import hmac
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from config.tokens import PREFIX
from dashboard.models import ApiToken, token_declarations
from dashboard.models.roles import role_of
from dashboard.models.token_declarations import OF_VARIABLE, TokenDeclaration, digest_of
from dashboard.services import actors, audit, jobs, limits, names, repeats, tokens
from dashboard.services.actors import Actor
from dashboard.services.errors import TokenRefused

#: Between two notes of when a token was used last.
USED_AGAIN = timedelta(minutes=1)

ASK_ADMINISTRATOR = "Ask an administrator of Signalbox for a new one."


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
    if not tokens.is_whole(text):
        raise TokenRefused(
            reason="That is no token of Signalbox: it was cut off, mistyped, or is something else.",
            remedy=f"Send it whole, from {PREFIX} to its last character, in the header Authorization after Bearer.",
        )
    token = ApiToken.objects.select_related("account").filter(mark=tokens.mark_of(text)).first()
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
        user = tokens.make_account(f"{name}-{declaration.secret_hash[:6]}" if is_taken else name)
    user = user or tokens.make_account(names.check(name))
    defaults = {"name": declaration.name, "account": user, "made_at": timezone.now(), **fields}
    return ApiToken.objects.select_related("account").get_or_create(mark=declaration.mark, defaults=defaults)[0]


def _follow(token: ApiToken, **fields: object) -> ApiToken:
    changed = {name: value for name, value in fields.items() if getattr(token, name) != value}
    for name, value in changed.items():
        setattr(token, name, value)
    if changed:
        token.save(update_fields=list(changed))
    return token


def _note_use(token: ApiToken, source_ip: str | None) -> None:
    now = timezone.now()
    due = Q(last_used_at=None) | Q(last_used_at__lt=now - USED_AGAIN) | ~Q(last_used_from=source_ip)
    ApiToken.objects.filter(due, pk=token.pk).update(last_used_at=now, last_used_from=source_ip)
