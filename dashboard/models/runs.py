"""A run: one recorded execution of a plan, its steps and their statements.

The row with its lease is the truth about a run; the queue's job only wakes a worker.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from dashboard.engine.migration import MigrationId
from dashboard.models.plans import KeepsPlan
from dashboard.models.requests import BreakGlass, ChangeRequest
from dashboard.models.tokens import ApiToken


class Run(KeepsPlan):
    class Status(models.TextChoices):
        QUEUED = "queued"  # waits for a worker
        RUNNING = "running"  # a worker holds its lease
        SUCCEEDED = "succeeded"  # every step committed
        FAILED = "failed"  # a step failed; the steps before it are committed
        CANCELLED = "cancelled"  # a person stopped it
        INTERRUPTED = "interrupted"  # its worker is gone; what committed is being found out
        RESOLVED = "resolved"  # found out after an interruption
        UNPROVEN = "unproven"  # a person ended it after an interruption; what it committed was never proven

    TRANSITIONS: dict[str, frozenset[str]] = {
        Status.QUEUED: frozenset({Status.RUNNING, Status.CANCELLED}),
        Status.RUNNING: frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.INTERRUPTED}),
        Status.INTERRUPTED: frozenset({Status.RESOLVED, Status.UNPROVEN}),
        Status.SUCCEEDED: frozenset(),
        Status.FAILED: frozenset(),
        Status.CANCELLED: frozenset(),
        Status.RESOLVED: frozenset(),
        Status.UNPROVEN: frozenset(),
    }
    #: While a run is in one of these, no other run of its environment starts.
    ACTIVE = frozenset({Status.QUEUED, Status.RUNNING, Status.INTERRUPTED})

    environment = models.CharField(max_length=64)
    action = models.CharField(max_length=16)  # engine.plan.Action
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    title = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)
    #: The request whose approval covers this run; empty where the environment asks for none.
    request = models.ForeignKey(ChangeRequest, null=True, on_delete=models.PROTECT, related_name="runs")
    #: What lets it run without the approvals of that request.
    break_glass = models.ForeignKey(BreakGlass, null=True, on_delete=models.PROTECT, related_name="runs")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    #: The token it was started with; none where a person did so on a page.
    token = models.ForeignKey(ApiToken, null=True, on_delete=models.PROTECT, related_name="runs")
    #: When an answer to that token, or to the one that asked for its request, said how it ended.
    told_at = models.DateTimeField(null=True)
    source_ip = models.GenericIPAddressField(null=True)
    queued_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    #: Fence: raised each time a worker (or the resolver) takes the run; a stale number may write nothing.
    attempt = models.PositiveIntegerField(default=0)
    #: Made anew each time a worker takes the run, so it never repeats, not even in a restored control database whose
    #: next run has a number that a target knows already. Empty for runs of before there was one.
    attempt_id = models.UUIDField(null=True, unique=True)
    #: The installation whose worker has taken it. Another one, as a copy of the control database is, only reads what
    #: the attempt did. Empty for a run that was not taken yet, or was taken before this was kept.
    installation = models.UUIDField(null=True)
    #: The tracking schema that the attempt writes to, whatever the settings say later.
    tracking_schema = models.CharField(max_length=63, blank=True, default="")
    #: The worker has won the target lock and confirmed under it that the run is still its own. While this is empty,
    #: nothing was sent.
    began_at = models.DateTimeField(null=True)
    #: The log in its target as it was then, by its oid: one that was made anew since tells nothing of this run.
    log_number = models.BigIntegerField(null=True)
    lease_until = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    cancel_requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    #: Who ended it without proof of what it committed, and what that person has found out.
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    ended_because = models.TextField(blank=True, default="")
    #: engine failure as told by services.recorder: code, sentence, state_now, remedy, and the server's facts.
    failure = models.JSONField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["environment", "status"])]
        constraints = [
            models.UniqueConstraint(
                fields=["environment"],
                condition=Q(status__in=["queued", "running", "interrupted"]),
                name="one_active_run_an_environment",
            ),
            models.CheckConstraint(
                name="run_cancel_who_and_when",
                condition=Q(cancel_requested_at__isnull=True, cancel_requested_by__isnull=True)
                | Q(cancel_requested_at__isnull=False, cancel_requested_by__isnull=False),
            ),
            models.CheckConstraint(
                name="run_unproven_says_who",
                condition=Q(status="unproven", ended_by__isnull=False)
                | (~Q(status="unproven") & Q(ended_by__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.pk}: {self.title}"

    @property
    def is_active(self) -> bool:
        return self.status in self.ACTIVE

    @property
    def is_unheard_of(self) -> bool:
        """Whether its worker has let its lease run out: nobody knows whether it goes on."""
        over = self.lease_until is not None and self.lease_until < timezone.now()
        return self.status == self.Status.RUNNING and over

    @property
    def step_statuses(self) -> frozenset[str]:
        """What its steps became. Selectors that give runs for lists fetch them beforehand."""
        return frozenset(step.status for step in self.steps.all())


class RunStep(models.Model):
    class Status(models.TextChoices):
        WAITING = "waiting"  # not begun
        RUNNING = "running"
        COMMITTED = "committed"  # its work and its tracking row are committed
        FAILED = "failed"  # PostgreSQL undid it; nothing of it remains
        PARTIAL = "partial"  # it ran outside a transaction, and something of it remains
        CANCELLED = "cancelled"  # stopped by a person; nothing of it remains
        NOT_RUN = "not_run"  # an earlier step ended the run
        UNKNOWN = "unknown"  # the answer to COMMIT never came

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveIntegerField()
    action = models.CharField(max_length=16)  # engine.plan.Action
    version = models.TextField()
    name = models.TextField()
    status = models.CharField(max_length=16, choices=Status, default=Status.WAITING)
    statements_total = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    duration_ms = models.PositiveIntegerField(null=True)
    #: Times it was undone and begun again because of a lock or a deadlock; the last reason.
    retries = models.PositiveIntegerField(default=0)
    retry_reason = models.TextField(blank=True)
    #: Sessions it waits for just now, or waited for when it ended in that, as sentences.
    blockers = models.JSONField(default=list)
    #: How far the statement is that runs just now, as PostgreSQL tells of an index build or a rewrite; a sentence.
    progress = models.TextField(blank=True, default="")
    #: engine.events.Copied: rows it saved before its first statement, or brought back.
    copied = models.JSONField(default=list)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["run", "position"], name="one_step_a_position")]

    def __str__(self) -> str:
        return f"{self.action} {self.identity.label}"

    @property
    def identity(self) -> MigrationId:
        return MigrationId(self.version, self.name)


class RunStatement(models.Model):
    class Status(models.TextChoices):
        RUNNING = "running"
        OK = "ok"
        FAILED = "failed"

    class Outcome(models.TextChoices):
        RUNNING = "running"
        OK = "ok"
        FAILED = "failed"
        STOPPED = "stopped"  # by a person
        UNDONE = "undone"  # with the transaction of its step
        UNKNOWN = "unknown"  # its worker was lost

    step = models.ForeignKey(RunStep, on_delete=models.CASCADE, related_name="statements")
    number = models.PositiveIntegerField()
    line = models.PositiveIntegerField()
    summary = models.TextField()
    status = models.CharField(max_length=16, choices=Status, default=Status.RUNNING)
    tag = models.TextField(blank=True)  # the server's command tag, e.g. "INSERT 0 3"
    duration_ms = models.PositiveIntegerField(null=True)
    notices = models.JSONField(default=list)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["step", "number"], name="one_statement_a_number")]

    def __str__(self) -> str:
        return f"{self.number}: {self.summary}"

    def outcome_in(self, step: RunStep) -> Outcome:
        """What its step became outweighs what was told of the statement while it ran: a transaction that failed has
        undone all of it, and a worker that is lost leaves the last word unsaid."""
        undone = step.status in {RunStep.Status.FAILED, RunStep.Status.CANCELLED}
        match self.status:
            case self.Status.FAILED if step.status == RunStep.Status.CANCELLED:
                return self.Outcome.STOPPED
            case self.Status.OK | self.Status.RUNNING if undone:
                return self.Outcome.UNDONE
            case self.Status.RUNNING if step.status == RunStep.Status.COMMITTED:
                return self.Outcome.OK
            case self.Status.RUNNING if step.status != RunStep.Status.RUNNING:
                return self.Outcome.UNKNOWN
            case _:
                return self.Outcome(self.status)
