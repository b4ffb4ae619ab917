"""Runs as people watch them."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from django.urls import reverse
from django.utils import timezone

from dashboard.engine.plan import NO_REACH, Action, RollbackReach
from dashboard.models import Run, RunStep
from dashboard.presenters import failures, plans, settled, statuses
from dashboard.presenters import run_steps as steps_presenter
from dashboard.presenters.badges import Badge, badge_of
from dashboard.presenters.buttons import ActionButton, refusal
from dashboard.presenters.pills import Pill
from dashboard.presenters.wording import why_reach_ends
from dashboard.selectors.git import CommitFact
from dashboard.selectors.settled import Settled
from dashboard.services import permissions, policies
from dashboard.services.actors import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    number: int
    url: str
    title: str
    pill: Pill
    place: Badge
    by: str
    at: datetime
    duration_ms: int | None
    commit: CommitFact | None  # that its files were read from


_DECIDED_BY_STEPS = {Run.Status.FAILED, Run.Status.CANCELLED, Run.Status.RESOLVED}
_UNDOABLE = {Run.Status.SUCCEEDED, Run.Status.RESOLVED}


def row(run: Run, commit: CommitFact | None = None) -> RunRow:
    return RunRow(
        number=run.pk,
        url=reverse("run", args=[run.pk]),
        title=run.title,
        pill=verdict(run, _states(run)),
        place=badge_of(run.environment),
        by=run.started_by.get_username(),
        at=run.queued_at,
        duration_ms=elapsed_ms(run),
        commit=commit,
    )


def page(
    run: Run,
    run_steps: Sequence[RunStep],
    by: Actor,
    *,
    worker_alive: bool,
    busy_with: Sequence[Run] = (),
    settled_since: Sequence[Settled] = (),
    reach: RollbackReach = NO_REACH,
) -> dict[str, Any]:
    """The context of runs/detail.html; `run_steps` as selectors.runs gives them."""
    error = failures.box(run, run_steps, by)
    return {
        "environment": badge_of(run.environment),
        "run": run,
        "pill": verdict(run, {step.status for step in run_steps}),
        "elapsed_ms": elapsed_ms(run),
        "progress": progress(run, run_steps),
        "steps": steps_presenter.steps(run_steps, source=run.plan.source, has_begun=run.status == Run.Status.RUNNING),
        "settled": settled.lines(settled_since),
        "error": settled.past(error, run, run_steps, settled_since) if error else None,
        "cancel": cancel_button(run, by),
        "erase": erase_button(run, by),
        "onward": onward_buttons(run, run_steps, by, reach),
        "waits_for_worker": run.status == Run.Status.QUEUED and not worker_alive,
        "waits_behind": _named(busy_with) if worker_alive else "",
        "lost": lost(run, worker_alive=worker_alive),
        "scripts": scripts(run),
        "digests": digests(run),
        "glass": glass(run),
    }


def glass(run: Run) -> tuple[str, str] | None:
    """(tone, sentence): that it ran without what its environment asks for; loudly until somebody else has signed it."""
    opening = run.break_glass
    if opening is None:
        return None
    without = f"{opening.by.get_username()} broke the glass for this run: “{opening.reason}”."
    lifted = f" What was lifted: {'; '.join(opening.lifted)}." if opening.lifted else ""
    if opening.reviewed_by is None:
        return "danger", f"{without}{lifted} Somebody else has to review that on the page of its request."
    return "warn", f"{without}{lifted} Reviewed by {opening.reviewed_by.get_username()}: {opening.review}"


def _named(runs: Sequence[Run]) -> str:
    return ", ".join(f"run {run.pk} ({run.title})" for run in runs)


def scripts(run: Run) -> list[tuple[str, str, str]]:
    """(label, anchor, SQL) of each step that sends any, exactly as it was sent."""
    plan = run.plan
    return [(s.file or s.label, plans.anchor(position), s.sql) for position, s in enumerate(plan.steps) if s.sql]


def digests(run: Run) -> list[tuple[str, str]]:
    """That of the run; where it saves rows first also that of the plan without, as the page of the plan shows it."""
    bare = run.plan.without_saving().digest
    return [("Plan", run.digest), *([("Without the rows it saves first", bare)] if bare != run.digest else [])]


def elapsed_ms(run: Run) -> int | None:
    """From the moment a worker took it until it ended, or until now."""
    if run.started_at is None:
        return None
    end = run.finished_at or timezone.now()
    return max(0, round((end - run.started_at).total_seconds() * 1000))


def lost(run: Run, *, worker_alive: bool) -> str:
    """That the worker of a run sends no sign of life; empty while it does."""
    if not run.is_unheard_of:
        return ""
    next_step = (
        "Within a minute a worker asks the database what was committed, and says it here."
        if worker_alive
        else "No other worker is up. Start one with SIGNALBOX_ROLE=worker bin/start: it asks the database what was "
        "committed, and says it here."
    )
    return (
        f"Whether this run still goes on is not known, and what is below may be out of date. {next_step} "
        "Cancelling it is heard only if its own worker comes back before that."
    )


def verdict(run: Run, states: Set[str]) -> Pill:
    """What remains of a run that ended badly decides; one that was found out about after a crash has no other name."""
    if RunStep.Status.PARTIAL in states:
        return statuses.STEP[RunStep.Status.PARTIAL]
    if run.status != Run.Status.RESOLVED:
        return statuses.RUN[run.status]
    if states == {RunStep.Status.COMMITTED}:
        return replace(statuses.RUN[Run.Status.SUCCEEDED], label="Succeeded, found out after a crash")
    left = "some steps committed" if RunStep.Status.COMMITTED in states else "nothing changed"
    return replace(statuses.RUN[Run.Status.FAILED], label=f"Failed, {left}")


def _states(run: Run) -> frozenset[str]:
    """What became of the steps of a run in a list, where that matters."""
    return run.step_statuses if run.status in _DECIDED_BY_STEPS else frozenset()


def progress(run: Run, run_steps: Sequence[RunStep]) -> str:
    """ "1 of 3 migrations committed"."""
    done = sum(step.status == RunStep.Status.COMMITTED for step in run_steps)
    if not Action(run.action).runs_migrations:
        return f"{done} of {len(run_steps)} done"
    return f"{done} of {plans.migrations(len(run_steps))} committed"


def cancel_button(run: Run, by: Actor) -> ActionButton:
    asked = run.cancel_requested_by
    waiting = f"{asked.get_username()} asked for it; the worker is stopping the statement." if asked else ""
    return ActionButton(
        label="Cancel this run",
        url=reverse("run-cancel", args=[run.pk]),
        method="post",
        tone="danger",
        icon="cancel",
        show=not refusal(partial(policies.check_can_be_cancelled, run)),
        reason=waiting or refusal(partial(permissions.check_can_cancel, by, run)),
    )


def erase_button(run: Run, by: Actor) -> ActionButton:
    return ActionButton(
        label="Erase server messages…",
        url=reverse("run-erase", args=[run.pk]),
        show=not refusal(partial(permissions.check_can_erase, by), partial(policies.check_messages_can_be_erased, run)),
    )


def rollback_button(run: Run, run_steps: Sequence[RunStep], by: Actor, reach: RollbackReach) -> ActionButton:
    """Leads to the rollback page, which shows what would be undone: as far back as a rollback reaches there."""
    committed = {step.position for step in run_steps if step.status == RunStep.Status.COMMITTED}
    applied = [step.identity for position, step in enumerate(run.plan.steps) if position in committed]
    reversible = [row.identity for row in reach.within if row.identity in applied]
    stopped = [reach.end.identity] if reach.end and reach.end.identity in applied else []
    if not Action(run.action).can_be_rolled_back or run.status not in _UNDOABLE or not (reversible or stopped):
        return ActionButton(label="Roll back", show=False)
    first = reversible[-1] if reversible else stopped[0]
    missing = "" if reversible else f"{first.version} cannot be rolled back. {why_reach_ends(reach)}"
    return ActionButton(
        label=f"Roll back {first.version}" if first == applied[-1] else f"Roll back to before {first.version}",
        url=reverse("rollback", args=[run.environment, *first]),
        icon="rollback",
        show=bool(badge_of(run.environment).url),
        reason=missing or refusal(partial(permissions.check_can_request, by)),
    )


def onward_buttons(
    run: Run, run_steps: Sequence[RunStep], by: Actor, reach: RollbackReach = NO_REACH
) -> list[ActionButton]:
    """Where to go from a run that has ended well."""
    place = badge_of(run.environment)
    saved = [step for step in run_steps if step.copied and step.status == RunStep.Status.COMMITTED]
    if saved and place.url and run.action != Action.BRING_BACK:
        see = ActionButton(label="See the saved rows", url=reverse("saved", args=[place.slug]), icon="download")
        return [see, rollback_button(run, run_steps, by, reach)]
    if run.status != Run.Status.SUCCEEDED or not place.url or run.action not in _ONWARD:
        return [rollback_button(run, run_steps, by, reach)]
    step = run.plan.steps[0]
    if run.action == Action.REPAIR:
        return [replace(failures.settle_button(place.slug, step.identity), label=f"Go on with {step.version}")]
    return [ActionButton(label=f"See {place.name}", url=place.url, icon="environment")]


#: Actions after which something is left to do.
_ONWARD = frozenset({Action.REPAIR, Action.RESET, Action.UNSKIP, Action.BRING_BACK})
