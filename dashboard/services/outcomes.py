"""What became of what a token asked for, for a caller that went away with "later" and asks again."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils import timezone

from dashboard.engine.plan import Action, Plan
from dashboard.models import ChangeRequest, Decision, Run, RunStep
from dashboard.models.environments import Environment
from dashboard.models.tokens import ApiToken
from dashboard.services.errors import NotNow


def rejection(plan: Plan, token: ApiToken) -> Decision | None:
    """Why people did not want exactly this plan, where that is the last word on what this token asked for."""
    asked = ChangeRequest.objects.filter(environment=plan.environment, digest=plan.digest, token=token)
    newest = asked.order_by("-id").first()
    if newest is None or newest.status != ChangeRequest.Status.REJECTED:
        return None
    return newest.decisions.select_related("by", "request").filter(verdict=Decision.Verdict.REJECTED).last()


def standing(plan: Plan, token: ApiToken) -> Run | None:
    """The last run of exactly this plan, where it has ended and the same call is no word that it is to run again: it
    failed, whoever started it, or it succeeded for this token and no answer has said so."""
    newest = Run.objects.filter(environment=plan.environment, digest=plan.digest).order_by("-id").first()
    if newest is None or newest.is_active:
        return None
    if not is_committed(newest) and not _was_too_early(newest):
        return newest
    return _unless_told(_of(token).filter(pk=newest.pk))


def untold_rollback(environment: Environment, version: str, token: ApiToken) -> Run | None:
    """The last rollback of that version, likewise; for a version that is not applied, so that no plan can be made."""
    steps = Q(action=Action.ROLLBACK, steps__version=version)
    return _unless_told(_of(token).filter(steps, environment=environment.slug))


def tell(run: Run) -> None:
    """Record that an answer has said how it ended; the next call may begin another one."""
    Run.objects.filter(pk=run.pk, told_at=None).update(told_at=timezone.now())


def is_committed(run: Run) -> bool:
    """Also where that was found out only after its worker was lost."""
    if run.status == Run.Status.RESOLVED:
        return {step.status for step in run.steps.all()} == {RunStep.Status.COMMITTED}
    return run.status == Run.Status.SUCCEEDED


def _was_too_early(run: Run) -> bool:
    """Nothing ran, only because of the clock or of the order of environments."""
    return (run.failure or {}).get("code") == NotNow.code


def _of(token: ApiToken) -> QuerySet[Run]:
    """What it started, and what people started that it had asked for."""
    return Run.objects.filter(Q(token=token) | Q(request__token=token))


def _unless_told(runs: QuerySet[Run]) -> Run | None:
    newest = runs.order_by("-id").first()
    return None if newest is None or newest.is_active or newest.told_at else newest
