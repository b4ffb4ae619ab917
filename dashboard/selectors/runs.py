"""Runs as pages need them."""

from __future__ import annotations

from django.db.models import Count, F, Prefetch, QuerySet, Window
from django.db.models.functions import RowNumber

from dashboard.models import Run, RunStatement, RunStep

#: Statements of one step that a page lists: while it runs, and once it has ended. The log file has all of them.
SHOWN_LIVE = 20
SHOWN = 500


def recent(*, environment: str = "", status: str = "") -> QuerySet[Run]:
    """Newest first, with what their steps became."""
    became = Prefetch("steps", RunStep.objects.only("run_id", "status"))
    runs = Run.objects.select_related("started_by", "request").prefetch_related(became)
    if environment:
        runs = runs.filter(environment=environment)
    if status:
        runs = runs.filter(status=status)
    return runs.order_by("-id")


def listed() -> QuerySet[Run]:
    """Newest first, with their steps and without their plans."""
    return Run.objects.select_related("started_by").defer("frozen_plan").prefetch_related("steps").order_by("-id")


def detailed(pk: int) -> Run:
    """Raises Run.DoesNotExist."""
    people = ("started_by", "cancel_requested_by", "ended_by", "break_glass__by", "break_glass__reviewed_by")
    return Run.objects.select_related("request", *people).get(pk=pk)


def steps(run: Run) -> list[RunStep]:
    """In order, each with `said` (how many statements it has) and `latest` (the last of them, in order)."""
    shown = SHOWN_LIVE if run.is_active else SHOWN
    from_end = Window(RowNumber(), partition_by=F("step_id"), order_by=F("number").desc())
    latest = RunStatement.objects.annotate(from_end=from_end).filter(from_end__lte=shown).order_by("number")
    return list(
        run.steps.annotate(said=Count("statements"))
        .order_by("position")
        .prefetch_related(Prefetch("statements", latest, to_attr="latest"))
    )


def whole_log(run: Run) -> list[RunStep]:
    """As `steps`, with every statement."""
    return list(
        run.steps.annotate(said=Count("statements"))
        .order_by("position")
        .prefetch_related(Prefetch("statements", RunStatement.objects.order_by("number"), to_attr="latest"))
    )
