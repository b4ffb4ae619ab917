"""The audit log: one event beside every deed, in the same transaction.

Rows form a chain: each hash covers its row and the hash before it. An edit, even one that goes round the
append-only trigger, shows in `verify`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import connection, transaction

from dashboard.models import AuditEvent, ChangeRequest, Run
from dashboard.services.actors import Actor

#: The hash before the first row.
GENESIS = "0" * 64

#: Held while a row is added, so that two rows never name the same predecessor. "SBAU" in ASCII.
CHAIN_LOCK = 0x53424155


class Event(StrEnum):
    SIGNED_IN = "person.signed_in"
    SIGN_IN_FAILED = "person.sign_in_failed"
    SIGNED_OUT = "person.signed_out"
    PERSON_CREATED = "person.created"
    PERSON_DEACTIVATED = "person.deactivated"
    PERSON_REACTIVATED = "person.reactivated"
    ROLE_CHANGED = "person.role_changed"
    PASSWORD_SET = "person.password_set"  # noqa: S105 - the name of an event
    REQUEST_OPENED = "request.opened"
    REQUEST_APPROVED = "request.approved"
    REQUEST_REJECTED = "request.rejected"
    REQUEST_WITHDRAWN = "request.withdrawn"
    REQUEST_EXPIRED = "request.expired"
    REQUEST_SUPERSEDED = "request.superseded"
    REQUEST_DONE = "request.done"
    RUN_QUEUED = "run.queued"
    RUN_STARTED = "run.started"
    RUN_CANCEL_REQUESTED = "run.cancel_requested"
    RUN_SUCCEEDED = "run.succeeded"
    RUN_FAILED = "run.failed"
    RUN_CANCELLED = "run.cancelled"
    RUN_INTERRUPTED = "run.interrupted"
    RUN_RESOLVED = "run.resolved"
    RUN_ENDED_BY_HAND = "run.ended_by_hand"
    ENVIRONMENT_REBOUND = "environment.rebound"
    DRIFT_FOUND = "drift.found"
    DRIFT_GONE = "drift.gone"
    DRIFT_ACCEPTED = "drift.accepted"
    REHEARSAL_ASKED = "rehearsal.asked"
    REHEARSAL_DONE = "rehearsal.done"
    REHEARSAL_FAILED = "rehearsal.failed"


def record(
    event: Event,
    *,
    by: Actor,
    environment: str = "",
    request: ChangeRequest | None = None,
    run: Run | None = None,
    **data: Any,
) -> AuditEvent:
    """Add an event. Call it inside the transaction of the deed; a failed deed then leaves no event."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s), clock_timestamp()", [CHAIN_LOCK])
        at = cursor.fetchone()[1]
        last = AuditEvent.objects.order_by("-id").first()
        row = AuditEvent(
            at=at,
            kind=event.value,
            actor=by.name,
            actor_id=by.user.pk if by.user else None,
            environment=environment,
            request_id=request.pk if request else None,
            run_id=run.pk if run else None,
            source_ip=by.source_ip,
            data=data,
            previous_hash=last.hash if last else GENESIS,
        )
        row.hash = _hash(row)
        row.save(force_insert=True)
    return row


def verify() -> tuple[int, AuditEvent | None]:
    """Walk the chain from the first row: how many hold, and the first that does not (None: all hold)."""
    previous, count = GENESIS, 0
    for row in _in_order():
        if row.previous_hash != previous or row.hash != _hash(row):
            return count, row
        previous, count = row.hash, count + 1
    return count, None


def _in_order() -> Iterator[AuditEvent]:
    return AuditEvent.objects.order_by("id").iterator(chunk_size=1000)


def _hash(row: AuditEvent) -> str:
    facts = [
        row.previous_hash,
        _instant(row.at),
        row.kind,
        row.actor,
        row.actor_id,
        row.environment,
        row.request_id,
        row.run_id,
        row.source_ip,
        row.data,
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")
