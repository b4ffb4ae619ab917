"""People as pages need them."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import Q

from dashboard.models import ChangeRequest
from dashboard.models.environments import Environment
from dashboard.models.roles import RANK, Role


def administrators() -> list[User]:
    """Whom to ask for a role."""
    return _with(Role.ADMIN)


def deciders(request: ChangeRequest, environment: Environment) -> list[User]:
    """Who could still approve it: whom the policy lets approve there, not its requester, and nobody twice."""
    decided = {decision.by_id for decision in request.decisions.all()} | {request.requested_by_id}
    named = environment.approvers
    return [
        person
        for person in _with(environment.approver_role)
        if person.pk not in decided and (not named or person.get_username() in named)
    ]


def _with(role: Role) -> list[User]:
    """One query, whatever the number of people."""
    sufficient = [each.value for each in Role if RANK[each] >= RANK[role]]
    entitled = Q(is_superuser=True) | Q(groups__name__in=sufficient)
    return list(User.objects.filter(entitled, is_active=True).distinct().order_by("username"))
