"""How the schema of each environment stands, and what differs. Read from the control database alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet
from procrastinate.contrib.django.models import ProcrastinateJob

from dashboard.engine.schema import diff
from dashboard.engine.schema.diff import Difference
from dashboard.engine.schema.objects import SchemaSnapshot as Schema
from dashboard.models import DriftCheck
from dashboard.models.environments import Environment
from dashboard.selectors import leftovers
from dashboard.selectors.leftovers import LeftByRun

#: The task that looks; a job of it that waits or runs is a check under way.
CHECK_DRIFT = "check_drift"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftState:
    """`last` is the newest look, `seen` the newest that saw the schema; without their schemas."""

    last: DriftCheck | None = None
    seen: DriftCheck | None = None
    checking: bool = False

    @property
    def drifted(self) -> bool:
        return self.seen is not None and self.seen.outcome == DriftCheck.Outcome.DRIFTED

    @property
    def leftovers(self) -> tuple[LeftByRun, ...]:
        """What broken-off runs left half done."""
        return leftovers.kept(self.seen) if self.seen else ()


def states(environments: Sequence[Environment]) -> Mapping[str, DriftState]:
    """By slug, every one of them; the number of queries does not depend on how many they are."""
    slugs = [e.slug for e in environments]
    checks = DriftCheck.objects.filter(environment__in=slugs).select_related("by", "expected", "expected__run")
    checks = checks.select_related("expected__by").defer("found", "expected__schema", "expected__rows_written")
    checks = (
        checks.defer("expected__around", "expected__run__frozen_plan")
        .order_by("environment", "-id")
        .distinct("environment")
    )
    last = _by_slug(checks)
    newest = last
    if any(check.outcome == DriftCheck.Outcome.UNREACHABLE for check in last.values()):
        newest = _by_slug(_that_saw(checks))
    under_way = _under_way()
    return {s: DriftState(last=last.get(s), seen=newest.get(s), checking=s in under_way) for s in slugs}


def last_seen(environment: Environment) -> DriftCheck | None:
    """The newest look that saw the schema, with what was expected then."""
    checks = DriftCheck.objects.filter(environment=environment.slug).select_related("expected")
    return _that_saw(checks).order_by("-id").first()


def schema_of(check: DriftCheck) -> Schema:
    """What that look saw. Only the newest one still knows."""
    assert check.expected is not None, "a look that saw a schema compared it"
    return Schema.from_dict(check.found or check.expected.schema)


def changed_outside(check: DriftCheck) -> tuple[Difference, ...]:
    """The differences that no broken-off run left."""
    left = {leftover.key for leftover in leftovers.kept(check)}
    return tuple(d for d in differences(check) if d.key not in left)


def differences(check: DriftCheck) -> tuple[Difference, ...]:
    """What was expected against what that look saw."""
    if check.found is None:
        return ()
    assert check.expected is not None, "a look that saw a schema compared it"
    return diff.compare(Schema.from_dict(check.expected.schema), Schema.from_dict(check.found))


def _that_saw(checks: QuerySet[DriftCheck]) -> QuerySet[DriftCheck]:
    return checks.exclude(outcome=DriftCheck.Outcome.UNREACHABLE)


def _by_slug(checks: QuerySet[DriftCheck]) -> dict[str, DriftCheck]:
    return {check.environment: check for check in checks}


def _under_way() -> set[str]:
    jobs = ProcrastinateJob.objects.filter(task_name=CHECK_DRIFT, status__in=["todo", "doing"])
    return {args["environment"] for args in jobs.values_list("args", flat=True)}
