"""Mails that wait to be sent, and what became of those that did; and what each person wants to be told by mail."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class Mail(models.Model):
    """One mail to one address. Its words are made when it is sent: no row holds a text, a link or a secret."""

    class Kind(models.TextChoices):
        APPROVAL_WANTED = "approval_wanted"  # a request waits for this person
        MENTIONED = "was_mentioned"  # in a comment
        DECIDED = "request_decided"  # their request was approved, rejected or voided
        RUN_FAILED = "own_run_failed"  # a run of theirs failed or did not begin
        GLASS = "glass_broken"  # somebody let something run alone
        REVIEW_OPEN = "review_open"  # and nobody has signed that yet
        ACCOUNT = "account_changed"  # what they sign in with, or may do
        LINK = "one_time_link"  # lets them choose a password
        AUDIT_HEAD = "audit_head"  # the newest event of the log, for a mailbox that keeps it

    class Status(models.TextChoices):
        WAITING = "mail_waiting"  # to be tried, or to be tried again
        SENT = "mail_sent"  # the server has taken it
        UNDELIVERED = "mail_undelivered"  # refused for good, or tried for a day
        NEEDLESS = "mail_needless"  # what it would have told is over

    class Problem(models.TextChoices):
        """How the last try ended. Nothing that the server said is kept: it may say anything."""

        AWAY = "server_away"  # nobody answered, or it answered too late
        LACKS = "server_lacks"  # it offers no encryption, or no way to sign in
        NO_TLS = "server_without_tls"  # encryption was offered and did not come about
        NO_SIGN_IN = "server_refused_sign_in"
        SENDER = "server_refused_sender"
        BROKE_OFF = "server_broke_off"  # in the middle of the mail
        LATER = "server_said_later"  # greylisting, a full mailbox
        ADDRESS = "server_refused_address"
        CONTENT = "server_refused_content"
        WORDING = "wording_failed"  # no server was asked: what it should say could not be put into words

    #: What nobody can switch off.
    ALWAYS = frozenset({Kind.GLASS, Kind.REVIEW_OPEN, Kind.ACCOUNT, Kind.LINK, Kind.AUDIT_HEAD})

    kind = models.CharField(max_length=24, choices=Kind)
    #: Empty for a mailbox that is nobody's.
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="mails")
    address = models.EmailField()
    #: What it tells of: names, numbers and the kind of the event.
    facts = models.JSONField(default=dict)
    status = models.CharField(max_length=24, choices=Status, default=Status.WAITING)
    queued_at = models.DateTimeField()
    next_try_at = models.DateTimeField()
    tries = models.PositiveIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=24, choices=Problem, blank=True, default="")
    #: What the server answered last, as a number; null where it answered nothing.
    reply = models.PositiveIntegerField(null=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["status", "next_try_at"])]
        constraints = [
            models.CheckConstraint(
                name="mail_ended_when_final",
                condition=Q(status="mail_waiting", ended_at__isnull=True)
                | (~Q(status="mail_waiting") & Q(ended_at__isnull=False)),
            ),
            models.CheckConstraint(name="mail_tried_later", condition=Q(next_try_at__gte=F("queued_at"))),
        ]

    def __str__(self) -> str:
        return f"mail {self.pk}: {self.kind}"


class Unwanted(models.Model):
    """A kind of mail that a person does not want."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="unwanted_mails")
    kind = models.CharField(max_length=24, choices=Mail.Kind)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "kind"], name="unwanted_once")]

    def __str__(self) -> str:
        return f"{self.person_id} does not want {self.kind}"
