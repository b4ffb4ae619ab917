"""The audit log as pages and exports need it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from dashboard.models import AuditEvent, ChangeRequest, Run

#: Names that the filter offers.
OFFERED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Titles:
    """What the requests and runs of some events are called."""

    requests: dict[int, str] = field(default_factory=dict)
    runs: dict[int, str] = field(default_factory=dict)


def events(
    *, actor: str = "", kind: str = "", environment: str = "", since: date | None = None, until: date | None = None
) -> QuerySet[AuditEvent]:
    """Newest first; `since` and `until` are whole days, both included."""
    wanted: dict[str, Any] = {"actor": actor, "kind": kind, "environment": environment}
    chosen = AuditEvent.objects.filter(**{name: value for name, value in wanted.items() if value})
    if since:
        chosen = chosen.filter(at__gte=_at(since, time.min))
    if until:
        chosen = chosen.filter(at__lte=_at(until, time.max))
    return chosen.order_by("-id")


def actors() -> list[str]:
    """Names to choose from in the filter: the people of today. Anyone else in the log is found by typing the name."""
    return list(User.objects.order_by("username").values_list("username", flat=True)[:OFFERED])


def titles(page: Iterable[AuditEvent]) -> Titles:
    page = list(page)
    requests = ChangeRequest.objects.filter(pk__in={e.request_id for e in page if e.request_id})
    runs = Run.objects.filter(pk__in={e.run_id for e in page if e.run_id})
    return Titles(requests=dict(requests.values_list("pk", "title")), runs=dict(runs.values_list("pk", "title")))


def _at(day: date, moment: time) -> datetime:
    return timezone.make_aware(datetime.combine(day, moment))
