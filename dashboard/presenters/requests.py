"""Requests as people read and decide on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.urls import reverse

from dashboard.models import BreakGlass, ChangeRequest, Comment, Decision, Run, environments
from dashboard.presenters import plans as plan_presenter
from dashboard.presenters import policy, runs, statuses, wording
from dashboard.presenters.actions import WORDS
from dashboard.presenters.badges import Badge, badge_of
from dashboard.presenters.buttons import ActionButton, refusal, sentence_of
from dashboard.presenters.pills import Pill
from dashboard.presenters.runs import RunRow
from dashboard.selectors.requests import Tab, has_expired, own_run
from dashboard.services import permissions, policies
from dashboard.services.actors import Actor
from dashboard.services.comments import MENTION
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
class CommentPart:
    text: str
    is_mention: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One station of the timeline component."""

    at: datetime
    who: str
    sentence: str
    tone: str
    icon: str
    comment: str = ""
    parts: tuple[CommentPart, ...] = ()  # of a comment that was written for itself
    mentioned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreviewed:
    """A run that one person let happen alone, and that nobody else has signed."""

    sentence: str
    reason: str
    lifted: tuple[str, ...]
    review: ActionButton


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
    standing: str  # how many have approved it, and who still has to
    remarks: tuple[str, ...]  # why more are needed than usual, and whose approval does not count any more
    when: tuple[tuple[str, str], ...]  # what the policy says of the clock and the order of environments
    closed: str  # why nothing may begin now
    completes: bool  # one more approval lets it run now
    schedule: ActionButton
    unschedule: ActionButton
    starts_at: datetime | None
    scheduled_by: str
    not_started: str  # why the last scheduled start did not take place
    comment: ActionButton
    break_glass: ActionButton
    open_glass: str  # that it is open now, for whom
    unreviewed: tuple[Unreviewed, ...]


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
        "Open one from the page of such an environment, with “Request approval”.",
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
    run = own_run(request)
    if not request.rollback_digest or request.status not in covers or (run and run.break_glass_id):
        return ""
    environment = environments.get_even_former(request.environment)
    span = wording.hours(environment.rollback_hours)
    covered = f"the rollback of these migrations, all of them or the newest first, for {span} after they ran"
    if environment.loss_needs_more:
        covered += f"; where that may lose data, only if {environment.approvals_with_loss} people have approved this"
    return f"{covers[ChangeRequest.Status(request.status)]} {covered}."


def timeline(state: RequestState) -> list[Happening]:
    """Oldest first."""
    request = state.request
    happenings = [_opened(request), *map(_decided, state.decisions), *map(_commented, state.comments)]
    for opening in state.openings:
        happenings += _opened_glass(opening)
    for run in state.runs:
        happenings += _ran(run)
    if request.closed_at and request.status not in {ChangeRequest.Status.DONE, ChangeRequest.Status.REJECTED}:
        happenings.append(_closed(request, request.closed_at))
    return sorted(happenings, key=lambda h: h.at)


def actions(state: RequestState, by: Actor) -> Actions:
    request = state.request
    return Actions(
        reject=_decide(state, by, "Reject", "request-reject"),
        approve=_approve(state, by),
        withdraw=_withdraw(request, by),
        run=_run(state, by),
        objection=state.objection,
        inserted=_inserted(state),
        lapsed=_lapsed(state),
        standing="" if request.closed_at else policy.approvals(state.standing),
        remarks=() if request.closed_at else tuple(policy.remarks(state.standing)),
        when=() if request.closed_at else tuple(policy.when(state.environment)),
        closed=f"{state.closed} {state.closed.remedy}" if state.closed else "",
        completes=state.standing.missing <= 1 and state.closed is None,
        schedule=_schedule(state, by),
        unschedule=_unschedule(state, by),
        starts_at=request.start_at,
        scheduled_by=request.scheduled_by.get_username() if request.scheduled_by else "",
        not_started="" if request.closed_at else request.not_started_because,
        comment=_comment(request, by),
        break_glass=_break_glass(state, by),
        open_glass=_is_open(state),
        unreviewed=tuple(unreviewed(opening, by) for opening in state.openings if opening.reviewed_by is None),
    )


def unreviewed(opening: BreakGlass, by: Actor) -> Unreviewed:
    return Unreviewed(
        sentence=glass_sentence(opening),
        reason=opening.reason,
        lifted=tuple(opening.lifted),
        review=ActionButton(
            label="Sign the review",
            url=reverse("break-glass-review", args=[opening.request_id, opening.pk]),
            method="post",
            tone="primary",
            reason=refusal(partial(permissions.check_can_review, by, opening)),
        ),
    )


def glass_sentence(opening: BreakGlass) -> str:
    name = opening.by.get_username()
    return f"{name} broke the glass for request {opening.request_id}, and nobody else has reviewed that yet."


def _approve(state: RequestState, by: Actor) -> ActionButton:
    request = state.request
    check = partial(permissions.check_can_approve, by, request, state.environment, state.decisions)
    return _decide(state, by, "Approve", "request-approve", _no_approval(state), check=check)


