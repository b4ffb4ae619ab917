"""One request, as a person decides on it: what may be done with it, by whom, and why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.urls import reverse

from dashboard.engine.errors import EngineError
from dashboard.models import BreakGlass, ChangeRequest, Decision, environments
from dashboard.presenters import plans as plan_presenter
from dashboard.presenters import policy, wording
from dashboard.presenters.actions import WORDS
from dashboard.presenters.buttons import ActionButton, refusal, sentence_of
from dashboard.selectors.requests import has_expired, own_run
from dashboard.services import permissions, policies
from dashboard.services.actors import Actor
from dashboard.services.validity import RequestState


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


def actions(state: RequestState, by: Actor, *, touched: EngineError | None = None) -> Actions:
    """`touched`: why an approval of this person would not count."""
    request = state.request
    return Actions(
        reject=_decide(state, by, "Reject", "request-reject"),
        approve=_approve(state, by, touched),
        withdraw=_withdraw(request, by),
        run=_run(state, by),
        objection=state.objection,
        inserted=_inserted(state),
        lapsed=_lapsed(state),
        standing="" if request.closed_at else policy.approvals(state.standing),
        remarks=() if request.closed_at else tuple(policy.remarks(state.standing)),
        when=() if request.closed_at else tuple(policy.when(state.environment)),
        closed=f"{state.closed} {state.closed.remedy}" if state.closed else "",
        completes=state.standing.missing <= 1
        and state.closed is None
        and not refusal(partial(permissions.check_can_start, by, request.plan.action)),
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


def _approve(state: RequestState, by: Actor, touched: EngineError | None) -> ActionButton:
    request = state.request
    check = partial(permissions.check_can_approve, by, request, state.environment, state.decisions)
    otherwise = sentence_of(touched) or _no_approval(state)
    return _decide(state, by, "Approve", "request-approve", otherwise, check=check)


def _schedule(state: RequestState, by: Actor) -> ActionButton:
    """What is in the way now may be gone at the chosen moment, so it does not disable the button."""
    request = state.request
    return ActionButton(
        label="Start it then",
        url=reverse("request-schedule", args=[request.pk]),
        method="post",
        icon="queued",
        show=request.status == ChangeRequest.Status.APPROVED and not state.is_running,
        reason=refusal(partial(permissions.check_can_start, by, request.plan.action))
        or _too_late(state)
        or _no_longer_holds(state),
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
        reason=refusal(partial(permissions.check_can_start, by, request.plan.action))
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
