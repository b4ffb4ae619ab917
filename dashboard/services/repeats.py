"""Events that anyone could cause without end: failed sign-ins, refused deeds.

The first of a window is an event at once. Those that follow are counted beside the log, without the lock of its chain,
and summed up in one event when the window ends. So whoever repeats one for a day adds two events a window, not one a
try.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from dashboard.models import RepeatedEvent
from dashboard.services import audit
from dashboard.services.actors import Actor

WINDOW = timedelta(minutes=15)
#: Addresses that a sum names; there may have been more.
ADDRESSES = 10


def note(event: audit.Event, *, by: Actor, subject: str, **data: Any) -> None:
    """Record it, or count it where the same `subject` had one of its kind in this window."""
    now = timezone.now()
    with transaction.atomic():
        row, is_first = RepeatedEvent.objects.select_for_update().get_or_create(
            kind=event.value,
            subject=subject,
            defaults={"since": now, "actor": by.name, "actor_id": by.user.pk if by.user else None, "data": data},
        )
        if not is_first and row.since + WINDOW > now:
            _count(row, by)
            return
        if not is_first:
            _sum_up(row)
            _begin_again(row, now)
        audit.record(event, by=by, **data)


def sum_up_due() -> None:
    """Write the sums of windows that have ended; a subject that is quiet leaves nothing behind."""
    due = RepeatedEvent.objects.filter(since__lte=timezone.now() - WINDOW).order_by("pk")
    for pk in due.values_list("pk", flat=True):
        with transaction.atomic():
            row = due.select_for_update(skip_locked=True).filter(pk=pk).first()
            if row is not None:
                _sum_up(row)
                row.delete()


def _user_of(row: RepeatedEvent) -> User | None:
    return User.objects.filter(pk=row.actor_id).first() if row.actor_id else None


def _count(row: RepeatedEvent, by: Actor) -> None:
    row.count += 1
    if by.source_ip and by.source_ip not in row.addresses and len(row.addresses) < ADDRESSES:
        row.addresses.append(by.source_ip)
    row.save(update_fields=["count", "addresses"])


def _begin_again(row: RepeatedEvent, now: datetime) -> None:
    row.since, row.count, row.addresses = now, 0, []
    row.save(update_fields=["since", "count", "addresses"])


def _sum_up(row: RepeatedEvent) -> None:
    if not row.count:
        return
    audit.record(
        audit.Event(row.kind),
        by=Actor(name=row.actor, user=_user_of(row)),
        **row.data,
        count=row.count,
        minutes=int(WINDOW.total_seconds() // 60),
        addresses=row.addresses,
    )
