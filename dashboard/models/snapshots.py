"""Schemas of targets at moments, and what the checks for drift found."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from dashboard.models.runs import Run


class Snapshot(models.Model):
    """A schema as it was: after a run, when someone looked first, or when a person accepted what they found."""

    class Reason(models.TextChoices):
        RUN = "run"  # right after a run: what the migrations made
        FIRST = "first"  # the first look at this environment; nothing is known of how it came to be
        ACCEPTED = "accepted"  # an administrator said that the schema as found is right; by nobody, Signalbox's rights

    environment = models.CharField(max_length=64)
    reason = models.CharField(max_length=16, choices=Reason)
    taken_at = models.DateTimeField()
    run = models.ForeignKey(Run, null=True, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    fingerprint = models.CharField(max_length=64)
    schema = models.JSONField()  # engine.schema.objects.SchemaSnapshot
    #: Rows ever written, by table, as the server's statistics count them: what was written since is the difference.
    rows_written = models.JSONField(default=dict)
    #: When those statistics began, as the server says; another moment makes the numbers incomparable.
    counted_since = models.TextField(blank=True)
    #: Of a run: what was otherwise than expected when it began (`before`) and when it had ended (`after`), key to text,
    #: null where an object was not there. Null where nobody looked right then, so that changes by hand may be in it.
    around = models.JSONField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["environment", "-id"])]

    def __str__(self) -> str:
        return f"{self.environment} {self.taken_at:%Y-%m-%d %H:%M:%S} ({self.reason})"


class DriftCheck(models.Model):
    """One look for changes that were made outside Signalbox. Looks that found the same drift share its `since`."""

    class Outcome(models.TextChoices):
        CLEAN = "clean"
        HALF_DONE = "half_done"  # nothing differs but what broken-off runs left half done
        DRIFTED = "drifted"
        UNREACHABLE = "unreachable"  # `failure` says why

    environment = models.CharField(max_length=64)
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=16, choices=Outcome)
    expected = models.ForeignKey(Snapshot, null=True, on_delete=models.PROTECT, related_name="checks")
    found = models.JSONField(null=True)  # the schema as found, where it differed; only the newest look keeps it
    differing = models.PositiveIntegerField(default=0)  # objects that were changed outside Signalbox
    leftovers = models.JSONField(default=list)  # selectors.leftovers.LeftByRun, each one an object more that differs
    since = models.DateTimeField(null=True)  # when this drift was found first
    fingerprint = models.CharField(max_length=64, blank=True)
    failure = models.JSONField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["environment", "-id"])]

    def __str__(self) -> str:
        return f"{self.environment} {self.at:%Y-%m-%d %H:%M:%S}: {self.outcome}"
