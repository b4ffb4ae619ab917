"""What broken-off runs left half done in a schema, and which run it was. Read from the control database alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dashboard.engine.database.leftovers import Leftover, may_be_of
from dashboard.engine.errors import SqlSyntaxError
from dashboard.engine.migration import Identified
from dashboard.engine.plan import Action
from dashboard.engine.schema import drift
from dashboard.engine.schema.diff import Difference
from dashboard.engine.schema.objects import table_of
from dashboard.engine.sql import statements
from dashboard.engine.sql.concurrently import Concurrent, concurrent
from dashboard.models import DriftCheck, RunStep, Snapshot
from dashboard.models.environments import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftByRun(Identified):
    """An object that differs because a statement of `run` broke off there, in the migration of that version and name.
    With a parent it is a partition whose detaching is pending, otherwise an invalid index."""

    key: str  # of the difference
    object: str  # qualified, quoted
    parent: str
    run: int
    version: str
    name: str

    @property
    def sentence(self) -> str:
        return self._leftover.sentence

    @property
    def way_on(self) -> str:
        """The statement that takes it away."""
        return self._leftover.way_on

    @property
    def _leftover(self) -> Leftover:
        return Leftover(name=self.object, parent=self.parent)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def kept(check: DriftCheck) -> tuple[LeftByRun, ...]:
    """As that look found them."""
    return tuple(LeftByRun(**each) for each in check.leftovers)


def among(environment: Environment, differences: Sequence[Difference]) -> tuple[LeftByRun, ...]:
    """Those of these differences that a run of this environment left. Of the others no run is known."""
    candidates = {d.key: leftover for d in differences if (leftover := drift.leftover(d))}
    return tuple(_attributed(environment, candidates)) if candidates else ()


def _attributed(environment: Environment, candidates: Mapping[str, Leftover]) -> Iterator[LeftByRun]:
    left = dict(candidates)
    for step in _broken_off(environment):
        statements_of_step = tuple(_concurrent(step))
        there_before = _there_before(step)
        for key, leftover in tuple(left.items()):
            table = table_of(key) or ""
            if key in there_before or not any(may_be_of(leftover, table, s) for s in statements_of_step):
                continue
            del left[key]
            yield LeftByRun(
                key=key,
                object=leftover.name,
                parent=leftover.parent,
                run=step.run_id,
                version=step.version,
                name=step.name,
            )
        if not left:
            return


def _broken_off(environment: Environment) -> Iterator[RunStep]:
    """Newest first, without those whose leftovers a repair has taken away since."""
    steps = RunStep.objects.filter(run__environment=environment.slug).order_by("-run_id", "-position")
    repairs = steps.filter(action=Action.REPAIR, status=RunStep.Status.COMMITTED)
    repaired = {step.identity: step.run_id for step in reversed(repairs)}
    for step in steps.filter(status__in=_LEFT_HALF_DONE).select_related("run"):
        if repaired.get(step.identity, 0) < step.run_id:
            yield step


_LEFT_HALF_DONE = (RunStep.Status.PARTIAL, RunStep.Status.UNKNOWN)


def _concurrent(step: RunStep) -> Iterator[Concurrent]:
    planned = next((each for each in step.run.plan.steps if each.identity == step.identity), None)
    try:
        script = statements.split(planned.sql) if planned else ()
    except SqlSyntaxError:
        return
    yield from filter(None, map(concurrent, script))


def _there_before(step: RunStep) -> frozenset[str]:
    """What was half done already when that run began, as far as it was seen."""
    snapshot = Snapshot.objects.filter(run=step.run).first()
    around = snapshot.around if snapshot else None
    before: Mapping[str, str | None] = around["before"] if around else {}
    return frozenset(key for key, text in before.items() if text is not None and drift.is_leftover(text))
