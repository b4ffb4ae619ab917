"""What broke off outside a transaction, in words: what stands, what is in doubt, and each way on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.urls import reverse

from dashboard.engine.errors import EngineError, PlanBlocked
from dashboard.engine.plan import Action, Plan
from dashboard.models import Run
from dashboard.models.environments import Environment
from dashboard.presenters import actions, failures, links, plans
from dashboard.presenters.buttons import ActionButton, refusal, sentence_of
from dashboard.presenters.failures import ErrorBox, server_facts
from dashboard.presenters.pills import Pill
from dashboard.services import permissions
from dashboard.services.actors import Actor
from dashboard.services.unfinished import BrokenOff, InDoubt, JournalLine, Trace, WayOn

TRACES: Mapping[Trace, Pill] = {
    Trace.DONE: Pill(label="Committed", tone="ok", icon="ok"),
    Trace.DOUBTFUL: Pill(label="In doubt", tone="warn", icon="unknown"),
    Trace.NOT_RUN: Pill(label="Not run", tone="muted", icon="skip"),
    Trace.CHANGED: Pill(label="Ran, edited since", tone="danger", icon="modified"),
}


#: What the catalog made of the doubt.
_EVIDENT: Mapping[InDoubt, Pill] = {
    InDoubt.HAPPENED: Pill(label="Happened", tone="ok", icon="ok"),
    InDoubt.DID_NOT: Pill(label="Did not happen", tone="muted", icon="skip"),
    InDoubt.HALF: Pill(label="Half done", tone="danger", icon="fail"),
}
_DOUBT: Mapping[InDoubt, str] = {
    InDoubt.NONE: "What statement {number} did is not known.",
    InDoubt.HAPPENED: "Statement {number} did happen.",
    InDoubt.DID_NOT: "Statement {number} did not happen.",
    InDoubt.HALF: "Statement {number} broke off half done.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way on. `reason` says why it is not open now."""

    key: WayOn
    title: str
    sentence: str
    label: str
    tone: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineView:
    number: int
    line: int | None
    summary: str
    url: str
    pill: Pill


def box(broken_off: BrokenOff, environment: Environment, run: Run | None) -> ErrorBox:
    """`run` is the one that left it so, where it is known."""
    failure: dict[str, Any] = (run.failure if run else None) or {}
    server: dict[str, Any] = failure.get("server", {})
    # What the catalog shows of leftovers now is said with the rest.
    half = broken_off.evidence is InDoubt.HALF
    left, correction = ("", "") if half else (_left_then(broken_off, failure), failures.correction(failure))
    return ErrorBox(
        title=f"{actions.WORDS[broken_off.action].of.capitalize()}{broken_off.label} broke off on {environment.name}",
        happened=failure.get("sentence")
        or (broken_off.row and broken_off.row.error_message)
        or "The reason was not kept.",
        state_now=" ".join(
            [
                *_state(broken_off),
                *filter(None, [left]),
                f"Nothing else runs on {environment.name} until this is settled.",
            ]
        ),
        state_tone="danger",
        next_step=f"{correction} {_next_step(broken_off)}".lstrip(),
        facts=tuple(fact for fact in server_facts(server) if fact[0] in _CAUSE),
        actions=(ActionButton(label=f"Run {run.pk}", url=reverse("run", args=[run.pk]), icon="runs"),) if run else (),
    )


def _left_then(broken_off: BrokenOff, failure: Mapping[str, Any]) -> str:
    left, asked = failures.left_then(failure), broken_off.evidence in {InDoubt.HAPPENED, InDoubt.DID_NOT}
    return f"{left} That is not so any more." if left and asked and failures.is_passing(failure) else left


def lines(broken_off: BrokenOff, source: str) -> list[LineView]:
    is_file = broken_off.action is Action.APPLY
    return [
        LineView(
            number=line.number,
            line=line.line,
            summary=line.summary or "Its text is gone, or cannot be read",
            url=links.migration(broken_off.identity, source, line=line.line) if is_file and line.line else "",
            pill=_pill(broken_off, line),
        )
        for line in broken_off.lines
    ]


def ways(broken_off: BrokenOff, environment: Environment, by: Actor, *, occupied: EngineError | None) -> list[Way]:
    """The first that is open is the one to take. `occupied`: why no run can start there just now."""
    offered = [
        replace(way, reason=sentence_of(occupied) or refusal(partial(_MAY[way.key], by))) if not way.reason else way
        for way in _offered(broken_off, environment)
    ]
    first = next((way for way in offered if not way.reason), None)
    return [replace(way, tone="primary") if way is first else way for way in offered]


def skip_button(broken_off: BrokenOff, environment: Environment, by: Actor) -> ActionButton:
    return ActionButton(
        label=f"Skip {broken_off.version} on {environment.name}…",
        url=reverse("skip", args=[environment.slug, broken_off.version]),
        icon="skip",
        show=broken_off.action is Action.APPLY and not refusal(partial(permissions.check_can_skip, by)),
    )


_MAY: Mapping[WayOn, Callable[[Actor], None]] = {
    WayOn.REPAIR: permissions.check_can_skip,
    WayOn.AGAIN: permissions.check_can_request,
    WayOn.AFTER: permissions.check_can_request,
    WayOn.RESET: permissions.check_can_skip,
}


#: By whether it is about partitions.
_REPAIR = {False: "Drop the invalid index", True: "Finish detaching the partition"}

#: What the server said that helps to mend the cause; the page of the run has all of it.
_CAUSE = frozenset({"Detail", "Hint", "Context"})


