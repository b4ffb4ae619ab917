"""Requests as pages need them."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from django.contrib.auth.models import User
from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from dashboard.engine.plan import Plan
from dashboard.models import BreakGlass, ChangeRequest, Comment, Decision, Run, RunStep
from dashboard.models.roles import RANK, Role, role_of


class Tab(StrEnum):
    NEEDS_ME = "me"  # this person can decide on it, or run what they asked for
    OPEN = "open"  # somebody has to decide or run
    DONE = "done"  # nothing is left to do


def waiting_for(user: User, *, barred: Collection[int] = ()) -> QuerySet[ChangeRequest]:
    """Open requests this person may decide on: not their own, and none that they have approved already. `barred`: those
    on which an approval of theirs would not count."""
    role = role_of(user)
    if role is None or RANK[role] < RANK[Role.APPROVER]:
        return ChangeRequest.objects.none()
    open_ones = ChangeRequest.objects.filter(status=ChangeRequest.Status.OPEN).exclude(requested_by=user)
    open_ones = open_ones.exclude(token__made_by=user)
    return open_ones.exclude(pk__in=Decision.objects.filter(by=user).values("request")).exclude(pk__in=barred)


def unreviewed() -> list[BreakGlass]:
    """Times that one person let something run alone, which nobody else has signed yet."""
    waiting = BreakGlass.objects.filter(reviewed_by__isnull=True)
    return list(waiting.select_related("by", "request").order_by("id"))


def queue(tab: Tab, user: User, *, barred: Collection[int] = ()) -> QuerySet[ChangeRequest]:
    """The requests of one tab, newest first."""
    became = Prefetch("steps", RunStep.objects.only("run_id", "status"))
    ran = Prefetch("runs", Run.objects.select_related("started_by").defer("frozen_plan").prefetch_related(became))
    return _in(tab, user, barred).select_related("requested_by").prefetch_related(ran).order_by("-id")


def counts(user: User, *, barred: Collection[int] = ()) -> dict[Tab, int]:
    """How many stand in each of the tabs that ask for something."""
    return {tab: queue(tab, user, barred=barred).count() for tab in (Tab.NEEDS_ME, Tab.OPEN)}


def detailed(pk: int) -> ChangeRequest:
    """With its decisions, comments, openings of the glass and runs. Raises Request.DoesNotExist."""
    became = Prefetch("steps", RunStep.objects.only("run_id", "status"))
    return (
        ChangeRequest.objects.select_related("requested_by", "scheduled_by", "token")
        .prefetch_related(
            Prefetch("comments", Comment.objects.select_related("by")),
            Prefetch("openings", BreakGlass.objects.select_related("by", "reviewed_by")),
            Prefetch("decisions", Decision.objects.select_related("by")),
            Prefetch("runs", Run.objects.select_related("started_by").prefetch_related(became).order_by("id")),
        )
        .get(pk=pk)
    )


def listed() -> QuerySet[ChangeRequest]:
    """Newest first, with their decisions and the numbers of their runs, and without their plans."""
    decided = Prefetch("decisions", Decision.objects.select_related("by"))
    ran = Prefetch("runs", Run.objects.only("request_id").order_by("id"))
    rows = ChangeRequest.objects.select_related("requested_by").defer("frozen_plan")
    return rows.prefetch_related(decided, ran).order_by("-id")


def open_for(plan: Plan) -> ChangeRequest | None:
    """The newest one that asks for exactly this plan, and is neither decided nor out of time."""
    same = ChangeRequest.objects.filter(environment=plan.environment, digest=plan.digest)
    return same.filter(status=ChangeRequest.Status.OPEN, expires_at__gt=timezone.now()).order_by("-id").first()


def own_run(request: ChangeRequest) -> Run | None:
    """The last run that it was asked for, of those fetched with it; not the rollback that its approval covers too."""
    own = [run for run in request.runs.all() if run.action == request.action]
    return max(own, key=lambda run: run.pk, default=None)


def has_expired(request: ChangeRequest) -> bool:
    """Its time ran out, which nobody has recorded yet, and no run of it is under way. With its runs fetched."""
    is_over = request.closed_at is None and request.expires_at <= timezone.now()
    return is_over and not any(run.is_active for run in request.runs.all())


def _in(tab: Tab, user: User, barred: Collection[int]) -> QuerySet[ChangeRequest]:
    match tab:
        case Tab.NEEDS_ME:
            return waiting_for(user, barred=barred) | _ready_to_run(user)
        case Tab.OPEN:
            return ChangeRequest.objects.filter(closed_at__isnull=True)
        case Tab.DONE:
            return ChangeRequest.objects.filter(closed_at__isnull=False)


def _ready_to_run(user: User) -> QuerySet[ChangeRequest]:
    return ChangeRequest.objects.filter(status=ChangeRequest.Status.APPROVED, requested_by=user)
