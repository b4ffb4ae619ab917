"""A request asks to run one plan, known by its digest; decisions are what people answered."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from dashboard.models.plans import KeepsPlan
from dashboard.models.tokens import ApiToken


class ChangeRequest(KeepsPlan):
    class Status(models.TextChoices):
        OPEN = "open"  # waits for decisions
        APPROVED = "approved"  # by as many people as the policy asks for; may be run until it expires
        REJECTED = "rejected"  # an approver said no, with a reason
        EXPIRED = "expired"  # nobody decided, or nobody ran it, in time
        WITHDRAWN = "withdrawn"  # its requester took it back
        SUPERSEDED = "superseded"  # a file or the history changed, so the digest no longer holds
        DONE = "done"  # its run has ended

    TRANSITIONS: dict[str, frozenset[str]] = {
        Status.OPEN: frozenset(
            {
                *(Status.APPROVED, Status.REJECTED, Status.EXPIRED, Status.WITHDRAWN, Status.SUPERSEDED),
                Status.DONE,  # by break-glass
            }
        ),
        # OPEN again where the policy asks for more now, or an approver may not approve any more.
        Status.APPROVED: frozenset({Status.OPEN, Status.DONE, Status.EXPIRED, Status.WITHDRAWN, Status.SUPERSEDED}),
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
    #: The token it was asked for with; none where a person did so on a page.
    token = models.ForeignKey(ApiToken, null=True, on_delete=models.PROTECT, related_name="requests")
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    #: Why it was closed by the system: which part of the plan changed.
    closed_because = models.TextField(blank=True)
    #: It destroys something, or nobody could say that it does not, when it was last looked at.
    loses_data = models.BooleanField(default=False)
    #: A worker starts it then, in the name of who said so, and asks everything again first.
    start_at = models.DateTimeField(null=True)
    scheduled_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    #: What that person typed about the rows that would be lost.
    scheduled_word = models.CharField(max_length=32, blank=True, default="")
    #: Why the last scheduled start did not take place.
    not_started_because = models.TextField(blank=True, default="")

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
            models.CheckConstraint(
                name="request_schedule_who_and_when",
                condition=Q(start_at__isnull=True, scheduled_by__isnull=True)
                | Q(start_at__isnull=False, scheduled_by__isnull=False),
            ),
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


class Comment(models.Model):
    request = models.ForeignKey(ChangeRequest, on_delete=models.PROTECT, related_name="comments")
    text = models.TextField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    #: User names that stand in it behind an @.
    mentions = models.JSONField(default=list)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"comment {self.pk} on request {self.request_id}"


class BreakGlass(models.Model):
    """One person lets a request run without the approvals it needs; another one signs the review of that."""

    request = models.ForeignKey(ChangeRequest, on_delete=models.PROTECT, related_name="openings")
    digest = models.CharField(max_length=64)
    reason = models.TextField()
    #: What it was opened without: sentences about approvals, proof and time.
    lifted = models.JSONField(default=list)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    #: The run has to begin before.
    expires_at = models.DateTimeField()
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    reviewed_at = models.DateTimeField(null=True)
    review = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="break_glass_reviewed_by_another",
                condition=Q(reviewed_by__isnull=True, reviewed_at__isnull=True)
                | (Q(reviewed_by__isnull=False, reviewed_at__isnull=False) & ~Q(reviewed_by=F("by"))),
            ),
            models.CheckConstraint(name="break_glass_ends", condition=Q(expires_at__gt=F("at"))),
        ]

    def __str__(self) -> str:
        return f"break-glass {self.pk} for request {self.request_id}"
