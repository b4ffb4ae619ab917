"""A row that keeps a plan."""

from __future__ import annotations

from functools import cached_property

from django.db import models

from dashboard.engine.plan import Plan


class KeepsPlan(models.Model):
    """`frozen_plan` is what the database holds, `plan` the engine's value, read once for each row."""

    frozen_plan = models.JSONField(db_column="plan")  # engine.plan.Plan.to_dict()

    class Meta:
        abstract = True

    @cached_property
    def plan(self) -> Plan:
        return Plan.from_dict(self.frozen_plan)
