"""Who is told by mail of what, decided where the event is written: in the same transaction, so that a mail waits if and
only if the thing has happened.

Nothing is sent here. A mail that cannot even be written down is logged, and what it tells of goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.db.models.signals import post_save
from django.utils import timezone

from dashboard.models import AuditEvent, ChangeRequest, Mail, OneTimeLink, Run, Unwanted, environments
from dashboard.selectors import people, requests
from dashboard.services import audit_heads, independence, queue
from dashboard.services.audit import Event

logger = logging.getLogger(__name__)

#: A review that is open for so long is told of again, and again after so long.
REMINDED_AFTER = timedelta(hours=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailNotice:
    """One kind of mail, for these people."""

    kind: Mail.Kind
    people: Iterable[User]


def connect() -> None:
    post_save.connect(_event_written, sender=AuditEvent, dispatch_uid="signalbox.event_written")


def tell(kind: Mail.Kind, persons: Iterable[User], *, address: str = "", **facts: Any) -> int:
    """Have a mail wait for each of them that has an address and wants this kind: how many. `address` stands for the
    person's own, where that is another by now."""
    if not settings.SENDS_MAIL:
        return 0
    known = {person.pk: person for person in persons if address or person.email}
    if kind not in Mail.ALWAYS:
        for pk in Unwanted.objects.filter(kind=kind, person__in=known).values_list("person", flat=True):
            del known[pk]
    return _put([(person, address or person.email) for person in known.values()], kind, facts)


def tell_former_address(person: User, address: str, event: AuditEvent) -> None:
    """Whoever reads the former mailbox is told that it is not the one any more."""
    if address:
        tell(Mail.Kind.ACCOUNT, [person], address=address, **_facts(event))


def send_link(link: OneTimeLink) -> None:
    """The worker makes its token when it sends the mail: nobody sees it here, and no row holds it."""
    tell(Mail.Kind.LINK, [link.person], link=link.pk, purpose=link.purpose, by=link.made_by.get_username())


def send_audit_head() -> None:
    """To mailboxes that keep it where nobody who owns the database can change it."""
    head = audit_heads.current() if settings.SENDS_MAIL else None
    if head is not None:
        addressed = [(None, address) for address in settings.AUDIT_HEAD_MAIL]
        _put(addressed, Mail.Kind.AUDIT_HEAD, {"id": head.id, "hash": head.hash})


@transaction.atomic
def remind_of_reviews() -> None:
    """Once a day, whoever may sign an opening of the glass that nobody has signed yet."""
    now = timezone.now()
    for opening in requests.unreviewed():
        recent = Mail.objects.filter(kind=Mail.Kind.REVIEW_OPEN, queued_at__gt=now - REMINDED_AFTER)
        if opening.at > now - REMINDED_AFTER or recent.filter(facts__opening=opening.pk).exists():
            continue
        others = [person for person in people.approvers() if person.pk != opening.by_id]
        tell(
            Mail.Kind.REVIEW_OPEN,
            others,
            by=opening.by.get_username(),
            environment=opening.request.environment,
            request=opening.request_id,
            opening=opening.pk,
        )


def choose(person: User, wanted: Iterable[str]) -> None:
    """Which kinds they want, of those that can be switched off."""
    unwanted = [kind for kind in Mail.Kind if kind not in Mail.ALWAYS and kind not in set(wanted)]
    with transaction.atomic():
        Unwanted.objects.filter(person=person).delete()
        Unwanted.objects.bulk_create(Unwanted(person=person, kind=kind) for kind in unwanted)


def _event_written(instance: AuditEvent, created: bool, **kwargs: Any) -> None:
    rule = _RULES.get(instance.kind) if settings.SENDS_MAIL and created else None
    if rule is None:
        return
    try:
        with transaction.atomic():
            for notice in rule(instance):
                tell(notice.kind, notice.people, **_facts(instance))
    except (DatabaseError, LookupError):
        logger.exception("A mail about event %s could not be queued; what it tells of goes on", instance.pk)


def _put(addressed: Iterable[tuple[User | None, str]], kind: Mail.Kind, facts: Mapping[str, Any]) -> int:
    now = timezone.now()
    mails = [
        Mail(kind=kind, person=person, address=address, facts=dict(facts), queued_at=now, next_try_at=now)
        for person, address in addressed
    ]
    if mails:
        with transaction.atomic():
            Mail.objects.bulk_create(mails)
            queue.send_mails()
    return len(mails)


