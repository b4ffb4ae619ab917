"""Requests as people read and decide on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.urls import reverse

from dashboard.models import ChangeRequest, Decision, Run, environments
from dashboard.presenters import plans as plan_presenter
from dashboard.presenters import runs, statuses, wording
from dashboard.presenters.actions import WORDS
from dashboard.presenters.badges import Badge, badge_of
from dashboard.presenters.buttons import ActionButton, refusal, sentence_of
from dashboard.presenters.pills import Pill
from dashboard.presenters.runs import RunRow
from dashboard.selectors.requests import Tab, has_expired, own_run
from dashboard.services import permissions, policies
from dashboard.services.actors import Actor
from dashboard.services.validity import RequestState


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    url: str
    title: str
    pill: Pill
    place: Badge
    reason: str
    by: str
    at: datetime
    expires_at: datetime | None
    has_expired: bool
    run: RunRow | None  # of a request that is done


@dataclass(frozen=True, slots=True, kw_only=True)
class TabView:
    label: str
    url: str
    count: int
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One station of the timeline component."""

    at: datetime
    who: str
    sentence: str
    tone: str
    icon: str
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """What may be done with a request by this person; a refusal is the service's own sentence."""

    approve: ActionButton
    reject: ActionButton
    withdraw: ActionButton
    run: ActionButton
    objection: str  # why the plan no longer holds
    inserted: str  # what it would leave behind out of order
    lapsed: str  # that its time ran out, and what became of it until then


TAB_LABELS = {Tab.NEEDS_ME: "Needs me", Tab.OPEN: "Open", Tab.DONE: "Done"}

#: Title and sentence where a tab holds nothing.
EMPTY: Mapping[Tab, tuple[str, str]] = {
    Tab.NEEDS_ME: (
        "Nothing waits for you",
        "Requests that someone else opened and you can decide on appear here, and your own once they are approved "
        "and ready to run.",
    ),
    Tab.OPEN: (
        "No request is open",
        "A request asks a second person to let migrations run on a protected environment. "
        "Open one from the page of the environment, with “Apply”.",
    ),
    Tab.DONE: (
        "No request has been closed yet",
        "Requests end here once they were run, rejected, withdrawn, or expired.",
    ),
}


def tabs(current: Tab, counts: Mapping[Tab, int]) -> list[TabView]:
    return [
        TabView(label=label, url=f"?tab={tab.value}", count=counts.get(tab, 0), current=tab is current)
        for tab, label in TAB_LABELS.items()
    ]


def row(request: ChangeRequest) -> RequestRow:
    run = _ended(request)
    return RequestRow(
        url=reverse("request", args=[request.pk]),
        title=request.title,
        pill=run.pill if run else pill(request),
        place=badge_of(request.environment),
        run=run,
        reason=request.reason,
        by=request.requested_by.get_username(),
        at=request.requested_at,
        expires_at=None if request.closed_at else request.expires_at,
        has_expired=has_expired(request),
    )


def pill(request: ChangeRequest) -> Pill:
    """A request that is done ended as its run did; one whose time is over is expired, also before that is recorded."""
    run = _ended(request)
    if run:
        return run.pill
    return statuses.REQUEST[ChangeRequest.Status.EXPIRED if has_expired(request) else request.status]


def _ended(request: ChangeRequest) -> RunRow | None:
    run = own_run(request) if request.status == ChangeRequest.Status.DONE else None
    return runs.row(run) if run else None


def then(request: ChangeRequest) -> str:
    """What the button does besides approving: "apply now"."""
    words = WORDS[request.action]
    return "continue now" if plan_presenter.continues(request.plan) else words.then


def promise(request: ChangeRequest) -> str:
    """What approving covers beyond the plan itself."""
    covers = {
        ChangeRequest.Status.OPEN: "Approving also approves",
        ChangeRequest.Status.APPROVED: "The approval also covers",
        ChangeRequest.Status.DONE: "The approval also covers",
    }
    if not request.rollback_digest or request.status not in covers:
        return ""
    span = wording.hours(environments.get_even_former(request.environment).rollback_hours)
    covered = f"the rollback of these migrations, all of them or the newest first, for {span} after they ran"
    return f"{covers[ChangeRequest.Status(request.status)]} {covered}."


def timeline(state: RequestState) -> list[Happening]:
    """Oldest first."""
    request = state.request
    happenings = [_opened(request), *map(_decided, state.decisions)]
    for run in state.runs:
        happenings += _ran(run)
    if request.closed_at and request.status not in {ChangeRequest.Status.DONE, ChangeRequest.Status.REJECTED}:
        happenings.append(_closed(request, request.closed_at))
    return sorted(happenings, key=lambda h: h.at)


