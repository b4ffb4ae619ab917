"""Two people are two people: an approval does not count where whoever asked has lately changed what the approver
signs in with, or may do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from dashboard.models import ChangeRequest, PersonChange
from dashboard.services.errors import ApproverTouched

#: How long before the approval such a change still matters.
HOURS = 24

DID: Mapping[str, str] = {
    PersonChange.Kind.INVITED: "invited {approver}",
    PersonChange.Kind.LINK: "made a one-time link for {approver}",
    PersonChange.Kind.LINK_USED: "made the one-time link with which {approver} set a password",
    PersonChange.Kind.ROLE: "changed the role of {approver}",
    PersonChange.Kind.EMAIL: "changed the mail address of {approver}",
    PersonChange.Kind.SECOND_FACTOR: "removed the second factor of {approver}",
    PersonChange.Kind.DEACTIVATED: "deactivated {approver}",
    PersonChange.Kind.REACTIVATED: "let {approver} sign in again",
}


def was_away_since(approver: User, approved_at: datetime) -> bool:
    """Deactivated after the approval, even if they are back."""
    return PersonChange.objects.filter(
        person=approver, kind=PersonChange.Kind.DEACTIVATED, at__gte=approved_at
    ).exists()


def touched(request: ChangeRequest, approver: User, *, approved_at: datetime) -> PersonChange | None:
    """The last change by whoever asked, since the request was opened or shortly before the approval."""
    since = min(request.requested_at, approved_at - timedelta(hours=HOURS))
    changes = PersonChange.objects.filter(person=approver, by=request.requested_by_id, at__gte=since)
    return changes.order_by("-at").first()


def check(request: ChangeRequest, approver: User, *, approved_at: datetime | None = None) -> None:
    """Raises ApproverTouched. Without a moment: as if the approval were given now."""
    change = touched(request, approver, approved_at=approved_at or timezone.now())
    if change is not None:
        name = approver.get_username()
        raise ApproverTouched(
            approver=name,
            requester=request.requested_by.get_username(),
            request=request.pk,
            change=DID[change.kind].format(approver=name),
            hours=HOURS,
        )
