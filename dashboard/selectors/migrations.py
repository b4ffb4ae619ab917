"""One migration across runs, and a search through the folder."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from uuid import UUID

from django.db.models import Prefetch

from dashboard.engine.migration import Folder, MigrationId
from dashboard.models import Run, RunStep, environments
from dashboard.selectors.board import BoardRow

RUNS_SHOWN = 20
_ATTEMPT = re.compile("[0-9a-f]{32}")


def steps_of(migration: MigrationId, source: str) -> list[RunStep]:
    """The steps of the last runs that had this migration in them, newest first; those in environments of another source
    had another file of this name."""
    others = [e.slug for e in environments.all_environments() if e.source != source]
    steps = RunStep.objects.filter(**migration._asdict()).exclude(run__environment__in=others)
    steps = steps.select_related("run", "run__started_by")
    became = Prefetch("run__steps", RunStep.objects.only("run_id", "status"))
    return list(steps.defer("run__frozen_plan").prefetch_related(became).order_by("-run_id")[:RUNS_SHOWN])


def runs_by_id(ids: Collection[str], environment: str) -> dict[str, Run]:
    """The runs a tracking table names, by what names them there: the attempt, or in older rows the number.

    It may name those of another Signalbox, or of this one before its database was restored: a number alone is never
    taken for a run that writes its attempt.
    """
    attempts = [UUID(i) for i in ids if _ATTEMPT.fullmatch(i)]
    numbers = [int(i) for i in ids if i.isascii() and i.isdigit() and len(i) < 19]
    there = Run.objects.filter(environment=environment).only("pk", "environment", "attempt_id")
    by_number = {str(run.pk): run for run in there.filter(pk__in=numbers, attempt_id=None)}
    return by_number | {run.attempt_id.hex: run for run in there.filter(attempt_id__in=attempts) if run.attempt_id}


def containing(rows: Sequence[BoardRow], folder: Folder | None, words: str) -> tuple[BoardRow, ...]:
    """The rows whose number, name or SQL contains the words, in upper or lower case and however they are spaced."""
    wanted = _plain(words)
    texts = {m.identity: m.up.sql for m in folder.migrations} if folder else {}
    return tuple(
        row for row in rows if wanted in f"{row.label}.sql".casefold() or wanted in _plain(texts.get(row.identity, ""))
    )


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def last_failures(environment: str, labels: Collection[str]) -> dict[str, Run]:
    """For each of these migrations (`010_add_city`) the last run of the environment that failed in it."""
    failed = Run.objects.filter(environment=environment, status=Run.Status.FAILED, failure__version__in=list(labels))
    return {(run.failure or {})["version"]: run for run in failed.defer("frozen_plan").order_by("id")}


def last_run_of(environment: str, migration: MigrationId) -> Run | None:
    """The last run there that left something of this migration behind."""
    step = RunStep.objects.filter(run__environment=environment, **migration._asdict(), status=RunStep.Status.PARTIAL)
    left = step.select_related("run").defer("run__frozen_plan").order_by("-run_id").first()
    return left.run if left else None
