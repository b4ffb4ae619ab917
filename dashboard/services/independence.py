"""Two people are two people: an approval does not count where one hand was lately on both accounts, the one that asks
and the one that approves. That hand is the requester's, the approver's, or a third person's. What was done in a shell
was done by nobody knows whom, so it may have been any of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from dashboard.models import BreakGlass, ChangeRequest, PersonChange
from dashboard.models.environments import Environment
from dashboard.selectors import people, requests
from dashboard.services.errors import ApproverTouched

#: A moment that was now when it was asked for.
_A_MOMENT = timedelta(seconds=1)
#: How long before the approval, and before the request, such a change still matters.
HOURS = 24

DID: Mapping[str, str] = {
    PersonChange.Kind.CREATED: "made the account of {person}",
    PersonChange.Kind.PASSWORD: "set the password of {person}",
    PersonChange.Kind.INVITED: "invited {person}",
    PersonChange.Kind.LINK: "made a one-time link for {person}",
    PersonChange.Kind.LINK_USED: "made the one-time link with which {person} set a password",
    PersonChange.Kind.ROLE: "changed the role of {person}",
    PersonChange.Kind.ADDRESS_USED: "set the mail address by which {person} came in",
    PersonChange.Kind.EMAIL: "changed the mail address of {person}",
    PersonChange.Kind.SECOND_FACTOR: "removed the second factor of {person}",
    PersonChange.Kind.DEACTIVATED: "deactivated {person}",
    PersonChange.Kind.REACTIVATED: "let {person} sign in again",
}

#: What may put an account into the hands of whoever did it.
TAKES_OVER = frozenset(
    {
        PersonChange.Kind.CREATED,
        PersonChange.Kind.PASSWORD,
        PersonChange.Kind.INVITED,
        PersonChange.Kind.LINK,
        PersonChange.Kind.LINK_USED,
        PersonChange.Kind.EMAIL,
        PersonChange.Kind.ADDRESS_USED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """Who was on both accounts, and by which changes; None for whoever had a shell."""

    by: User | None
    changes: tuple[PersonChange, ...]

    @property
    def name(self) -> str:
        return self.by.get_username() if self.by else "Somebody with a shell"

    def is_of(self, person: int) -> bool:
        return self.by is not None and self.by.pk == person


@dataclass(frozen=True, slots=True, kw_only=True)
class PossibleApprover:
    """Who may approve, and from when on where it does not count yet."""

    person: User
    barred_until: datetime | None

    @property
    def may_now(self) -> bool:
        return self.barred_until is None


def was_away_since(approver: User, approved_at: datetime) -> bool:
    """Deactivated after the approval, even if they are back."""
    return PersonChange.objects.filter(
        person=approver, kind=PersonChange.Kind.DEACTIVATED, at__gte=approved_at
    ).exists()


def check(request: ChangeRequest, approver: User, *, approved_at: datetime | None = None) -> None:
    """Raises ApproverTouched. Without a moment: as if the approval were given now."""
    askers, moment = _askers(request), approved_at or timezone.now()
    changes = _changes([*askers, approver.pk], min(request.requested_at, moment))
    hand = _hand(changes, request, approver, moment)
    if hand is not None:
        by = next((pk for pk in askers if hand.is_of(pk)), None)
        asked = f", {askers[by]} request {request.pk}," if by else ""
        confirmation = f"the approval of {approver.get_username()}"
        if approved_at:
            raise _refusal(hand, asked, confirmation)
        ends = _free_from(list(askers), approver.pk, request.requested_at, changes)
        raise _refusal(hand, asked, confirmation, remedy=_ways_on(ends))


def refusal(request: ChangeRequest, approver: User) -> ApproverTouched | None:
    """Why an approval by that person would not count now."""
    try:
        check(request, approver)
    except ApproverTouched as error:
        return error
    return None


def barred(approver: User) -> list[int]:
    """The numbers of the requests that wait for others, because an approval by that person would not count now."""
    waiting = [*requests.waiting_for(approver).defer("frozen_plan").select_related("token")]
    if not waiting:
        return []
    persons = {approver.pk, *(pk for each in waiting for pk in _askers(each))}
    changes, now = _changes(persons, min(each.requested_at for each in waiting)), timezone.now()
    return [each.pk for each in waiting if _hand(changes, each, approver, now)]


def _ways_on(ends: datetime | None) -> str:
    if ends is None:
        return f"Let another person decide, or withdraw it and ask anew {HOURS} hours after that change."
    return f"Let another person decide, or approve it from {ends:%Y-%m-%d %H:%M} UTC on."


def _askers(request: ChangeRequest) -> dict[int, str]:
    """Whoever may stand behind it: who made the token has seen it, and could have asked with it."""
    maker = request.token.made_by_id if request.token else None
    makers = {maker: "who made the token that asked for"} if maker else {}
    return {**makers, request.requested_by_id: "who asked for"}


def check_review(opening: BreakGlass, reviewer: User) -> None:
    """Raises ApproverTouched where whoever broke the glass would sign for it with another account."""
    changes = _changes([opening.by_id, reviewer.pk], opening.at)
    hand = _on_both(changes, opening.by_id, opening.at, reviewer.pk, timezone.now())
    if hand is not None:
        opened = ", who broke the glass," if hand.is_of(opening.by_id) else ""
        raise _refusal(hand, opened, f"the signature of {reviewer.get_username()}")


def candidates(persons: Iterable[User], requester: User) -> list[PossibleApprover]:
    """Those whose approval of what that person asks for next would count, or will. Among them that person too, who
    approves for others."""
    persons, now = [*persons], timezone.now()
    changes = _changes([requester.pk, *(person.pk for person in persons)], now)
    return _possible({p: now if p == requester else _free_from([requester.pk], p.pk, None, changes) for p in persons})


def approvers_of(request: ChangeRequest, environment: Environment) -> list[PossibleApprover]:
    """Who can still approve it, whom the policy lets: those whose approval counts, or will."""
    askers = list(_askers(request))
    persons = [*people.deciders(request, environment)]
    changes = _changes([*askers, *(person.pk for person in persons)], request.requested_at)
    return _possible({person: _free_from(askers, person.pk, request.requested_at, changes) for person in persons})


def _possible(free: Mapping[User, datetime | None]) -> list[PossibleApprover]:
    now = timezone.now() + _A_MOMENT
    return [
        PossibleApprover(person=person, barred_until=moment if moment > now else None)
        for person, moment in free.items()
        if moment is not None
    ]


def _changes(persons: Collection[int], began_at: datetime) -> list[PersonChange]:
    """All that may count for what was begun at that moment or later, newest first: asked for once, and judged here."""
    since = began_at - 2 * timedelta(hours=HOURS)
    changes = PersonChange.objects.filter(person__in=persons, at__gte=since)
    return list(changes.select_related("by", "person").order_by("-at"))


def _hand(changes: Sequence[PersonChange], request: ChangeRequest, approver: User, moment: datetime) -> Hand | None:
    """On one of those who may stand behind the request, and on whoever approves it at that moment."""
    hands = (_on_both(changes, pk, request.requested_at, approver.pk, moment) for pk in _askers(request))
    return next(filter(None, hands), None)


def _free_from(
    askers: Collection[int], approver: int, asked_at: datetime | None, changes: Sequence[PersonChange]
) -> datetime | None:
    """None where an approval never counts for what was asked for at `asked_at`. Without that moment: for what is asked
    for only then."""
    now, window = timezone.now(), timedelta(hours=HOURS)
    persons = {*askers, approver}
    ends = sorted(each.at + window + timedelta(seconds=1) for each in changes if each.person_id in persons)
    for moment in (now, *(end for end in ends if end > now)):
        if not any(_on_both(changes, pk, asked_at or moment, approver, moment) for pk in askers):
            return moment
    return None


def _on_both(
    changes: Sequence[PersonChange], first: int, began_at: datetime, second: int, moment: datetime
) -> Hand | None:
    """The newest change that makes two people one: `first` did something at `began_at`, which `second` confirms at
    `moment`."""
    window = timedelta(hours=HOURS)
    counting = [
        change
        for change in changes
        if (change.person_id == second and change.at >= min(began_at, moment - window))
        or (change.person_id == first and began_at - window <= change.at <= began_at and change.kind in TAKES_OVER)
    ]
    direct = [c for c in counting if c.by_id is None or (c.person_id, c.by_id) in {(first, second), (second, first)}]
    if direct:
        change = _with_its_account(direct)
        return Hand(by=change.by, changes=(change,))
    return _of_a_third([c for c in counting if c.kind in TAKES_OVER and c.at <= moment], first, second)


def _with_its_account(direct: Sequence[PersonChange]) -> PersonChange:
    """The newest; of a role that an account got when it was made, that it was made, which says more."""
    newest = direct[0]
    made = next((each for each in direct if each.kind == PersonChange.Kind.CREATED), newest)
    is_of_one_deed = newest.kind == PersonChange.Kind.ROLE and newest.at - made.at < timedelta(hours=1)
    return made if is_of_one_deed else newest


def _of_a_third(changes: Sequence[PersonChange], first: int, second: int) -> Hand | None:
    """Somebody who had both accounts in hand can be both; what they did after the approval gave them nothing."""
    on_first = {change.by_id: change for change in reversed(changes) if change.person_id == first}
    for change in changes:
        if change.person_id == second and change.by_id in on_first:
            return Hand(by=change.by, changes=(on_first[change.by_id], change))
    return None


def _refusal(hand: Hand, role: str, confirmation: str, **more: str) -> ApproverTouched:
    did = " and ".join(DID[change.kind].format(person=change.person.get_username()) for change in hand.changes)
    return ApproverTouched(who=f"{hand.name}{role}", change=did, confirmation=confirmation, hours=HOURS, **more)
