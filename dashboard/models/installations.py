"""This Signalbox among all that may work on one target."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q


class Installation(models.Model):
    """One row, made on first use. A restored copy of the control database keeps it: it is the same installation."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    identity = models.UUIDField(default=uuid.uuid4, editable=False)

    class Meta:
        constraints = [models.CheckConstraint(name="one_installation", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"installation {self.identity.hex}"
