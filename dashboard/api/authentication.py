"""Who calls: told by the token in the header Authorization, and by nothing else. Cookies open nothing here."""

from __future__ import annotations

from django.http import HttpRequest

from dashboard.services import actors, callers
from dashboard.services.actors import Actor
from dashboard.services.errors import TokenRefused

SCHEME = "bearer"
#: Says how to be let in, as RFC 6750 wants it beside every 401.
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="signalbox"'}


def actor_of(request: HttpRequest) -> Actor:
    """Asked once a call; what refuses the call later finds it there. Raises TokenRefused, TooMany."""
    known: Actor | None = getattr(request, "signalbox_caller", None)
    if known is not None:
        return known
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != SCHEME or not text.strip():
        raise TokenRefused(
            reason="This address needs a token.",
            remedy="Send one in the header Authorization: Bearer … . An administrator makes it on the page Tokens.",
        )
    by = callers.authenticate(text.strip(), source_ip=actors.address_of(request))
    request.signalbox_caller = by  # type: ignore[attr-defined]
    return by