def _facts(event: AuditEvent) -> dict[str, Any]:
    """Names and numbers; no reason, no comment and nothing that a server said."""
    numbers = {"request": event.request_id, "run": event.run_id}
    facts = {"event": event.kind, "by": event.actor, "environment": event.environment, **numbers}
    at = f"{event.at:%Y-%m-%d %H:%M} UTC"
    named = {name: event.data[name] for name in ("name", "factor", "provider", "status") if name in event.data}
    return {**facts, **named, "at": at, "source_ip": event.source_ip or ""}


# What each event is told as, and to whom


def _request_of(event: AuditEvent) -> ChangeRequest:
    assert event.request_id is not None, "the event is about a request"
    return ChangeRequest.objects.select_related("requested_by").prefetch_related("decisions").get(pk=event.request_id)


def _opened(event: AuditEvent) -> Iterator[MailNotice]:
    request = _request_of(event)
    able = independence.approvers_of(request, environments.get_even_former(request.environment))
    by_now = [candidate.person for candidate in able if candidate.may_now]
    yield MailNotice(kind=Mail.Kind.APPROVAL_WANTED, people=by_now or [candidate.person for candidate in able])


def _decided(event: AuditEvent) -> Iterator[MailNotice]:
    yield MailNotice(kind=Mail.Kind.DECIDED, people=[_request_of(event).requested_by])


def _approved(event: AuditEvent) -> Iterator[MailNotice]:
    """The last of the approvals that are needed."""
    if _request_of(event).status == ChangeRequest.Status.APPROVED:
        yield from _decided(event)


def _reevaluated(event: AuditEvent) -> Iterator[MailNotice]:
    yield from _decided(event)
    if event.data["status"] == ChangeRequest.Status.OPEN:
        yield from _opened(event)


def _commented(event: AuditEvent) -> Iterator[MailNotice]:
    mentioned = User.objects.filter(username__in=event.data["mentions"], is_active=True)
    yield MailNotice(kind=Mail.Kind.MENTIONED, people=mentioned.exclude(username=event.actor))


def _not_started(event: AuditEvent) -> Iterator[MailNotice]:
    scheduled_by = User.objects.filter(username=event.data["scheduled_by"])
    yield MailNotice(kind=Mail.Kind.RUN_FAILED, people=[_request_of(event).requested_by, *scheduled_by])


def _run_failed(event: AuditEvent) -> Iterator[MailNotice]:
    people_of_run = User.objects.filter(pk__in=Run.objects.filter(pk=event.run_id or 0).values("started_by"))
    yield MailNotice(kind=Mail.Kind.RUN_FAILED, people=people_of_run)


def _glass(event: AuditEvent) -> Iterator[MailNotice]:
    """Everyone who could have been asked, and who did it too: it may not have been them."""
    yield MailNotice(kind=Mail.Kind.GLASS, people=people.approvers())


def _account(event: AuditEvent) -> Iterator[MailNotice]:
    yield MailNotice(kind=Mail.Kind.ACCOUNT, people=User.objects.filter(username=event.data["name"]))


def _own_account(event: AuditEvent) -> Iterator[MailNotice]:
    yield MailNotice(kind=Mail.Kind.ACCOUNT, people=User.objects.filter(username=event.actor))


def _signed_in(event: AuditEvent) -> Iterator[MailNotice]:
    if event.data.get("new_browser"):
        yield from _own_account(event)


_RULES: Mapping[str, Callable[[AuditEvent], Iterator[MailNotice]]] = {
    Event.REQUEST_OPENED: _opened,
    Event.REQUEST_APPROVED: _approved,
    Event.REQUEST_REJECTED: _decided,
    Event.REQUEST_SUPERSEDED: _decided,
    Event.REQUEST_EXPIRED: _decided,
    Event.REQUEST_REEVALUATED: _reevaluated,
    Event.REQUEST_COMMENTED: _commented,
    Event.REQUEST_NOT_STARTED: _not_started,
    Event.RUN_FAILED: _run_failed,
    Event.RUN_INTERRUPTED: _run_failed,
    Event.BREAK_GLASS_OPENED: _glass,
    Event.BREAK_GLASS_USED: _glass,
    Event.PASSWORD_SET: _account,
    Event.SECOND_FACTOR_ADDED: _account,
    Event.SECOND_FACTOR_REMOVED: _account,
    Event.PROVIDER_CONNECTED: _account,
    Event.ROLE_CHANGED: _account,
    Event.EMAIL_CHANGED: _account,
    Event.LINK_MADE: _account,
    Event.TOKEN_MADE: _account,
    Event.TOKEN_REVOKED: _account,
    Event.LINK_USED: _own_account,
    Event.PERSON_DEACTIVATED: _account,
    Event.PERSON_REACTIVATED: _account,
    Event.SIGNED_IN: _signed_in,
}
