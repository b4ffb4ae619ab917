"""How often signing in may be tried: by account, and by address, where what was right does not count. Counted in the
control database, which all processes share, with one statement each, so that tries at the same moment are counted all.

Nobody locks the people on call out: a browser in which a person signed in before has a count of its own for that
person, which strangers do not use up, be they behind the same address. A try that is refused is not looked at: no
password is compared, and nothing is written to the audit log.
"""

from __future__ import annotations

import hmac
from datetime import timedelta
from hashlib import sha256

from django.conf import settings
from django.core import signing
from django.db import connection
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from dashboard.models import SignInCount
from dashboard.services import actors
from dashboard.services.errors import TooMany

WINDOW = timedelta(minutes=15)

#: Tries within the window: for an account from browsers that never signed in to it, from one that did, by address.
FROM_STRANGERS = 10
FROM_KNOWN_BROWSER = 10
BY_ADDRESS = 50

#: Beginnings with a passkey or at a provider, from one address in a minute.
BEGINNINGS = 60

#: How long a browser in which somebody signed in is remembered.
REMEMBERED = timedelta(days=90)
SALT = "signalbox.known"

COUNT = """
INSERT INTO dashboard_signincount AS counted (key, tries, since) VALUES (%s, 1, now())
ON CONFLICT (key) DO UPDATE SET
    tries = CASE WHEN counted.since < now() - make_interval(secs => %s) THEN 1 ELSE counted.tries + 1 END,
    since = CASE WHEN counted.since < now() - make_interval(secs => %s) THEN now() ELSE counted.since END
RETURNING tries
"""


def admits(request: HttpRequest, username: str) -> bool:
    """Count a try; whether the password may be looked at. Many people share an address, so its count is of tries from
    browsers that do not know the person; in the others the count of that person and browser stands alone."""
    if not knows(request, username) and _count(_of_address(request)) > BY_ADDRESS:
        return False
    key, allowed = _of_account(request, username)
    tries = _count(key)
    if tries == 1:
        SignInCount.objects.filter(since__lt=timezone.now() - WINDOW).delete()
    return tries <= allowed


def succeeded(request: HttpRequest, username: str) -> None:
    """Tries of this kind on this account begin again at none; the address is left with its tries that were wrong."""
    SignInCount.objects.filter(key=_of_account(request, username)[0]).delete()
    if not knows(request, username):
        SignInCount.objects.filter(key=_of_address(request), tries__gt=0).update(tries=F("tries") - 1)


def count(*parts: str, within: timedelta) -> int:
    """Count a deed of another kind, and how many of them there were since the first one of this window."""
    return _count(_key(*parts), within)


def check_beginnings(request: HttpRequest) -> None:
    """Raises TooMany. Each beginning keeps something for a stranger, so an address begins so often in a minute."""
    if count("begin", actors.address_of(request) or "", within=timedelta(minutes=1)) > BEGINNINGS:
        sentence = f"From this address signing in was begun {BEGINNINGS} times within a minute, as often as it may be"
        raise TooMany(what=sentence, remedy="Wait a minute, then try again.")


def remember_browser(request: HttpRequest, response: HttpResponse, username: str) -> None:
    """Several people may use one browser; it knows the last few of them."""
    known = [username, *(name for name in _known(request) if name != username)][:5]
    response.set_cookie(
        settings.KNOWN_BROWSER_COOKIE_NAME,
        signing.dumps(known, salt=SALT),
        max_age=int(REMEMBERED.total_seconds()),
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def knows(request: HttpRequest, username: str) -> bool:
    """Whether that person signed in from this browser before."""
    return username in _known(request)


def _of_address(request: HttpRequest) -> str:
    return _key("address", actors.address_of(request) or "")


def _of_account(request: HttpRequest, username: str) -> tuple[str, int]:
    if knows(request, username):
        return _key("browser", username, request.COOKIES[settings.KNOWN_BROWSER_COOKIE_NAME]), FROM_KNOWN_BROWSER
    return _key("account", username.casefold()), FROM_STRANGERS


def _known(request: HttpRequest) -> list[str]:
    try:
        names: list[str] = signing.loads(
            request.COOKIES.get(settings.KNOWN_BROWSER_COOKIE_NAME, ""), salt=SALT, max_age=REMEMBERED
        )
    except signing.BadSignature:
        return []
    return names


def _count(key: str, window: timedelta = WINDOW) -> int:
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [key, window.total_seconds(), window.total_seconds()])
        tries: int = cursor.fetchone()[0]
    return tries


def _key(*parts: str) -> str:
    text = "\0".join(parts)
    return hmac.new(settings.SECRET_KEY.encode(), text.encode(), sha256).hexdigest()
