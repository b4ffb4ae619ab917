"""How each environment stands: the last look at its target against the folder, and what is under way there.

Pages read this and never a target, so one that does not answer slows no page. The number of queries does not
depend on the number of environments.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from django.db.models import Prefetch

from dashboard.engine import scoping, status
from dashboard.engine.imports import due
from dashboard.engine.migration import AppliedMigration, Folder, Kind, MigrationId, OtherHistory, Unfinished
from dashboard.engine.plan import TargetIdentity
from dashboard.engine.status import MigrationStatus, Summary
from dashboard.models import ChangeRequest, Run, RunStep, environments
from dashboard.models.environments import Environment
from dashboard.selectors import control, drift, forgotten, observations
from dashboard.selectors.drift import DriftState
from dashboard.selectors.folders import FolderReading
from dashboard.selectors.git import CommitFact
from dashboard.selectors.observations import LastLook


@dataclass(frozen=True, kw_only=True)
class Standing:
    """`statuses` is empty where the target was never seen or the folder cannot be read; `known` tells."""

    environment: Environment
    look: LastLook | None
    known: bool
    statuses: tuple[MigrationStatus, ...]
    last_run: Run | None  # the one under way, if there is one
    requests: tuple[ChangeRequest, ...]  # open and approved ones, newest first
    drift: DriftState = field(default_factory=DriftState)
    control: TargetIdentity | None = None  # the database in which Signalbox keeps requests and approvals
    commit: CommitFact | None = None  # that its files are of
    elsewhere: tuple[OtherHistory, ...] = ()  # by which files have run already that are not recorded
    forgotten: tuple[RunStep, ...] = ()  # what runs did there and the target does not know any more, of one alone

    @cached_property
    def rows(self) -> tuple[AppliedMigration, ...]:
        """What the target remembered when it was last seen, newest first."""
        history = self.look.history if self.look else None
        return tuple(sorted(history.rows, key=_recorded, reverse=True)) if history else ()

    @cached_property
    def head(self) -> AppliedMigration | None:
        """The highest version that stands there."""
        standing = [r for r in self.rows if r.success and r.kind is not Kind.SKIPPED and not r.is_repeatable]
        return max(standing, key=lambda row: row.identity.key, default=None)

    @property
    def unfinished(self) -> tuple[Unfinished, ...]:
        """What broke off outside a transaction there; nothing else runs until it is settled."""
        return self.look.history.unfinished if self.look and self.look.history else ()

    @property
    def keeps_approvals(self) -> bool:
        """Its database is the control database, as far as the last good look tells."""
        identity = self.look.identity if self.look else None
        return bool(identity and self.control and self.control.may_be(identity))

    @cached_property
    def summary(self) -> Summary:
        return status.summary(self.statuses)

    @cached_property
    def pending(self) -> tuple[MigrationStatus, ...]:
        return tuple(s for s in self.statuses if s.is_pending)

    @property
    def run(self) -> Run | None:
        """The run under way."""
        return self.last_run if self.last_run and self.last_run.is_active else None

    def status_of(self, migration: MigrationId) -> MigrationStatus | None:
        return self._by_identity.get(migration)

    @cached_property
    def _by_identity(self) -> Mapping[MigrationId, MigrationStatus]:
        return {status.identity: status for status in reversed(self.statuses)}


def standings(readings: Sequence[FolderReading]) -> tuple[Standing, ...]:
    """The environments of these sources, each against the files of its own, in the order of the declaration."""
    files = {reading.source: reading.folder for reading in readings}
    commits = {reading.source: reading.commit for reading in readings}
    chosen = [e for e in environments.all_environments() if e.source in files]
    return tuple(replace(each, commit=commits[each.environment.source]) for each in _standings(chosen, files))


def standing(environment: Environment, folder: Folder | None) -> Standing:
    """With what it has forgotten, which takes a query of its own."""
    alone = _standings([environment], {environment.source: folder})[0]
    return replace(alone, forgotten=forgotten.steps(environment, alone.look))


def _standings(chosen: Sequence[Environment], files: Mapping[str, Folder | None]) -> tuple[Standing, ...]:
    looks = observations.looks(chosen)
    runs = _last_runs(chosen)
    requests = _live_requests(chosen)
    schemas = drift.states(chosen)
    own = control.identity()
    return tuple(
        Standing(
            environment=e,
            look=looks.get(e.slug),
            **_compared(looks.get(e.slug), files[e.source], e.slug),
            last_run=runs.get(e.slug),
            requests=tuple(requests.get(e.slug, ())),
            drift=schemas[e.slug],
            control=own,
        )
        for e in chosen
    )


def _compared(look: LastLook | None, folder: Folder | None, environment: str) -> dict[str, Any]:
    if look is None or look.history is None or folder is None:
        return {"known": False, "statuses": ()}
    folder = scoping.within(folder, environment)
    return {
        "known": True,
        "statuses": status.compute(folder, look.history),
        "elsewhere": due.histories(folder, look.history),
    }


def _last_runs(chosen: Sequence[Environment]) -> Mapping[str, Run]:
    runs = Run.objects.filter(environment__in=[e.slug for e in chosen]).select_related("started_by")
    became = Prefetch("steps", RunStep.objects.only("run_id", "status"))
    newest = runs.defer("frozen_plan").order_by("environment", "-id").distinct("environment").prefetch_related(became)
    return {run.environment: run for run in newest}


def _live_requests(chosen: Sequence[Environment]) -> Mapping[str, Sequence[ChangeRequest]]:
    requests: dict[str, list[ChangeRequest]] = defaultdict(list)
    live = ChangeRequest.objects.filter(
        environment__in=[e.slug for e in chosen], status__in=[ChangeRequest.Status.OPEN, ChangeRequest.Status.APPROVED]
    )
    ran = Prefetch("runs", Run.objects.only("request_id", "status"))
    for request in live.select_related("requested_by").prefetch_related(ran).defer("frozen_plan").order_by("-id"):
        requests[request.environment].append(request)
    return requests


def _recorded(row: AppliedMigration) -> tuple[float, MigrationId]:
    return (row.applied_at.timestamp() if row.applied_at else 0.0, row.identity)
