"""Mails that wait are sent by the worker, one after the other, and tried again where that failed.

A mail is taken by a guarded write before it is tried, and its end is written after the server has answered. A worker
that dies between the two has it sent a second time; none is lost. One process sends at a time, so that a slow server
keeps one place of the worker and not all.
"""

from __future__ import annotations

import logging
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage, mailers
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from dashboard.models import BreakGlass, ChangeRequest, Mail
from dashboard.services import audit, installations, links, queue
from dashboard.services.actors import SIGNALBOX

logger = logging.getLogger(__name__)

#: How long after each try the next one is, the last of them over and over.
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60))
#: Tried for so long, and then given up.
TRIED_FOR = timedelta(hours=24)
#: How long the row of a mail that has ended is kept.
KEPT = timedelta(days=30)
#: Seconds after which a job begins no further mail; the next minute's job goes on.
_JOB_SECONDS = 45
#: Held while mails are sent. "SBML" in ASCII.
_SENDING_LOCK = 0x53424D4C
#: Where an SMTP server means: not now.
_TEMPORARY = range(400, 500)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailText:
    """What a mail says; `body` is plain text."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """How a try ended that was not taken."""

    problem: Mail.Problem
    reply: int | None = None

    @property
    def is_final(self) -> bool:
        """Another try would end in the same way."""
        return self.problem in {Mail.Problem.ADDRESS, Mail.Problem.CONTENT}

    @property
    def is_of_server(self) -> bool:
        """The next mail would meet it too."""
        return self.problem in {Mail.Problem.AWAY, Mail.Problem.LACKS, Mail.Problem.NO_TLS, Mail.Problem.NO_SIGN_IN}


#: Words a mail; the second argument is the token of a one-time link, made just now.
type Wording = Callable[[Mail, str], MailText]


def ask_where_due() -> None:
    """Each minute: for what waited for its next try, and for jobs that were lost."""
    if settings.SENDS_MAIL and not installations.current().is_held and _due().exists():
        queue.send_mails()


def send_due(word: Wording) -> int:
    """Send what is due: how many mails the server has taken. Raises nothing for a server that fails. A copy that nobody
    has confirmed sends none: its original does."""
    taken, begun = 0, time.monotonic()
    if installations.current().is_held:
        return taken
    with _alone() as is_alone:
        while settings.SENDS_MAIL and is_alone and time.monotonic() - begun < _JOB_SECONDS:
            mail = _take()
            if mail is None:
                break
            trouble = _try(mail, word)
            taken += trouble is None
            if trouble and trouble.is_of_server:
                break
    return taken


def forget_old() -> None:
    Mail.objects.exclude(status=Mail.Status.WAITING).filter(ended_at__lt=timezone.now() - KEPT).delete()


def _due() -> QuerySet[Mail]:
    return Mail.objects.filter(status=Mail.Status.WAITING, next_try_at__lte=timezone.now())


def _take() -> Mail | None:
    """The mail that has waited longest, with its next try put off already: whatever becomes of this one, it is made."""
    with transaction.atomic():
        mail = (
            _due()
            .select_for_update(of=("self",), skip_locked=True)
            .select_related("person")
            .order_by("next_try_at", "pk")
            .first()
        )
        if mail is not None:
            mail.next_try_at = timezone.now() + PAUSES[min(mail.tries, len(PAUSES) - 1)]
            mail.tries += 1
            mail.save(update_fields=["tries", "next_try_at"])
    return mail


def _try(mail: Mail, word: Wording) -> Trouble | None:
    message = _write(mail, word)
    if message is None:
        _end(mail, Mail.Status.NEEDLESS)
        return None
    if isinstance(message, Trouble):
        _give_up(mail, message)
        return message
    trouble = _hand_over(message)
    if trouble is None:
        _end(mail, Mail.Status.SENT)
        return None
    logger.warning("Mail %s (%s) was not taken: %s %s", mail.pk, mail.kind, trouble.problem, trouble.reply or "")
    is_given_up = trouble.is_final or timezone.now() - mail.queued_at > TRIED_FOR
    if is_given_up:
        _give_up(mail, trouble)
    else:
        _note(mail, trouble)
    return trouble


def _write(mail: Mail, word: Wording) -> EmailMessage | Trouble | None:
    """The mail as it goes out; None where it is over by now. One that cannot be written is in the way of no other, and
    of no later job: what was wrong with it stays wrong. The control database being away is wrong with none of them."""
    try:
        token = links.issue(mail.facts["link"]) if mail.kind == Mail.Kind.LINK else ""
        if token is None or _is_needless(mail):
            return None
        return _message(mail, word(mail, token))
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("Mail %s (%s) could not be written", mail.pk, mail.kind)
        return Trouble(problem=Mail.Problem.WORDING)


def _is_needless(mail: Mail) -> bool:
    """What it would tell is over by now."""
    match mail.kind:
        case Mail.Kind.APPROVAL_WANTED:
            return not ChangeRequest.objects.filter(pk=mail.facts["request"], status=ChangeRequest.Status.OPEN).exists()
        case Mail.Kind.REVIEW_OPEN:
            return BreakGlass.objects.filter(pk=mail.facts["opening"], reviewed_by__isnull=False).exists()
    return mail.person is not None and not mail.person.is_active and mail.kind not in Mail.ALWAYS


def _message(mail: Mail, text: MailText) -> EmailMessage:
    """Known by the same name at each try, so that a mailbox may keep one of two."""
    name = f"<signalbox.{installations.identity()}.{mail.pk}@{urlsplit(settings.BASE_URL).hostname}>"
    headers = {"Message-ID": name, "Auto-Submitted": "auto-generated"}
    return EmailMessage(text.subject, text.body, settings.MAIL_SENDER, [mail.address], headers=headers)


def _hand_over(message: EmailMessage) -> Trouble | None:
    server = mailers.default
    try:
        server.open()
    except (OSError, smtplib.SMTPException) as error:
        _part(server)
        return _at_the_door(error)
    try:
        server.send_messages([message])
    except (OSError, smtplib.SMTPException, ValueError) as error:
        return _on_the_way(error)
    finally:
        _part(server)
    return None


def _part(server: object) -> None:
    """Whatever it answers to that: the mail is taken, or it is not."""
    try:
        server.close()  # type: ignore[attr-defined]
    except (OSError, smtplib.SMTPException):
        logger.info("The mail server ended the connection by itself")


def _at_the_door(error: Exception) -> Trouble:
    """Before the mail was offered: the server, the way to it, or who signs in there."""
    reply = getattr(error, "smtp_code", None)
    match error:
        case smtplib.SMTPConnectError() | smtplib.SMTPServerDisconnected() | smtplib.SMTPHeloError():
            return Trouble(problem=Mail.Problem.AWAY, reply=reply)
        case smtplib.SMTPAuthenticationError():
            return Trouble(problem=Mail.Problem.NO_SIGN_IN, reply=reply)
        case smtplib.SMTPNotSupportedError():
            return Trouble(problem=Mail.Problem.LACKS, reply=reply)
        case smtplib.SMTPException() | ssl.SSLError():
            return Trouble(problem=Mail.Problem.NO_TLS, reply=reply)
    return Trouble(problem=Mail.Problem.AWAY, reply=reply)


def _on_the_way(error: Exception) -> Trouble:
    match error:
        case smtplib.SMTPRecipientsRefused():
            (reply, _), *_ = error.recipients.values()
            return Trouble(problem=_unless_later(reply, Mail.Problem.ADDRESS), reply=reply)
        case smtplib.SMTPSenderRefused():
            return Trouble(problem=_unless_later(error.smtp_code, Mail.Problem.SENDER), reply=error.smtp_code)
        case smtplib.SMTPResponseException():
            return Trouble(problem=_unless_later(error.smtp_code, Mail.Problem.CONTENT), reply=error.smtp_code)
        case ValueError():
            return Trouble(problem=Mail.Problem.ADDRESS)
    return Trouble(problem=Mail.Problem.BROKE_OFF)


def _unless_later(reply: int, problem: Mail.Problem) -> Mail.Problem:
    return Mail.Problem.LATER if reply in _TEMPORARY else problem


def _end(mail: Mail, status: Mail.Status) -> None:
    Mail.objects.filter(pk=mail.pk).update(status=status, ended_at=timezone.now(), problem="", reply=None)


def _note(mail: Mail, trouble: Trouble) -> None:
    Mail.objects.filter(pk=mail.pk).update(problem=trouble.problem, reply=trouble.reply)


@transaction.atomic
def _give_up(mail: Mail, trouble: Trouble) -> None:
    """Said on the pages of people and in the log: somebody was not told."""
    _note(mail, trouble)
    Mail.objects.filter(pk=mail.pk).update(status=Mail.Status.UNDELIVERED, ended_at=timezone.now())
    audit.record(
        audit.Event.MAIL_UNDELIVERED,
        by=SIGNALBOX,
        mail=mail.kind,
        name=mail.person.get_username() if mail.person else "",
        problem=trouble.problem.value,
        reply=trouble.reply,
    )


@contextmanager
def _alone() -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_SENDING_LOCK])
        (is_won,) = cursor.fetchone()
    try:
        yield is_won
    finally:
        if is_won:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_SENDING_LOCK])
