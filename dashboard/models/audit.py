"""What anyone did. Append-only: a trigger refuses UPDATE, DELETE and TRUNCATE (migration 0001).

No foreign keys, so that deleting anything else never touches the log. Each row carries the hash of the row
before it; `services.audit.verify` walks the chain.
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
