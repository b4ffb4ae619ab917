"""A run that ended badly, and what later runs have made of it: nothing is offered that is no longer to be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from django.urls import reverse

from dashboard.engine.plan import Action
from dashboard.models import Run, RunStep
from dashboard.presenters import actions
from dashboard.presenters.badges import badge_of
from dashboard.presenters.failures import ErrorBox, environment_button
from dashboard.selectors.settled import Settled


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledLine:
    """ "Settled since: run 9 applied 011_city 5 minutes ago"; `url` leads to the run, where there is one."""

    who: str
    did: str
    at: datetime
    url: str


#: What a step of a run can be that ended badly in it; what was only not begun is no failure.
_BAD_ENDS = frozenset({RunStep.Status.FAILED, RunStep.Status.PARTIAL, RunStep.Status.CANCELLED, RunStep.Status.UNKNOWN})
#: After one of these a migration that was to be applied is still to be applied.
_PENDING_AGAIN = frozenset({Action.ROLLBACK, Action.UNSKIP, Action.RESET})


def lines(settled_since: Sequence[Settled]) -> list[SettledLine]:
    """One for each run, or each thing that others did."""
    grouped = groupby(settled_since, key=lambda each: (each.run, each.action, each.by))
    return [_line(list(together)) for _, together in grouped]


def past(error: ErrorBox, run: Run, steps: Sequence[RunStep], settled_since: Sequence[Settled]) -> ErrorBox:
    """The box of a failure that is settled says how the database was then; any other stays as it is."""
    if not _is_over(steps, settled_since):
        return error
    place = badge_of(run.environment)
    return replace(
        error,
        is_past=True,
        tone="muted",
        next_step=_next_step(place.name, _still_open(run, steps, settled_since)),
        actions=(environment_button(place),) if place.url else (),
    )


def _line(together: Sequence[Settled]) -> SettledLine:
    first, more = together[0], len(together) - 1
    who = f"run {first.run}" if first.run else first.by or "somebody"
    outside = "" if first.run else ", in no run of this Signalbox,"
    labels = first.migration.label if not more else f"{first.migration.label} and {more} more"
    return SettledLine(
        who=who,
        did=f"{actions.WORDS[first.action].did} {labels}{outside}",
        at=first.at,
        url=reverse("run", args=[first.run]) if first.run else "",
    )


def _is_over(steps: Sequence[RunStep], settled_since: Sequence[Settled]) -> bool:
    """What went wrong is settled, or all of it where nothing was begun."""
    left = [step for step in steps if step.status != RunStep.Status.COMMITTED]
    wrong = [step for step in left if step.status in _BAD_ENDS] or left
    settled = {each.migration for each in settled_since}
    return bool(wrong) and all(step.identity in settled for step in wrong)


def _still_open(run: Run, steps: Sequence[RunStep], settled_since: Sequence[Settled]) -> list[str]:
    """What the run was to do and may still be to do."""
    last = {each.migration: each.action for each in settled_since}
    again = _PENDING_AGAIN if run.action == Action.APPLY else frozenset({Action.RESET})
    return [
        step.identity.label
        for step in steps
        if step.status != RunStep.Status.COMMITTED and (step.identity not in last or last[step.identity] in again)
    ]


def _next_step(place: str, still_open: Sequence[str]) -> str:
    if not still_open:
        return "Nothing: it is settled."
    first, more = still_open[0], len(still_open) - 1
    labels = f"{first} and {more} more" if more else first
    return f"Nothing more about this failure. Whether {labels} still waits to run is on the page of {place}."