def _schedule(state: RequestState, by: Actor) -> ActionButton:
    """What is in the way now may be gone at the chosen moment, so it does not disable the button."""
    request = state.request
    return ActionButton(
        label="Start it then",
        url=reverse("request-schedule", args=[request.pk]),
        method="post",
        icon="queued",
        show=request.status == ChangeRequest.Status.APPROVED and not state.is_running,
        reason=refusal(partial(permissions.check_can_run, by)) or _too_late(state) or _no_longer_holds(state),
    )


def _unschedule(state: RequestState, by: Actor) -> ActionButton:
    return ActionButton(
        label="Do not start it then",
        url=reverse("request-unschedule", args=[state.request.pk]),
        method="post",
        icon="cancel",
        show=state.request.start_at is not None,
        reason=refusal(partial(permissions.check_can_run, by)),
    )


def _comment(request: ChangeRequest, by: Actor) -> ActionButton:
    return ActionButton(
        label="Comment",
        url=reverse("request-comment", args=[request.pk]),
        method="post",
        icon="comment",
        reason=refusal(partial(permissions.check_can_comment, by)),
    )


def _break_glass(state: RequestState, by: Actor) -> ActionButton:
    """Offered only where something is in the way that it lifts."""
    request, blocked = state.request, not state.standing.is_met or state.closed is not None
    return ActionButton(
        label="Break the glass",
        url=reverse("break-glass", args=[request.pk]),
        method="post",
        tone="danger",
        icon="attention",
        show=state.no_glass is None
        and blocked
        and state.open_glass is None
        and not state.is_running
        and not refusal(partial(permissions.check_can_break_glass, by, state.environment)),
        reason=_no_longer_holds(state),
    )


def _is_open(state: RequestState) -> str:
    if state.open_glass is None or state.is_running:
        return ""
    return (
        f"The glass is broken: {state.open_glass.by.get_username()} can run it without what is missing until "
        f"{state.open_glass.expires_at:%H:%M} UTC, and nobody else can."
    )


def _inserted(state: RequestState) -> str:
    if not state.inserted:
        return ""
    labels, one = ", ".join(state.inserted[:5]), len(state.inserted) == 1
    more = f" and {len(state.inserted) - 5} more" if len(state.inserted) > 5 else ""
    verb, it, they = ("is", "it", "it comes") if one else ("are", "them", "they come")
    return (
        f"{labels}{more} {verb} pending now and not in this plan, although {they} before the last of what it runs. "
        f"A run of this plan leaves {it} behind, out of order. Open a new request to have {it} run in order."
    )


def _lapsed(state: RequestState) -> str:
    """Where a request expired: who had approved it before, if anybody."""
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
    if gone := _requester_gone(state.request):
        return gone
    if state.proof and state.proof.missing:
        return f"It cannot be approved yet: see what is missing above ({len(state.proof.missing)})."
    return sentence_of(state.unbound)


def _decide(
    state: RequestState,
    by: Actor,
    label: str,
    view: str,
    otherwise: str = "",
    *,
    check: Callable[[], None] | None = None,
) -> ActionButton:
    request = state.request
    return ActionButton(
        label=label,
        url=reverse(view, args=[request.pk]),
        method="post",
        tone="primary",
        show=request.status == ChangeRequest.Status.OPEN,
        reason=refusal(check or partial(permissions.check_can_decide, by, request)) or _too_late(state) or otherwise,
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
    opened_it = state.open_glass is not None and state.open_glass.by_id == by.person.pk
    return ActionButton(
        label=plan_presenter.button_label(request.plan, state.environment),
        url=reverse("request-run", args=[request.pk]),
        method="post",
        tone="primary",
        icon="run",
        show=(request.status == ChangeRequest.Status.APPROVED or opened_it) and not state.is_running,
        reason=refusal(partial(permissions.check_can_run, by))
        or sentence_of(state.occupied or state.unbound)
        or _requester_gone(request)
        or _too_late(state)
        or _no_longer_holds(state)
        or ("" if opened_it else sentence_of(state.closed)),
    )


def _requester_gone(request: ChangeRequest) -> str:
    person = request.requested_by
    return "" if person.is_active else f"{person.get_username()}, who asked for this, was deactivated since."


def _no_longer_holds(state: RequestState) -> str:
    return "It would refuse to start: its plan no longer holds." if state.objection else ""


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


def _commented(comment: Comment) -> Happening:
    return Happening(
        at=comment.at,
        who=comment.by.get_username(),
        sentence="commented",
        tone="muted",
        icon="comment",
        parts=tuple(_parts(comment.text, comment.mentions)),
        mentioned=tuple(comment.mentions),
    )


def _parts(text: str, names: Sequence[str]) -> Iterator[CommentPart]:
    """The text as it was written, cut at the names that it mentions."""
    end = 0
    for match in MENTION.finditer(text):
        if match[1] in names:
            yield CommentPart(text=text[end : match.start()])
            yield CommentPart(text=match[0], is_mention=True)
            end = match.end()
    yield CommentPart(text=text[end:])


def _opened_glass(opening: BreakGlass) -> Iterator[Happening]:
    yield Happening(
        at=opening.at,
        who=opening.by.get_username(),
        sentence="broke the glass",
        tone="danger",
        icon="attention",
        comment=opening.reason,
    )
    if opening.reviewed_by and opening.reviewed_at:
        name = opening.reviewed_by.get_username()
        yield Happening(
            at=opening.reviewed_at, who=name, sentence="reviewed that", tone="ok", icon="ok", comment=opening.review
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
