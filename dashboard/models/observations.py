"""The last look at each target, so that pages never wait for one that does not answer."""

from __future__ import annotations

from django.db import models


class Observation(models.Model):
    environment = models.CharField(max_length=64, primary_key=True)
    tried_at = models.DateTimeField()
    ok = models.BooleanField()
    #: The last good look: engine.migration.History and identity as JSON; kept while the target is unreachable.
    seen_at = models.DateTimeField(null=True)
    history = models.JSONField(null=True)
    identity = models.JSONField(null=True)
    #: Why the last try failed: code, sentence, state_now, remedy.
    failure = models.JSONField(null=True)

    def __str__(self) -> str:
        return f"{self.environment}: {'ok' if self.ok else 'unreachable'}"
