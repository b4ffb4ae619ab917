"""The audit log: one event beside every deed, in the same transaction.

Rows form a chain: each hash covers its row and the hash before it, with a key that is not in the database. An edit,
even one that goes round the append-only trigger, shows in `audit_chain.verify`.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import connection, transaction

from dashboard.models import AuditEvent, ChangeRequest, Run
from dashboard.services import audit_chain, audit_heads, audit_keys
from dashboard.services.actors import SIGNALBOX, Actor
from dashboard.services.audit_keys import AuditKey
from dashboard.services.errors import AuditKeyMissing

#: Held while a row is added, so that two rows never name the same predecessor. "SBAU" in ASCII.
CHAIN_LOCK = 0x53424155


class Event(StrEnum):
    SIGNED_IN = "person.signed_in"
    SIGN_IN_FAILED = "person.sign_in_failed"
    SIGNED_OUT = "person.signed_out"
    SESSIONS_ENDED = "person.sessions_ended"
    PERSON_INVITED = "person.invited"
    LINK_MADE = "person.link_made"
    LINK_USED = "person.link_used"
    TOKEN_MADE = "token.made"  # noqa: S105 - the name of an event
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - the name of an event
    TOKEN_REFUSED = "token.refused"  # noqa: S105 - the name of an event
    PERSON_CREATED = "person.created"
    PERSON_DEACTIVATED = "person.deactivated"
    PERSON_REACTIVATED = "person.reactivated"
    ROLE_CHANGED = "person.role_changed"
    EMAIL_CHANGED = "person.email_changed"
    PROVIDER_CONNECTED = "person.provider_connected"
    PASSWORD_SET = "person.password_set"  # noqa: S105 - the name of an event
    SECOND_FACTOR_ADDED = "person.second_factor_added"
    SECOND_FACTOR_REMOVED = "person.second_factor_removed"
    REQUEST_OPENED = "request.opened"
    REQUEST_APPROVED = "request.approved"
    REQUEST_REJECTED = "request.rejected"
    REQUEST_WITHDRAWN = "request.withdrawn"
    REQUEST_EXPIRED = "request.expired"
    REQUEST_SUPERSEDED = "request.superseded"
    REQUEST_DONE = "request.done"
    REQUEST_REEVALUATED = "request.reevaluated"
    REQUEST_SCHEDULED = "request.scheduled"
    REQUEST_UNSCHEDULED = "request.unscheduled"
    REQUEST_NOT_STARTED = "request.not_started"
    REQUEST_COMMENTED = "request.commented"
    BREAK_GLASS_OPENED = "break_glass.opened"
    BREAK_GLASS_USED = "break_glass.used"
    BREAK_GLASS_REVIEWED = "break_glass.reviewed"
    RUN_QUEUED = "run.queued"
    RUN_STARTED = "run.started"
    RUN_CANCEL_REQUESTED = "run.cancel_requested"
    RUN_SUCCEEDED = "run.succeeded"
    RUN_FAILED = "run.failed"
    RUN_CANCELLED = "run.cancelled"
    RUN_INTERRUPTED = "run.interrupted"
    RUN_RESOLVED = "run.resolved"
    RUN_ENDED_BY_HAND = "run.ended_by_hand"
    RUN_MESSAGES_ERASED = "run.messages_erased"
    INSTALLATION_COPIED = "installation.copied"
    INSTALLATION_CONFIRMED = "installation.confirmed"
    ENVIRONMENT_REBOUND = "environment.rebound"
    DRIFT_FOUND = "drift.found"
    DRIFT_GONE = "drift.gone"
    DRIFT_ACCEPTED = "drift.accepted"
    REHEARSAL_ASKED = "rehearsal.asked"
    REHEARSAL_DONE = "rehearsal.done"
    REHEARSAL_FAILED = "rehearsal.failed"
    SOURCE_MOVED = "source.moved"
    SOURCE_FETCH_ASKED = "source.fetch_asked"
    SOURCE_HOOK_REFUSED = "source.hook_refused"
    SOURCE_FETCH_FAILED = "source.fetch_failed"
    ACCESS_REFUSED = "access.refused"
    MAIL_UNDELIVERED = "mail.undelivered"
    KEYED = "audit.keyed"


def record(
    event: Event,
    *,
    by: Actor,
    environment: str = "",
    request: ChangeRequest | None = None,
    run: Run | None = None,
    **data: Any,
) -> AuditEvent:
    """Add an event. Call it inside the transaction of the deed; a failed deed then leaves no event.

    Raises AuditKeyMissing in a process that has no key, once the log has one.
    """
    row = AuditEvent(
        kind=event.value,
        actor=by.name,
        actor_id=by.user.pk if by.user else None,
        environment=environment,
        request_id=request.pk if request else None,
        run_id=run.pk if run else None,
        source_ip=by.source_ip,
        data={**data, "by_token": by.token.name} if by.token else data,
    )
    with transaction.atomic():
        at = _locked_at()
        key = audit_keys.signing()
        last = _with_key(AuditEvent.objects.order_by("-id").first(), key, at)
        _append(row, last, key, at)
    return row


def _locked_at() -> datetime:
    """Take the lock of the chain until the transaction ends; the time once it is taken."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s), clock_timestamp()", [CHAIN_LOCK])
        at: datetime = cursor.fetchone()[1]
    return at


def _with_key(last: AuditEvent | None, key: AuditKey | None, at: datetime) -> AuditEvent | None:
    """The event to go on from: one that says that the key is another, where it is another than the last event's."""
    if last is None or last.key_id == (key.id if key else ""):
        return last
    if key is None:
        raise AuditKeyMissing
    count = last.position or AuditEvent.objects.count()
    switch = AuditEvent(kind=Event.KEYED.value, actor=SIGNALBOX.name)
    switch.data = {"key": key.id, "before": last.key_id, "events": count}
    return _append(switch, last, key, at, position=count + 1)


def _append(
    row: AuditEvent, last: AuditEvent | None, key: AuditKey | None, at: datetime, *, position: int | None = None
) -> AuditEvent:
    row.pk, row.at = _next_id(), at
    row.previous_hash = last.hash if last else audit_chain.GENESIS
    if key:
        row.position = position or (last.position or 0 if last else 0) + 1
    audit_chain.seal(row, key)
    row.save(force_insert=True)
    if row.position and row.position % audit_heads.EVERY == 0:
        transaction.on_commit(audit_heads.publish)
    return row


def _next_id() -> int:
    """Known before the row is written, because its hash covers it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [AuditEvent._meta.db_table])
        number: int = cursor.fetchone()[0]
    return number
