"""Two people are two people: an approval does not count where one hand was lately on both accounts, the one that asks
and the one that approves. That hand is the requester's, the approver's, or a third person's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from dashboard.models import BreakGlass, ChangeRequest, PersonChange
from dashboard.services.errors import ApproverTouched

#: How long before the approval, and before the request, such a change still matters.
HOURS = 24

DID: Mapping[str, str] = {
    PersonChange.Kind.INVITED: "invited {person}",
    PersonChange.Kind.LINK: "made a one-time link for {person}",
    PersonChange.Kind.LINK_USED: "made the one-time link with which {person} set a password",
    PersonChange.Kind.ROLE: "changed the role of {person}",
    PersonChange.Kind.EMAIL: "changed the mail address of {person}",
    PersonChange.Kind.SECOND_FACTOR: "removed the second factor of {person}",
    PersonChange.Kind.DEACTIVATED: "deactivated {person}",
    PersonChange.Kind.REACTIVATED: "let {person} sign in again",
}

#: What may put an account into the hands of whoever did it.
TAKES_OVER = frozenset(
    {
        PersonChange.Kind.INVITED,
        PersonChange.Kind.LINK,
        PersonChange.Kind.LINK_USED,
        PersonChange.Kind.EMAIL,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """Who was on both accounts, and by which changes."""

    by: User
    changes: tuple[PersonChange, ...]


def was_away_since(approver: User, approved_at: datetime) -> bool:
    """Deactivated after the approval, even if they are back."""
    return PersonChange.objects.filter(
        person=approver, kind=PersonChange.Kind.DEACTIVATED, at__gte=approved_at
    ).exists()


def check(request: ChangeRequest, approver: User, *, approved_at: datetime | None = None) -> None:
    """Raises ApproverTouched. Without a moment: as if the approval were given now."""
    askers = _askers(request)
    hands = (_on_both(pk, request.requested_at, approver.pk, approved_at or timezone.now()) for pk in askers)
    hand = next(filter(None, hands), None)
    if hand is not None:
        asked = f", {askers[hand.by.pk]} request {request.pk}," if hand.by.pk in askers else ""
        raise _refusal(hand, asked, f"the approval of {approver.get_username()}")


def _askers(request: ChangeRequest) -> dict[int, str]:
    """Whoever may stand behind it: who made the token has seen it, and could have asked with it."""
    maker = request.token.made_by_id if request.token else None
    makers = {maker: "who made the token that asked for"} if maker else {}
    return {**makers, request.requested_by_id: "who asked for"}


def check_review(opening: BreakGlass, reviewer: User) -> None:
    """Raises ApproverTouched where whoever broke the glass would sign for it with another account."""
    hand = _on_both(opening.by_id, opening.at, reviewer.pk, timezone.now())
    if hand is not None:
        opened = ", who broke the glass," if hand.by.pk == opening.by_id else ""
        raise _refusal(hand, opened, f"the signature of {reviewer.get_username()}")


def _on_both(first: int, began_at: datetime, second: int, moment: datetime) -> Hand | None:
    """The newest change that makes two people one: `first` did something at `began_at`, which `second` confirms at
    `moment`."""
    window = timedelta(hours=HOURS)
    of_second = Q(person=second, at__gte=min(began_at, moment - window))
    of_first = Q(person=first, at__gte=began_at - window, at__lte=began_at, kind__in=TAKES_OVER)
    changes = list(PersonChange.objects.filter(of_second | of_first).select_related("by", "person").order_by("-at"))
    for change in changes:
        if (change.person_id, change.by_id) in {(first, second), (second, first)}:
            return Hand(by=change.by, changes=(change,))
    return _of_a_third([c for c in changes if c.kind in TAKES_OVER and c.at <= moment], first, second)


def _of_a_third(changes: Sequence[PersonChange], first: int, second: int) -> Hand | None:
    """Somebody who had both accounts in hand can be both; what they did after the approval gave them nothing."""
    on_first = {change.by_id: change for change in reversed(changes) if change.person_id == first}
    for change in changes:
        if change.person_id == second and change.by_id in on_first:
            return Hand(by=change.by, changes=(on_first[change.by_id], change))
    return None


def _refusal(hand: Hand, role: str, confirmation: str) -> ApproverTouched:
    did = " and ".join(DID[change.kind].format(person=change.person.get_username()) for change in hand.changes)
    return ApproverTouched(who=f"{hand.by.get_username()}{role}", change=did, confirmation=confirmation, hours=HOURS)