def actions(state: RequestState, by: Actor) -> Actions:
    request = state.request
    return Actions(
        reject=_decide(state, by, "Reject", "request-reject"),
        approve=_decide(state, by, "Approve", "request-approve", _no_approval(state)),
        withdraw=_withdraw(request, by),
        run=_run(state, by),
        objection=state.objection,
        inserted=_inserted(state),
        lapsed=_lapsed(state),
    )


def _inserted(state: RequestState) -> str:
    if not state.inserted:
        return ""
    labels, one = ", ".join(state.inserted[:5]), len(state.inserted) == 1
    more = f" and {len(state.inserted) - 5} more" if len(state.inserted) > 5 else ""
    verb, it, they = ("is", "it", "it comes") if one else ("are", "them", "they come")
    return (
        f"{labels}{more} {verb} pending by now and not in this plan, although {they} before the last of what it runs. "
        f"A run of this plan leaves {it} behind, out of order. Open a new request to have {it} run in order."
    )


def _lapsed(state: RequestState) -> str:
    """Where a request expired: who had approved it by then, if anybody."""
    request = state.request
    if state.is_running or not (has_expired(request) or request.status == ChangeRequest.Status.EXPIRED):
        return ""
    names = [d.by.get_username() for d in state.decisions if d.verdict == Decision.Verdict.APPROVED]
    if not names:
        return "Nobody decided on it in time: it has expired, and nothing was run. Open a new request."
    return (
        f"{' and '.join(names)} approved it, and the approval has expired before it was run. It does not hold any "
        "more: open a new request and have it approved."
    )


def _no_approval(state: RequestState) -> str:
    """Why nobody could approve it now."""
    if state.objection:
        return "It cannot be approved: its plan no longer holds."
    if state.proof and state.proof.missing:
        return f"It cannot be approved yet: see what is missing above ({len(state.proof.missing)})."
    return sentence_of(state.unbound)


def _decide(state: RequestState, by: Actor, label: str, view: str, otherwise: str = "") -> ActionButton:
    request = state.request
    return ActionButton(
        label=label,
        url=reverse(view, args=[request.pk]),
        method="post",
        tone="primary",
        show=request.status == ChangeRequest.Status.OPEN,
        reason=refusal(partial(permissions.check_can_decide, by, request)) or _too_late(state) or otherwise,
    )


def _withdraw(request: ChangeRequest, by: Actor) -> ActionButton:
    reason = refusal(partial(permissions.check_can_withdraw, by, request))
    return ActionButton(
        label="Withdraw this request",
        url=reverse("request-withdraw", args=[request.pk]),
        method="post",
        icon="cancel",
        show=not refusal(partial(policies.check_can_be_withdrawn, request)) and not reason,
    )


def _run(state: RequestState, by: Actor) -> ActionButton:
    request = state.request
    return ActionButton(
        label=plan_presenter.button_label(request.plan, state.environment),
        url=reverse("request-run", args=[request.pk]),
        method="post",
        tone="primary",
        icon="run",
        show=request.status == ChangeRequest.Status.APPROVED and not state.is_running,
        reason=refusal(partial(permissions.check_can_run, by))
        or sentence_of(state.occupied or state.unbound)
        or _too_late(state)
        or ("It would refuse to start: its plan no longer holds." if state.objection else ""),
    )


def _too_late(state: RequestState) -> str:
    return "It has expired. Open a new request." if state.expired else ""


def _opened(request: ChangeRequest) -> Happening:
    return Happening(
        at=request.requested_at,
        who=request.requested_by.get_username(),
        sentence="asked for approval",
        tone="info",
        icon="request",
    )


def _decided(decision: Decision) -> Happening:
    approved = decision.verdict == Decision.Verdict.APPROVED
    return Happening(
        at=decision.at,
        who=decision.by.get_username(),
        sentence="approved it" if approved else "rejected it",
        tone="ok" if approved else "danger",
        icon="ok" if approved else "fail",
        comment=decision.reason,
    )


def _ran(run: Run) -> list[Happening]:
    verb = WORDS[run.action].started
    name = run.started_by.get_username()
    happenings = [Happening(at=run.queued_at, who=name, sentence=f"{verb} run {run.pk}", tone="run", icon="run")]
    if run.finished_at:
        shown = runs.row(run).pill
        sentence = f"Run {run.pk}: {shown.label.lower()}"
        happenings.append(Happening(at=run.finished_at, who="", sentence=sentence, tone=shown.tone, icon=shown.icon))
    return happenings


def _closed(request: ChangeRequest, at: datetime) -> Happening:
    shown = pill(request)
    return Happening(
        at=at, who="", sentence=shown.label, tone=shown.tone, icon=shown.icon, comment=request.closed_because
    )
