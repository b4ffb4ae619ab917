"""Answers that are kept for a while, so that a call that is sent twice does its deed once."""

from __future__ import annotations

from django.db import models

from dashboard.models.tokens import ApiToken


class IdempotentCall(models.Model):
    """One call with a key of its caller's. `status` is empty while it is being answered."""

    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)  # sha256 of verb, address and body
    begun_at = models.DateTimeField(db_index=True)
    status = models.PositiveIntegerField(null=True)
    content = models.TextField(blank=True, default="")
    headers = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["token", "key"], name="one_call_a_key")]

    def __str__(self) -> str:
        return f"{self.key} of {self.token_id}"
