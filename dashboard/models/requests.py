"""A request asks to run one plan, known by its digest; decisions are what people answered."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from dashboard.models.plans import KeepsPlan


class ChangeRequest(KeepsPlan):
    class Status(models.TextChoices):
        OPEN = "open"  # waits for a decision
        APPROVED = "approved"  # may be run until it expires
        REJECTED = "rejected"  # an approver said no, with a reason
        EXPIRED = "expired"  # nobody decided, or nobody ran it, in time
        WITHDRAWN = "withdrawn"  # its requester took it back
        SUPERSEDED = "superseded"  # a file or the history changed, so the digest no longer holds
        DONE = "done"  # its run has ended

    TRANSITIONS: dict[str, frozenset[str]] = {
        Status.OPEN: frozenset({Status.APPROVED, Status.REJECTED, Status.EXPIRED, Status.WITHDRAWN, Status.SUPERSEDED}),
        Status.APPROVED: frozenset({Status.DONE, Status.EXPIRED, Status.WITHDRAWN, Status.SUPERSEDED}),
        Status.REJECTED: frozenset(),
        Status.EXPIRED: frozenset(),
        Status.WITHDRAWN: frozenset(),
        Status.SUPERSEDED: frozenset(),
        Status.DONE: frozenset(),
    }

    environment = models.CharField(max_length=64)
    action = models.CharField(max_length=16)  # engine.plan.Action
    status = models.CharField(max_length=16, choices=Status, default=Status.OPEN)
    title = models.CharField(max_length=200)
    reason = models.TextField(blank=True)
    digest = models.CharField(max_length=64)
    #: The digest of the rollback of exactly this plan; approving covers it too, for a while after the apply.
    rollback_digest = models.CharField(max_length=64, blank=True)
    #: Why it may be applied though no rollback of it was proven; empty where one was, or nobody asked for proof.
    irreversible_because = models.TextField(blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    #: Why it was closed by the system: which part of the plan changed.
    closed_because = models.TextField(blank=True)

    class Meta:
        db_table = "dashboard_request"
        ordering = ["-id"]
        indexes = [models.Index(fields=["status", "environment"])]
        constraints = [
            models.CheckConstraint(
                name="request_closed_when_final",
                condition=Q(status__in=["open", "approved"], closed_at__isnull=True)
                | Q(status__in=["rejected", "expired", "withdrawn", "superseded", "done"], closed_at__isnull=False),
            ),
            models.CheckConstraint(name="request_expires_later", condition=Q(expires_at__gt=F("requested_at"))),
        ]

    def __str__(self) -> str:
        return f"request {self.pk}: {self.title}"


class Decision(models.Model):
    class Verdict(models.TextChoices):
        APPROVED = "approved"
        REJECTED = "rejected"

    request = models.ForeignKey(ChangeRequest, on_delete=models.PROTECT, related_name="decisions")
    verdict = models.CharField(max_length=16, choices=Verdict)
    digest = models.CharField(max_length=64)  # what was on the page when the person decided
    reason = models.TextField(blank=True)
    #: What was proven then, as services.evidence.Evidence.to_rows gives it; null in rows from before it was kept.
    evidence = models.JSONField(null=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["request", "by"], name="one_decision_a_person")]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.by}"
