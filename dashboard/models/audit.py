"""What anyone did. Append-only: a trigger refuses UPDATE, DELETE and TRUNCATE (migration 0001).

No foreign keys, so that deleting anything else never touches the log. Each row carries the hash of the row
before it; `services.audit_chain.verify` walks the chain.
"""

from __future__ import annotations

from django.db import models


class AuditEvent(models.Model):
    at = models.DateTimeField()
    kind = models.CharField(max_length=64)  # one of services.audit.Event
    actor = models.TextField()  # user name, or "signalbox" for what the system did by itself
    actor_id = models.BigIntegerField(null=True)
    environment = models.CharField(max_length=64, blank=True)
    request_id = models.BigIntegerField(null=True)
    run_id = models.BigIntegerField(null=True)
    source_ip = models.GenericIPAddressField(null=True)
    data = models.JSONField(default=dict)
    #: How many events the log has up to this one; null before there was a key.
    position = models.BigIntegerField(null=True, unique=True)
    #: Which key its hash was made with; empty for the plain hash of before there was one.
    key_id = models.CharField(max_length=16, blank=True, default="")
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["kind"]),
            models.Index(fields=["environment", "-id"]),
            models.Index(fields=["actor"]),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor} {self.kind}"


class RepeatedEvent(models.Model):
    """What happens so often that not each time is an event: the first of a window is one, and the rest is counted here
    until the window ends (services.repeats). No part of the log; rows go once they were summed up."""

    kind = models.CharField(max_length=64)  # one of services.audit.Event
    subject = models.TextField()  # what makes two of them the same
    actor = models.TextField()
    actor_id = models.BigIntegerField(null=True)
    data = models.JSONField(default=dict)
    since = models.DateTimeField()  # when the window began, with an event of its own
    count = models.PositiveIntegerField(default=0)  # of those after the first
    addresses = models.JSONField(default=list)  # where those came from, the first few

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "subject"], name="one_row_a_repeated_event")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}: {self.count} more"
