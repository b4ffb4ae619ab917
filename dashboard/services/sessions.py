"""In which browsers people are signed in, for how long, and how that ends.

A session lives as long as its row: twelve hours at most, and as long as its person does something. Ending one deletes
the row, and nothing makes it again but signing in.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from importlib import import_module

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from dashboard.models import PersonSession
from dashboard.services import actors, audit
from dashboard.services.actors import Actor

#: How exactly it is kept when somebody was last here: no row is written for each page.
PRECISION = timedelta(minutes=1)


def begin(person: User, request: HttpRequest) -> None:
    now = timezone.now()
    PersonSession.objects.update_or_create(
        key_hash=hash_of(request.session),
        defaults={
            "person": person,
            "began_at": now,
            "seen_at": now,
            "source_ip": actors.address_of(request),
            "browser": request.headers.get("user-agent", "")[:200],
        },
    )


def holds(request: HttpRequest, person: User) -> bool:
    """Whether this browser is still signed in; one that is not is signed out by whoever asks. A page that refreshes by
    itself is nobody's doing."""
    now = timezone.now()
    row = PersonSession.objects.filter(key_hash=hash_of(request.session), person=person).first()
    if row is None or not _is_alive(row, now):
        return False
    if now - row.seen_at > PRECISION and "HX-Request" not in request.headers:
        PersonSession.objects.filter(pk=row.pk).update(seen_at=now)
    return True


def alive(person: User) -> list[PersonSession]:
    now = timezone.now()
    return [row for row in PersonSession.objects.filter(person=person).order_by("-seen_at") if _is_alive(row, now)]


def hash_of(session: SessionBase) -> str:
    """How a session is known here; one that has no key yet is known by no row."""
    return sha256((session.session_key or "").encode()).hexdigest()


def carry_over(session: SessionBase, former_hash: str) -> None:
    """The same browser under a new key, as after a change of password."""
    PersonSession.objects.filter(key_hash=former_hash).update(key_hash=hash_of(session))


def forget(session: SessionBase) -> None:
    PersonSession.objects.filter(key_hash=hash_of(session)).delete()


@transaction.atomic
def end(person: User, *, by: Actor, only: str = "", apart_from: str = "") -> int:
    """End one session of a person, or all but the given one, each known by its hash: how many there were. Recorded if
    there was one."""
    rows = PersonSession.objects.filter(person=person).exclude(key_hash=apart_from)
    if only:
        rows = rows.filter(key_hash=only)
    count, _ = rows.delete()
    if count:
        audit.record(audit.Event.SESSIONS_ENDED, by=by, name=person.get_username(), count=count)
    return count


def clear_ended() -> None:
    """Rows of browsers that nobody came back with, and what Django keeps of them."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    oldest = timezone.now() - timedelta(seconds=settings.SESSION_COOKIE_AGE)
    PersonSession.objects.filter(began_at__lt=oldest).delete()


def _is_alive(row: PersonSession, now: datetime) -> bool:
    idle = timedelta(minutes=settings.IDLE_MINUTES) if settings.IDLE_MINUTES else None
    oldest = now - timedelta(seconds=settings.SESSION_COOKIE_AGE)
    return row.began_at > oldest and (idle is None or now - row.seen_at < idle + PRECISION)