def _pill(broken_off: BrokenOff, line: JournalLine) -> Pill:
    return _EVIDENT.get(broken_off.evidence, TRACES[line.trace]) if line is broken_off.doubtful else TRACES[line.trace]


def _state(broken_off: BrokenOff) -> Iterator[str]:
    done = [line.number for line in broken_off.lines if line.trace in {Trace.DONE, Trace.CHANGED}]
    left = [line.number for line in broken_off.lines if line.trace is Trace.NOT_RUN]
    if done:
        yield f"{_numbers(done)} {'is' if len(done) == 1 else 'are'} committed."
    if broken_off.doubtful:
        yield _DOUBT[broken_off.evidence].format(number=broken_off.doubtful.number)
    if left:
        yield f"{_numbers(left)} {'was' if len(left) == 1 else 'were'} not run."


def _next_step(broken_off: BrokenOff) -> str:
    doubtful = broken_off.doubtful
    if isinstance(broken_off.again, EngineError) and broken_off.evidence is not InDoubt.HALF:
        return _why_not(broken_off.again)
    if doubtful is None:
        return "Mend the cause of the failure, then continue. Or undo by hand what is committed, and start over."
    number = doubtful.number
    return {
        InDoubt.NONE: f"Look in the database for what statement {number} makes, to find out whether it happened. Then "
        "choose below.",
        InDoubt.HAPPENED: f"{broken_off.index} is as statement {number} leaves it, so that did happen: go on after it.",
        InDoubt.DID_NOT: f"{broken_off.index} is not as statement {number} would leave it, so that did not happen. "
        "Mend the cause, then continue with it.",
        InDoubt.HALF: f"{_leftovers(broken_off)} First take that away, then mend the cause, then continue.",
    }[broken_off.evidence]


def _leftovers(broken_off: BrokenOff) -> str:
    return " ".join(leftover.sentence for leftover in broken_off.leftovers)


def _offered(broken_off: BrokenOff, environment: Environment) -> Iterator[Way]:
    if broken_off.repair:
        yield Way(
            key=WayOn.REPAIR,
            title=_REPAIR[all(leftover.parent for leftover in broken_off.leftovers)],
            sentence=f"Runs {'; '.join(leftover.way_on for leftover in broken_off.leftovers)}, and refuses if "
            "what it names is whole or gone when it runs. Come back here afterwards to continue.",
            label=_label(broken_off.repair, environment),
            tone="plain",
            reason="",
        )
    doubtful = broken_off.doubtful
    if broken_off.evidence is not InDoubt.HAPPENED:
        asked = doubtful and broken_off.evidence is InDoubt.NONE
        again = f"Statement {doubtful.number} did not happen: run it again" if doubtful and asked else "Continue"
        yield _continuing(WayOn.AGAIN, again, broken_off.again, broken_off, environment)
    if broken_off.after is not None and doubtful and broken_off.evidence in {InDoubt.NONE, InDoubt.HAPPENED}:
        asked = broken_off.evidence is InDoubt.NONE
        title = f"Statement {doubtful.number} did happen: go on after it" if asked else "Continue"
        yield _continuing(WayOn.AFTER, title, broken_off.after, broken_off, environment)
    yield _starting_over(broken_off, environment)


def _continuing(
    key: WayOn, title: str, offer: Plan | EngineError, broken_off: BrokenOff, environment: Environment
) -> Way:
    if isinstance(offer, EngineError):
        label = f"Continue {broken_off.version} on {environment.name}"
        return Way(key=key, title=title, sentence="", label=label, tone="plain", reason=_why_not(offer))
    first = offer.steps[0].first_statement
    sent = [line.number for line in broken_off.lines if line.number >= first]
    sentence = (
        f"{_numbers(sent)} {'is' if len(sent) == 1 else 'are'} sent, each committed by itself; what stands before "
        "is not sent again."
        if sent
        else f"No statement is left to send: {broken_off.label} is recorded as "
        f"{actions.WORDS[broken_off.action].continued}."
    )
    return Way(key=key, title=title, sentence=sentence, label=_label(offer, environment), tone="plain", reason="")


def _starting_over(broken_off: BrokenOff, environment: Environment) -> Way:
    back = actions.WORDS[broken_off.action].started_over
    return Way(
        key=WayOn.RESET,
        title="I have undone it by hand: start over",
        sentence=f"Nothing is run. {broken_off.label} {back}, and begins with statement 1 the next time. Whatever is "
        "still there then stands in its way, so undo first what is marked as committed.",
        label=f"Request approval on {environment.name}"
        if environment.protected
        else f"Start {broken_off.version} over on {environment.name}",
        tone="plain",
        reason="",
    )


def _why_not(error: EngineError) -> str:
    """The page is about one migration: it is not said again which one stands in the way."""
    sentence = str(error.facts["reason"]) if isinstance(error, PlanBlocked) else str(error)
    return f"{sentence[:1].upper()}{sentence[1:]} {error.next_step}"


def _label(plan: Plan, environment: Environment) -> str:
    if environment.protected:
        return plans.request_label(plan, environment)
    if plan.action.runs_migrations and not plans.continues(plan):
        return f"Run {plan.steps[0].version} again on {environment.name}"
    return plans.button_label(plan, environment)


def _numbers(numbers: Sequence[int]) -> str:
    """ "Statement 3", "Statements 3 and 5", "Statements 3 to 9"."""
    if len(numbers) == 1:
        return f"Statement {numbers[0]}"
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"Statements {numbers[0]} to {numbers[-1]}"
    return f"Statements {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
