"""The audit log, for what keeps it elsewhere."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router

from dashboard.api.v1.calls import page, reachable, reads
from dashboard.api.v1.schemas import AuditPage, AuditShown
from dashboard.models import AuditEvent
from dashboard.models.tokens import Scope
from dashboard.selectors import audit

router = Router(tags=["audit"])


@reads(router, "/audit", Scope.AUDIT, response=AuditPage, summary="Read the audit log")
def read_audit(
    request: HttpRequest,
    kind: str = Query("", max_length=64, pattern=r"^[a-z_.]*$"),
    cursor: str | None = Query(None, max_length=40),
    limit: int = Query(100, ge=1, le=1000),
) -> dict[str, Any]:
    """The newest first: events of the environments of the token, and those that are of none."""
    rows = audit.events(kind=kind).filter(environment__in=[*reachable(request), ""])
    items, following = page(rows, cursor, limit)
    return {"items": [_event(item) for item in items], "next": following}


def _event(event: AuditEvent) -> AuditShown:
    return AuditShown(
        id=event.pk,
        at=event.at,
        kind=event.kind,
        actor=event.actor,
        environment=event.environment or None,
        change_request=event.request_id,
        run=event.run_id,
        source_ip=event.source_ip,
        data=event.data,
        hash=event.hash,
    )
