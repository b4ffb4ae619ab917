"""Work of our own runs that a target does not know any more, as after an older copy was restored into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from dashboard.engine.migration import History
from dashboard.engine.plan import Action, TargetIdentity
from dashboard.models import Run, RunStep
from dashboard.models.environments import Environment
from dashboard.selectors.observations import LastLook

#: Of more runs, only the newest are held against the database that they worked on: their plans are large.
RUNS_ASKED = 20


def steps(environment: Environment, look: LastLook | None) -> tuple[RunStep, ...]:
    """The last step that committed each migration in this very database, of those that neither its history nor its
    log had at the last look."""
    if look is None or look.history is None or look.identity is None or look.other_database:
        return ()
    committed = RunStep.objects.filter(
        run__environment=environment.slug,
        run__finished_at__lt=look.seen_at,
        action__in=[Action.APPLY, Action.ROLLBACK],
        status=RunStep.Status.COMMITTED,
    )
    last = committed.select_related("run").defer("run__frozen_plan").order_by("version", "name", "-run_id")
    known = _known(look.history)
    missing = [
        step for step in last.distinct("version", "name") if step.action == Action.APPLY and step.identity not in known
    ]
    return _done_in(look.identity, missing) if missing else ()


def _known(history: History) -> set[tuple[str, str]]:
    known: set[tuple[str, str]] = {row.identity for row in history.rows if row.success}
    known |= {item.identity for item in history.unfinished}
    return known | {entry.identity for entry in history.contradicted} | history.rolled_back


def _done_in(identity: TargetIdentity, missing: Sequence[RunStep]) -> tuple[RunStep, ...]:
    """Those of runs in that database: the environment may have been bound to another one before."""
    newest = sorted({step.run_id for step in missing}, reverse=True)[:RUNS_ASKED]
    there = set(Run.objects.filter(pk__in=newest, frozen_plan__identity=asdict(identity)).values_list("pk", flat=True))
    return tuple(step for step in missing if step.run_id in there)
