"""What is sent to the addresses of the source document's own server: read, and refused where it cannot be meant."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest

from dashboard.api import keys, waiting
from dashboard.models import environments
from dashboard.models.environments import Environment
from dashboard.models.tokens import Scope
from dashboard.services import permissions
from dashboard.services.actors import Actor

#: The environment that the source document's server knew.
USUAL = "production"
#: Characters of a body.
BODY = 65_536
#: Characters of a text in it, as the pages take them.
TEXT = 2_000
ADDRESSING = frozenset({"environment"})
WAITING = ADDRESSING | {"wait"}
APPLYING = frozenset({"version", "accept", "reason", "irreversible_because", "rows_to_lose", "again"})
TAKING_BACK = APPLYING | {"including_later"}


class NotUnderstood(Exception):
    """The call itself is wrong. `status` is 400 or 404."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


def environment_of(request: HttpRequest, by: Actor, scope: Scope | None = None) -> Environment:
    """The one that `?environment=` names; what the token may not do there is refused before anything is looked at."""
    slug = request.GET.get("environment", USUAL)
    try:
        environment = environments.get(slug)
    except environments.UnknownEnvironment:
        own = None if by.token is None else by.token.environments
        known = ", ".join(each.slug for each in environments.all_environments() if own is None or each.slug in own)
        raise NotUnderstood(f"No environment is called {slug!r}. Known: {known}.", 404) from None
    permissions.check_reaches(by, environment.slug)
    if scope:
        permissions.check_scope(by, scope, environment.slug)
    return environment


def environment_to_change(request: HttpRequest, by: Actor) -> Environment:
    """As `environment_of`, for a token that may start runs there, or ask for one where people approve them."""
    check_names(request.GET, WAITING, "parameter")
    environment = environment_of(request, by)
    asks = by.token is not None and environment.protected and Scope.REQUEST in by.token.scopes
    if not asks:
        permissions.check_scope(by, Scope.RUN, environment.slug)
    return environment


def check_names(sent: Iterable[str], known: frozenset[str], kind: str) -> None:
    """A name that is misspelt would otherwise change something else than was meant."""
    if unknown := sorted(set(sent) - known):
        names = ", ".join(ascii(name) for name in unknown)
        raise NotUnderstood(f"Unknown {kind}: {names}. Known: {', '.join(sorted(known))}. Nothing was run.")


def check_size(request: HttpRequest) -> None:
    if int(request.META.get("CONTENT_LENGTH") or 0) > BODY:
        raise NotUnderstood(f"The body has more than {BODY} bytes.")


def body_of(request: HttpRequest, known: frozenset[str]) -> dict[str, Any]:
    """An object, whatever the Content-Type says: `curl -d` calls JSON a form. Empty is an empty one."""
    try:
        body = json.loads(request.body or b"{}")
    except (ValueError, RecursionError):
        raise NotUnderstood("The body is not JSON.") from None
    if not isinstance(body, dict):
        raise NotUnderstood("The body is not a JSON object.")
    check_names(body, known, "key")
    return body


def text_of(body: dict[str, Any], key: str) -> str:
    value = body.get(key, "")
    if not isinstance(value, str) or not _is_storable(value):
        raise NotUnderstood(f'{key} has to be a text, such as {{{json.dumps(key)}: "008"}}.')
    if len(value) > TEXT:
        raise NotUnderstood(f"{key} has more than {TEXT} characters.")
    return value.strip()


def is_again(request: HttpRequest, body: dict[str, Any]) -> bool:
    """Whether the caller knows how it ended the last time, and wants it once more."""
    return body.get("again") is True and not keys.follows(request)


def _is_storable(text: str) -> bool:
    """PostgreSQL takes neither NUL nor half of a pair of surrogates."""
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text)


def texts_of(body: dict[str, Any], key: str) -> list[str]:
    values = body.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) and _is_storable(value) for value in values):
        raise NotUnderstood(f"{key} has to be a list of texts.")
    return values


def seconds_to_wait(request: HttpRequest) -> float:
    """As long as the source document's server would have kept its caller, which was until the end."""
    given = request.GET.get("wait", str(waiting.LONGEST))
    if not given.isascii() or not given.isdigit():
        raise NotUnderstood(f"wait has to be a whole number of seconds, {waiting.LONGEST} at most.")
    return float(given[:4])
