"""People as pages need them."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import Q

from dashboard.models import ChangeRequest
from dashboard.models.roles import RANK, Role


def administrators() -> list[User]:
    """Whom to ask for a role."""
    return _with(Role.ADMIN)


def deciders(request: ChangeRequest) -> list[User]:
    """Who could decide on it: an approver who is not its requester."""
    return [person for person in _with(Role.APPROVER) if person.pk != request.requested_by_id]


def _with(role: Role) -> list[User]:
    """One query, whatever the number of people."""
    sufficient = [each.value for each in Role if RANK[each] >= RANK[role]]
    entitled = Q(is_superuser=True) | Q(groups__name__in=sufficient)
    return list(User.objects.filter(entitled, is_active=True).distinct().order_by("username"))
