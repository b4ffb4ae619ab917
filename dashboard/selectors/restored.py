"""Did a rollback leave the schema as it was before the apply that it undid, and who made what differs?

Told from the snapshots that are kept around each run: what it found, and what it left. Whatever changed between two
runs, or in another run, came from elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise

from django.conf import settings
from django.utils import timezone

from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Action
from dashboard.engine.schema import diff
from dashboard.engine.schema.diff import Change, Difference
from dashboard.engine.schema.objects import SchemaSnapshot as Schema
from dashboard.models import DriftCheck, Run, RunStep, Snapshot

#: A worker looks at the schema right after a run. Longer than this after it, it will not.
SOON = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedBy:
    """Who changed an object beside the runs that applied and rolled back: other runs, or hands."""

    runs: tuple[Run, ...] = ()
    by_hand: bool = False
    accepted_by: str = ""  # who said of a change by hand that it is right


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """`applied` is the run that was undone; `since` the first migration of it.

    `differences` are what the scripts left, `elsewhere` what they never touched. `origins` says of each object that
    somebody else changed who that was. `unseen` are runs around which nobody looked: what was changed by hand then
    counts as theirs.
    """

    applied: Run
    since: str
    differences: tuple[Difference, ...]
    elsewhere: tuple[Difference, ...] = ()
    origins: Mapping[str, ChangedBy] = field(default_factory=dict)
    unseen: tuple[Run, ...] = ()


def compared(run: Run) -> Restored | None:
    """None where nothing can be compared: a run that does something else, one that was not the whole way back to a
    moment that was seen, or snapshots that no longer hold their schema."""
    after = Snapshot.objects.filter(run=run).first() if _rolled_back(run) else None
    oldest = run.steps.order_by("-position").first()
    first = _first_applied(run, oldest) if after and oldest else None
    made = Snapshot.objects.filter(run=first.run).first() if first else None
    before = _before(made) if made else None
    if first is None or made is None or before is None or after is None or not (before.schema and after.schema):
        return None
    was_seen = made.around is not None and after.around is not None
    ends = _interval(before, made, exact=was_seen).found, _interval(before, after, exact=was_seen).left
    differences = tuple(d for d in diff.compare(*(Schema(objects=end) for end in ends)) if not _is_ours(d))
    intervals = _intervals(before, after, exact=was_seen) if differences else ()
    ours = _own_runs(first.run, run)
    touched = {d.key for d in differences if _touched(d.key, intervals, ours)}
    origins = {d.key: _origin(d.key, intervals, ours) for d in differences}
    return Restored(
        applied=first.run,
        since=first.version,
        differences=tuple(d for d in differences if d.key in touched),
        elsewhere=tuple(d for d in differences if d.key not in touched),
        origins={key: origin for key, origin in origins.items() if origin != ChangedBy()},
        unseen=tuple(interval.run for interval in intervals if interval.run and not interval.was_seen),
    )


def is_awaited(run: Run) -> bool:
    """It ended just now, and the look that follows it has not come yet."""
    if not _rolled_back(run) or run.finished_at is None or timezone.now() - run.finished_at > SOON:
        return False
    return not DriftCheck.objects.filter(environment=run.environment, at__gte=run.finished_at).exists()


def _rolled_back(run: Run) -> bool:
    return run.action == Action.ROLLBACK and run.status in {Run.Status.SUCCEEDED, Run.Status.RESOLVED}


# Which runs are compared

_LEFT_SOMETHING = (RunStep.Status.COMMITTED, RunStep.Status.PARTIAL)


def _first_applied(run: Run, oldest: RunStep) -> RunStep | None:
    """The step that applied it, or the first of several that did, if its run did nothing before it: only then the
    moment before was seen."""
    earlier = RunStep.objects.filter(
        run__environment=run.environment,
        run_id__lt=run.pk,
        version=oldest.version,
        name=oldest.name,
        status__in=_LEFT_SOMETHING,
    )
    first: RunStep | None = None
    for step in earlier.select_related("run").order_by("-run_id"):
        is_apply = step.action == Action.APPLY
        if first is None and is_apply and step.status == RunStep.Status.COMMITTED:
            first = step
        elif first is not None and is_apply and step.status == RunStep.Status.PARTIAL:
            first = step  # it broke off there, and was continued
        elif first is not None and step.action != Action.REPAIR:
            break
    if first is None or first.run.steps.filter(position__lt=first.position, status__in=_LEFT_SOMETHING).exists():
        return None
    return first


def _before(made: Snapshot) -> Snapshot | None:
    return Snapshot.objects.filter(environment=made.environment, pk__lt=made.pk).order_by("-id").first()


def _own_runs(applied: Run, rolled_back: Run) -> frozenset[int]:
    """The two, and the runs between them that did nothing but apply and undo the same migrations."""
    done: dict[int, set[MigrationId]] = {}
    steps = RunStep.objects.filter(
        run__environment=applied.environment,
        run_id__gte=applied.pk,
        run_id__lte=rolled_back.pk,
        status__in=_LEFT_SOMETHING,
    )
    for pk, version, name in steps.values_list("run_id", "version", "name"):
        done.setdefault(pk, set()).add(MigrationId(version, name))
    same = done.get(applied.pk, set()) | done.get(rolled_back.pk, set())
    return frozenset({applied.pk, rolled_back.pk} | {pk for pk, migrations in done.items() if migrations <= same})


# Who changed what


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interval:
    """What a snapshot says of two moments. Without a run it says only that somebody accepted what was found."""

    run: Run | None
    found: Mapping[str, str]
    left: Mapping[str, str]
    was_seen: bool = True
    accepted_by: str = ""

    def changed(self, key: str) -> bool:
        return self.found.get(key) != self.left.get(key)


def _intervals(before: Snapshot, after: Snapshot, *, exact: bool) -> tuple[_Interval, ...]:
    """Not `exact`: as expected at both moments, because at the first or the last of them nobody looked."""
    snapshots = Snapshot.objects.filter(environment=after.environment, pk__gt=before.pk, pk__lte=after.pk)
    chain = [before, *snapshots.select_related("run", "by").order_by("id")]
    return tuple(_interval(earlier, later, exact=exact) for earlier, later in pairwise(chain))


def _interval(earlier: Snapshot, later: Snapshot, *, exact: bool) -> _Interval:
    around = (later.around if exact else None) or {"before": {}, "after": {}}
    return _Interval(
        run=later.run,
        found=_with(earlier.schema["objects"], around["before"]),
        left=_with(later.schema["objects"], around["after"]),
        was_seen=later.around is not None,
        accepted_by=later.by.get_username() if later.by else "",
    )


def _with(objects: Mapping[str, str], otherwise: Mapping[str, str | None]) -> Mapping[str, str]:
    merged = {**objects, **otherwise}
    return {key: text for key, text in merged.items() if text is not None}


def _touched(key: str, intervals: Iterable[_Interval], runs: Collection[int]) -> bool:
    return any(each.run and each.run.pk in runs and each.changed(key) for each in intervals)


def _origin(key: str, intervals: tuple[_Interval, ...], ours: Collection[int]) -> ChangedBy:
    changed = [interval for interval in intervals if interval.changed(key)]
    of_runs = [interval for interval in intervals if interval.run]
    return ChangedBy(
        runs=tuple(interval.run for interval in changed if interval.run and interval.run.pk not in ours),
        by_hand=any(earlier.left.get(key) != later.found.get(key) for earlier, later in pairwise(of_runs)),
        accepted_by=next((interval.accepted_by for interval in reversed(changed) if not interval.run), ""),
    )


def _is_ours(difference: Difference) -> bool:
    """The schema of the tracking tables came with the first run, and stays."""
    return difference.change is Change.ADDED and difference.key == f"schema {settings.TRACKING_SCHEMA}"
