"""How a run ended badly, in the order a person needs it: what happened, what the database is now, what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.urls import reverse

from dashboard.models import Run, RunStep
from dashboard.presenters.badges import Badge, badge_of
from dashboard.presenters.buttons import ActionButton, refusal
from dashboard.services import permissions
from dashboard.services.actors import Actor

type Fact = tuple[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBox:
    """What _components/error_box.html shows."""

    title: str
    happened: str
    state_now: str
    state_tone: str
    next_step: str
    facts: tuple[Fact, ...] = ()
    excerpt: str = ""
    url: str = ""
    url_label: str = ""
    actions: tuple[ActionButton, ...] = ()


TITLES = {
    Run.Status.FAILED: "This run failed",
    Run.Status.CANCELLED: "This run was cancelled",
    Run.Status.INTERRUPTED: "What this run did is not known yet",
    Run.Status.RESOLVED: "This run was interrupted; what it did has been found out",
}
DONE = {
    "apply": "is applied",
    "rollback": "is rolled back",
    "skip": "is recorded as skipped",
    "unskip": "is pending again",
    "repair": "is repaired",
    "reset": "is pending again",
}

WAIT = (
    "Wait. A worker asks the database as soon as it answers, and this page then says what was committed. "
    "If no worker is running, start one."
)


def box(run: Run, steps: Sequence[RunStep], by: Actor) -> ErrorBox | None:
    """None while there is nothing to explain."""
    if run.status not in TITLES or (run.status == Run.Status.RESOLVED and _all_committed(steps)):
        return None
    failure = run.failure or {}
    found = ErrorBox(
        title=TITLES[Run.Status(run.status)],
        happened=failure.get("sentence") or _by_person(run),
        state_now=state_now(run, steps),
        state_tone=_state_tone(steps),
        next_step=_next_step(run, failure),
        actions=() if run.is_active else _ways_on(run, steps, by),
    )
    return _with_server(found, failure["server"], run, steps) if "server" in failure else found


def state_now(run: Run, steps: Sequence[RunStep]) -> str:
    """Built from what each step did; never from hope."""
    place = badge_of(run.environment).name
    committed = [s for s in steps if s.status == RunStep.Status.COMMITTED]
    sentences = [_joined(committed, DONE[run.kind])]
    sentences += [_undone(s) for s in steps if s.status in {RunStep.Status.FAILED, RunStep.Status.CANCELLED}]
    sentences += [_left(s) for s in steps if s.status == RunStep.Status.PARTIAL]
    sentences += [
        f"Whether {s.version} committed is not known; {place} is frozen until it is."
        for s in steps
        if s.status == RunStep.Status.UNKNOWN
    ]
    sentences.append(_joined([s for s in steps if s.status == RunStep.Status.NOT_RUN], "was not begun"))
    if not any(s.started_at for s in steps):
        return f"Nothing was sent to {place}: it is as it was before."
    return " ".join(sentence for sentence in sentences if sentence)


def _joined(steps: Sequence[RunStep], state: str) -> str:
    if not steps:
        return ""
    versions = [step.version for step in steps]
    if len(versions) == 1:
        return f"{versions[0]} {state}."
    plural = state.replace("is ", "are ", 1).replace("was ", "were ", 1)
    if len(versions) > 4:
        return f"{versions[0]} … {versions[-1]} ({len(versions)} migrations) {plural}."
    return f"{', '.join(versions[:-1])} and {versions[-1]} {plural}."


def _undone(step: RunStep) -> str:
    if step.action == "rollback":
        return f"{step.version} is still applied: PostgreSQL undid what its rollback had begun."
    return f"Nothing of {step.version} remains: PostgreSQL undid it."


def _left(step: RunStep) -> str:
    return (
        f"Part of {step.version} remains: it ran outside a transaction, so every statement that is marked as done "
        "below is committed."
    )


def _state_tone(steps: Sequence[RunStep]) -> str:
    states = {step.status for step in steps}
    if RunStep.Status.PARTIAL in states:
        return "danger"
    if RunStep.Status.UNKNOWN in states:
        return "warn"
    return "warn" if RunStep.Status.COMMITTED in states else "ok"


def _all_committed(steps: Sequence[RunStep]) -> bool:
    return all(step.status == RunStep.Status.COMMITTED for step in steps)


def _by_person(run: Run) -> str:
    if run.status == Run.Status.CANCELLED and run.cancel_requested_by:
        return f"{run.cancel_requested_by.get_username()} cancelled it before a worker took it."
    return "The run ended before it could say why."


def _next_step(run: Run, failure: dict[str, Any]) -> str:
    if run.status == Run.Status.INTERRUPTED:
        return WAIT
    if run.status == Run.Status.RESOLVED:
        return "Read what was committed, then start a new run for the rest."
    return failure.get("next_step") or "Start a new run when you are ready."


def _with_server(found: ErrorBox, server: dict[str, Any], run: Run, steps: Sequence[RunStep]) -> ErrorBox:
    failed = next((s for s in steps if s.status in {RunStep.Status.FAILED, RunStep.Status.PARTIAL}), None)
    url = reverse("migration", args=[failed.version, failed.name]) if failed and failed.action == "apply" else ""
    line = server.get("line")
    return replace(
        found,
        facts=server_facts(server),
        excerpt=server.get("excerpt", ""),
        url=f"{url}#L{line}" if url and line else url,
        url_label=f"Show line {line} in its file" if line else "Show the file",
    )


def server_facts(server: dict[str, Any]) -> tuple[Fact, ...]:
    return (
        ("SQLSTATE", server.get("sqlstate")),
        ("Message", server.get("message")),
        ("Detail", server.get("detail")),
        ("Hint", server.get("hint")),
        ("Constraint", server.get("constraint")),
        ("Table", server.get("table")),
        ("Context", server.get("context")),
        ("Statement", server.get("statement") or None),
        ("Line", server.get("line")),
        ("Column", server.get("column")),
    )


def _ways_on(run: Run, steps: Sequence[RunStep], by: Actor) -> tuple[ActionButton, ...]:
    place = badge_of(run.environment)
    if not place.url:
        return ()
    ways = [_environment(place)]
    if run.kind == Run.Kind.APPLY:
        if all(s.status != RunStep.Status.PARTIAL for s in steps):
            ways.insert(0, _again(place, by))
        ways += [_skip(place, s, by) for s in steps if s.status == RunStep.Status.FAILED]
    return tuple(ways)


def _again(place: Badge, by: Actor) -> ActionButton:
    return ActionButton(
        label="Make a new request" if place.protected else f"Apply to {place.name} again",
        url=reverse("apply", args=[place.slug]),
        tone="primary",
        reason=refusal(partial(permissions.check_can_request, by)),
    )


def _skip(place: Badge, step: RunStep, by: Actor) -> ActionButton:
    return ActionButton(
        label=f"Skip {step.version} with a reason",
        url=reverse("skip", args=[place.slug, step.version]),
        icon="skip",
        show=not refusal(partial(permissions.check_can_skip, by)),
    )


def _environment(place: Badge) -> ActionButton:
    return ActionButton(label=f"See {place.name}", url=place.url, icon="environment")
