"""Mails as pages and the doctor need them."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils import timezone

from dashboard.models import Mail, Unwanted

#: As many are listed.
_SHOWN = 50
#: A mail that waits for so long has been in trouble, whether or not it was tried.
_LATE = timedelta(minutes=10)


def in_trouble() -> QuerySet[Mail]:
    """Given up, or not taken by a server for a while."""
    late = Q(status=Mail.Status.WAITING) & (Q(queued_at__lt=timezone.now() - _LATE) | ~Q(problem=""))
    return Mail.objects.filter(Q(status=Mail.Status.UNDELIVERED) | late).select_related("person").order_by("-id")


def listed(person: User | None = None) -> list[Mail]:
    """Those of one person, or all of them; the newest first."""
    mails = in_trouble() if person is None else in_trouble().filter(person=person)
    return list(mails[:_SHOWN])


def unwanted_by(person: User) -> list[str]:
    return list(Unwanted.objects.filter(person=person).values_list("kind", flat=True))


def without_address() -> int:
    """How many of those who may sign in nobody can tell anything by mail."""
    return User.objects.filter(is_active=True, email="").count()
