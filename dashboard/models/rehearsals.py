"""Rehearsals: a plan run on a throw-away database, as evidence for the people who decide on its digest."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from dashboard.models.plans import KeepsPlan


class Rehearsal(KeepsPlan):
    class Status(models.TextChoices):
        QUEUED = "queued"  # waits for a worker
        RUNNING = "running"
        DONE = "done"  # it was carried out; `passed` says with what result
        FAILED = "failed"  # it could not be carried out: `failure` says why, and nothing is known of the plan

    environment = models.CharField(max_length=64)
    action = models.CharField(max_length=16)  # engine.plan.Action
    digest = models.CharField(max_length=64)  # of the plan: evidence counts for this digest only
    title = models.CharField(max_length=200)
    origin = models.CharField(max_length=16)  # engine.rehearsal.report.Origin
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    #: While running: a worker that has not renewed it by this moment counts as gone.
    lease_until = models.DateTimeField(null=True)
    #: The last migration of the target's history that the plan was computed from; empty for an empty history.
    history_head = models.TextField(blank=True)
    #: Major versions of the target and of the server it was rehearsed on; evidence counts only while they agree.
    target_major = models.PositiveIntegerField(null=True)
    server_major = models.PositiveIntegerField(null=True)
    report = models.JSONField(null=True)  # engine.rehearsal.report.Report
    #: What it would hold up on the target as that was then: label, level and sentences of each script.
    risks = models.JSONField(default=list)
    passed = models.BooleanField(null=True)
    reversible = models.BooleanField(null=True)
    failure = models.JSONField(null=True)  # code, sentence, state_now, remedy
    expires_at = models.DateTimeField(null=True)  # set at the end: no evidence after that

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["environment", "digest"]), models.Index(fields=["status"])]
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "digest"],
                condition=models.Q(status__in=["queued", "running"]),
                name="one_active_rehearsal_a_digest",
            ),
        ]

    def __str__(self) -> str:
        return f"rehearsal {self.pk}: {self.title}"
