"""Rehearsals as evidence and as pages need them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.db.models import QuerySet
from django.utils import timezone

from dashboard.engine import planner
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Action, Plan
from dashboard.engine.rehearsal.report import Proof, Report
from dashboard.models import Rehearsal

ACTIVE = frozenset({Rehearsal.Status.QUEUED, Rehearsal.Status.RUNNING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What rehearsals say of one plan."""

    latest: Rehearsal | None = None  # whatever became of it
    done: Rehearsal | None = None  # the last that was carried out

    @property
    def proof(self) -> Rehearsal | None:
        """The one that counts: the last that was carried out, if it passed and still holds."""
        return self.done if self.done and counts(self.done) else None

    @property
    def under_way(self) -> Rehearsal | None:
        return self.latest if self.latest and self.latest.status in ACTIVE else None


def detailed(pk: int) -> Rehearsal:
    """Raises Rehearsal.DoesNotExist."""
    return Rehearsal.objects.select_related("asked_by").get(pk=pk)


def of_plan(plan: Plan) -> Known:
    """Copying rows away first changes nothing of what a rehearsal shows."""
    digest = plan.without_saving().digest
    rows = Rehearsal.objects.filter(environment=plan.environment, digest=digest)
    return Known(latest=rows.first(), done=rows.filter(status=Rehearsal.Status.DONE).first())


def proving(rollback: Plan) -> Rehearsal | None:
    """A rehearsal that saw this rollback restore the schema: that of the apply that it takes back; or its own, where
    applying it again afterwards led to the same schema."""
    own = of_plan(rollback).proof
    if own and (report := report_of(own)) and all(proof.repeatable for proof in report.proofs):
        return own
    return next((r for r in _reversible(rollback.environment) if _proves(r, rollback)), None)


def changing_nothing(plan: Plan) -> tuple[Proof, ...]:
    """Those of its migrations that left everything as it was when it was last rehearsed, however long ago."""
    done = of_plan(plan).done if plan.action is Action.APPLY else None
    report = report_of(done) if done else None
    return tuple(proof for proof in report.proofs if proof.changes_nothing) if report else ()


def report_of(rehearsal: Rehearsal) -> Report | None:
    """What it found; None before its end, and where an earlier release kept it in another shape."""
    try:
        return Report.from_dict(rehearsal.report or {})
    except (KeyError, TypeError, ValueError):
        return None


def counts(rehearsal: Rehearsal) -> bool:
    return bool(rehearsal.passed and not is_expired(rehearsal) and same_major(rehearsal) and _is_whole(rehearsal))


def _is_whole(rehearsal: Rehearsal) -> bool:
    """Each migration of the plan is proven, by the report itself."""
    report = report_of(rehearsal)
    if report is None or not report.passed:
        return False
    proven = {proof.identity for proof in report.proofs}
    return all(MigrationId(step["version"], step["name"]) in proven for step in rehearsal.frozen_plan["steps"])


def is_expired(rehearsal: Rehearsal) -> bool:
    return rehearsal.expires_at is None or rehearsal.expires_at <= timezone.now()


def same_major(rehearsal: Rehearsal) -> bool:
    """Another major version knows other statements and takes other locks."""
    return rehearsal.target_major is not None and rehearsal.target_major == rehearsal.server_major


def of_migration(migration: MigrationId) -> dict[str, Rehearsal]:
    """By environment the last that was carried out of an apply with this migration in it."""
    step = [migration._asdict()]
    done = Rehearsal.objects.filter(
        status=Rehearsal.Status.DONE, action=Action.APPLY, frozen_plan__steps__contains=step
    )
    newest = done.defer("frozen_plan").order_by("environment", "-id").distinct("environment")
    return {rehearsal.environment: rehearsal for rehearsal in newest}


def _reversible(environment: str) -> QuerySet[Rehearsal]:
    """Applies whose rollbacks were seen to restore the schema."""
    return Rehearsal.objects.filter(
        environment=environment,
        action=Action.APPLY,
        passed=True,
        reversible=True,
        expires_at__gt=timezone.now(),
    )


def _proves(rehearsal: Rehearsal, rollback: Plan) -> bool:
    """Each migration was taken back in its place, so whatever takes back only the last of them is proven too."""
    inverse = planner.inverse(rehearsal.plan)
    if inverse is None or not same_major(rehearsal) or not _is_whole(rehearsal):
        return False
    shorter = replace(inverse, steps=inverse.steps[: len(rollback.steps)])
    return shorter.digest == rollback.without_saving().digest
