"""How a run ended badly, in the order a person needs it: what happened, what the database is now, what to do next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.urls import reverse

from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Action
from dashboard.models import Run, RunStep
from dashboard.models.failures import Failure
from dashboard.presenters import actions, links
from dashboard.presenters.badges import Badge, badge_of
from dashboard.presenters.buttons import ActionButton, refusal
from dashboard.services import permissions, policies
from dashboard.services.actors import Actor

type FactRow = tuple[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBox:
    """What _components/error_box.html shows."""

    title: str
    happened: str
    state_now: str
    state_tone: str
    next_step: str
    facts: tuple[FactRow, ...] = ()
    excerpt: str = ""
    url: str = ""
    url_label: str = ""
    actions: tuple[ActionButton, ...] = ()
    tone: str = "danger"  # of the box itself
    icon: str = "fail"
    is_past: bool = False  # the database is not as it was left then: see presenters.settled


WAIT = (
    "Nothing, but to wait. Within a minute of a worker and {place} being up, Signalbox asks the database what was "
    "committed, and says it here; or why it cannot."
)
AGAIN_SOON = "Signalbox asks again every minute, and says here what it found."


def box(run: Run, steps: Sequence[RunStep], by: Actor) -> ErrorBox | None:
    """None while there is nothing to explain."""
    if run.status not in _VERDICTS:
        return None
    kept: dict[str, Any] = run.failure or {}
    error = replace(
        _VERDICTS[Run.Status(run.status)](run, steps),
        happened=f"{_happened(run)} {_waited(steps)}".rstrip(),
        state_now=f"{state_now(run, steps)} {left_then(kept)}".rstrip(),
        state_tone=_state_tone(steps),
        actions=_ways_on(run, steps, by),
    )
    return _with_server(error, kept["server"], run, steps) if "server" in kept else error


def left_then(kept: Mapping[str, Any]) -> str:
    """What a failure left besides what the steps tell. What the catalog said then is never said of now."""
    left = str(kept.get("left", ""))
    return f"Found when it failed: {left}" if left and is_passing(kept) else left


def correction(kept: Mapping[str, Any]) -> str:
    """What removes the cause; none where only a new look can tell whether that is still to be done."""
    return "" if is_passing(kept) else str(kept.get("correction", ""))


def is_passing(kept: Mapping[str, Any]) -> bool:
    """Whether the catalog was asked for what is left, so that it can be otherwise now. Taken for granted of a failure
    that was kept before this was noted."""
    return bool(kept.get("passing", kept.get("left")))


def state_now(run: Run, steps: Sequence[RunStep]) -> str:
    """What each step did; never what it should have done."""
    place = badge_of(run.environment).name
    committed = [s for s in steps if s.status == RunStep.Status.COMMITTED]
    sentences = [_joined(committed, *actions.WORDS[run.action].done)]
    sentences += [_undone(s) for s in steps if s.status in {RunStep.Status.FAILED, RunStep.Status.CANCELLED}]
    sentences += [_left(s, place) for s in steps if s.status == RunStep.Status.PARTIAL]
    if run.status == Run.Status.INTERRUPTED:
        sentences.append(_unknown([s for s in steps if s.status != RunStep.Status.COMMITTED], place))
    if run.status == Run.Status.UNPROVEN:
        sentences.append(_never_proven([s for s in steps if s.status != RunStep.Status.COMMITTED]))
    not_run = [s for s in steps if s.status == RunStep.Status.NOT_RUN]
    sentences.append(_joined(not_run, "was not begun", "were not begun"))
    untouched = all(step.status in _UNTOUCHED and not step.started_at for step in steps)
    if not run.is_active and untouched and (run.began_at is None or run.status == Run.Status.RESOLVED):
        nothing = (
            f"Nothing of it is on {place}" if run.status == Run.Status.RESOLVED else f"Nothing was sent to {place}"
        )
        return f"{nothing}: it is as it was before."
    return " ".join(sentence for sentence in sentences if sentence)


#: What a step can be that no worker has begun.
_UNTOUCHED = frozenset({RunStep.Status.WAITING, RunStep.Status.NOT_RUN})


# The verdict: a title, a tone, and the next safe step


def _failed(run: Run, steps: Sequence[RunStep]) -> ErrorBox:
    partly = _partial(steps)
    title = "This run failed, and left something behind" if partly else "This run failed"
    remedy = Failure.from_dict(run.failure or {}).remedy
    return _box(title=title, next_step=remedy or _settle_step(partly) or AGAIN)


def _cancelled(run: Run, steps: Sequence[RunStep]) -> ErrorBox:
    return replace(_box(title="This run was cancelled", next_step=AGAIN), tone="muted", icon="cancel")


def _interrupted(run: Run, steps: Sequence[RunStep]) -> ErrorBox:
    unresolved = _unresolved(run)
    wait = WAIT.format(place=badge_of(run.environment).name)
    next_step = f"{unresolved.remedy} {AGAIN_SOON}".lstrip() if unresolved else wait
    return replace(_box(title="What this run did is not known yet", next_step=next_step), tone="warn", icon="unknown")


def _resolved(run: Run, steps: Sequence[RunStep]) -> ErrorBox:
    """The worker was lost; the database was asked."""
    if partly := _partial(steps):
        return _box(title="Part of this run is there, as found out after a crash", next_step=_settle_step(partly))
    committed = [step for step in steps if step.status == RunStep.Status.COMMITTED]
    if len(committed) == len(steps):
        sound = _box(
            title="All of this run is committed, as found out after a crash", next_step="Nothing: all is well."
        )
        return replace(sound, tone="ok", icon="ok")
    if committed:
        begun = f"{len(committed)} of {len(steps)} steps of this run are committed, as found out after a crash"
        return _box(title=begun, next_step="Start a new run for the rest when you are ready.")
    return _box(title="This run failed, and nothing of it remains, as found out after a crash", next_step=AGAIN)


def _box(*, title: str, next_step: str) -> ErrorBox:
    return ErrorBox(title=title, next_step=next_step, happened="", state_now="", state_tone="")


def _unproven(run: Run, steps: Sequence[RunStep]) -> ErrorBox:
    """A person ended it; nobody knows what it did."""
    name = run.ended_by.get_username() if run.ended_by else "somebody"
    place = badge_of(run.environment).name
    next_step = f"Compare {place} with what this run was to do before anything else is applied there."
    unproven = _box(title=f"Unknown: ended by {name} without proof", next_step=next_step)
    return replace(unproven, tone="warn", icon="unknown")


AGAIN = "Start a new run when you are ready."
_VERDICTS: Mapping[Run.Status, Callable[[Run, Sequence[RunStep]], ErrorBox]] = {
    Run.Status.FAILED: _failed,
    Run.Status.CANCELLED: _cancelled,
    Run.Status.INTERRUPTED: _interrupted,
    Run.Status.RESOLVED: _resolved,
    Run.Status.UNPROVEN: _unproven,
}


def _partial(steps: Sequence[RunStep]) -> RunStep | None:
    return next((step for step in steps if step.status == RunStep.Status.PARTIAL), None)


def _settle_step(partly: RunStep | None) -> str:
    if partly is None:
        return ""
    return (
        f"Settle {partly.version}: mend the cause and continue where it broke off, or undo by hand what is there and "
        "start over."
    )


def _unresolved(run: Run) -> Failure | None:
    """Why what an interrupted run committed could not be found out when it was last tried."""
    reason: dict[str, Any] | None = (run.failure or {}).get("unresolved")
    is_unknown = run.status in {Run.Status.INTERRUPTED, Run.Status.UNPROVEN}
    return Failure.from_dict(reason) if reason and is_unknown else None


def why_unresolved(run: Run) -> str:
    """Why what an interrupted run committed could not be found out when it was last tried; empty before that."""
    unresolved = _unresolved(run)
    return unresolved.sentence if unresolved else ""


def _happened(run: Run) -> str:
    sentence = Failure.from_dict(run.failure or {}).sentence or _by_person(run)
    unresolved = _unresolved(run)
    if run.status == Run.Status.UNPROVEN:
        name = run.ended_by.get_username() if run.ended_by else "Somebody"
        why = f" ({unresolved.sentence.rstrip('.')})" if unresolved else ""
        return (
            f"{sentence} Signalbox could not find out what was committed{why}. {name} ended it: “{run.ended_because}”"
        )
    if unresolved:
        return f"{sentence} Signalbox could not find out yet what was committed: {unresolved.sentence}"
    if run.status == Run.Status.RESOLVED:
        return f"{sentence} Signalbox asked the database what was committed."
    return sentence


def _waited(steps: Sequence[RunStep]) -> str:
    """Who held the lock that it waited for when it ended."""
    blockers = [blocker for step in steps if step.status in _WAITED_IN for blocker in step.blockers]
    return f"It waited for a lock of {'; '.join(blockers)}." if blockers else ""


#: How a step can have ended in waiting for a lock.
_WAITED_IN = frozenset({RunStep.Status.FAILED, RunStep.Status.PARTIAL, RunStep.Status.CANCELLED})


# The database now


def _joined(steps: Sequence[RunStep], one: str, many: str) -> str:
    """What they are, in the words for one and for several."""
    if not steps:
        return ""
    versions = [step.version for step in steps]
    if len(versions) == 1:
        return f"{versions[0]} {one}."
    if len(versions) > 4:
        return f"{versions[0]} … {versions[-1]} ({len(versions)} migrations) {many}."
    return f"{', '.join(versions[:-1])} and {versions[-1]} {many}."


def _undone(step: RunStep) -> str:
    return actions.WORDS[step.action].not_done.format(version=step.version)


def _left(step: RunStep, place: str) -> str:
    return (
        f"Part of {step.version} remains: it runs outside a transaction, so each statement that is done is committed. "
        f"Nothing else runs on {place} until that is settled."
    )


def _unknown(steps: Sequence[RunStep], place: str) -> str:
    """The rows may lag behind the worker that is gone, so a step that seems not begun is in question too."""
    if not steps:
        return ""
    others = " and what comes after it" if len(steps) > 1 else ""
    return (
        f"Whether {steps[0].version}{others} committed is not known; {place} is frozen until it is: "
        "no other run starts there."
    )


def _never_proven(steps: Sequence[RunStep]) -> str:
    if not steps:
        return ""
    others = " and what comes after it" if len(steps) > 1 else ""
    return f"Whether {steps[0].version}{others} committed was never found out."


def _state_tone(steps: Sequence[RunStep]) -> str:
    states = {step.status for step in steps}
    if RunStep.Status.PARTIAL in states:
        return "danger"
    if RunStep.Status.UNKNOWN in states:
        return "warn"
    return "warn" if RunStep.Status.COMMITTED in states else "ok"


def _by_person(run: Run) -> str:
    if run.status == Run.Status.CANCELLED and run.cancel_requested_by:
        return f"{run.cancel_requested_by.get_username()} cancelled it before a worker took it."
    return "The run ended before it could say why."


def _with_server(error: ErrorBox, server: dict[str, Any], run: Run, steps: Sequence[RunStep]) -> ErrorBox:
    failed = next((s for s in steps if s.status in {RunStep.Status.FAILED, RunStep.Status.PARTIAL}), None)
    is_file, line = failed is not None and failed.action == Action.APPLY, server.get("line")
    return replace(
        error,
        facts=server_facts(server),
        excerpt=server.get("excerpt", ""),
        url=links.migration(failed.identity, run.plan.source, line=line) if failed and is_file else "",
        url_label=f"Show line {line} in its file" if line else "Show the file",
    )


def server_facts(server: dict[str, Any]) -> tuple[FactRow, ...]:
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
    if run.is_active and not _unresolved(run):
        return ()
    if not place.url:
        return (_end_button(run, by),) if run.is_active else ()
    if run.is_active:
        return (environment_button(place), _end_button(run, by))
    if run.status == Run.Status.UNPROVEN:
        return (environment_button(place),)
    if partly := _partial(steps):
        return (settle_button(place.slug, partly.identity), environment_button(place))
    if run.action != Action.APPLY or all(step.status == RunStep.Status.COMMITTED for step in steps):
        return (environment_button(place),)
    skips = (_skip(place, step, by) for step in steps if step.status == RunStep.Status.FAILED)
    again = _again(place, by)
    if _would_fail_again(run):
        again = replace(again, tone="plain")
    return (again, environment_button(place), *skips)


def _would_fail_again(run: Run) -> bool:
    """The server refused a statement for what the file or the data holds, so the same bytes stumble again until that is
    changed. What was full, locked, in a deadlock or cut off can have passed."""
    sqlstate = (run.failure or {}).get("server", {}).get("sqlstate", "")
    return sqlstate[:2] in _OF_FILE_OR_DATA


#: Classes of SQLSTATE: data, constraints, cardinality, and syntax or names.
_OF_FILE_OR_DATA = frozenset({"21", "22", "23", "42"})


def _end_button(run: Run, by: Actor) -> ActionButton:
    return ActionButton(
        label="End it without proof…",
        url=reverse("run-end", args=[run.pk]),
        show=not refusal(partial(permissions.check_can_end_run, by), partial(policies.check_can_be_ended, run)),
    )


def settle_button(environment: str, migration: MigrationId) -> ActionButton:
    url = reverse("settle", args=[environment, *migration])
    return ActionButton(label=f"Settle {migration.version}", url=url, tone="primary", icon="arrow")


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


def environment_button(place: Badge) -> ActionButton:
    return ActionButton(label=f"See {place.name}", url=place.url, icon="environment")
