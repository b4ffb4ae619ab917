"""People as pages need them."""

from __future__ import annotations

from dataclasses import dataclass

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from dashboard.models import ChangeRequest, MachineAccount, OneTimeLink
from dashboard.models.environments import Environment
from dashboard.models.roles import RANK, Role, highest


def administrators() -> list[User]:
    """Whom to ask for a role."""
    return _with(Role.ADMIN)


def approvers() -> list[User]:
    """Whoever may decide on requests, administrators included."""
    return _with(Role.APPROVER)


def deciders(request: ChangeRequest, environment: Environment) -> list[User]:
    """Who could still approve it: whom the policy lets approve there, not its requester, and nobody twice."""
    decided = {decision.by_id for decision in request.decisions.all()} | {request.requested_by_id}
    decided |= {request.token.made_by_id} if request.token and request.token.made_by_id else set()
    named = environment.approvers
    return [
        person
        for person in _with(environment.approver_role)
        if person.pk not in decided and (not named or person.get_username() in named)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    person: User
    role: Role | None
    link: OneTimeLink | None  # that can still be used
    has_second_factor: bool
    is_machine: bool = False


def everybody() -> list[Listed]:
    """All people, who may come in first; with a fixed number of queries."""
    machines = set(MachineAccount.objects.values_list("account_id", flat=True))
    with_factor = set(Authenticator.objects.exclude(type="recovery_codes").values_list("user_id", flat=True))
    open_links = OneTimeLink.objects.filter(used_at=None, expires_at__gt=timezone.now())
    links = {link.person_id: link for link in open_links}
    everyone = User.objects.prefetch_related("groups").order_by("-is_active", "username")
    return [
        Listed(
            person=person,
            role=highest({group.name for group in person.groups.all()}, is_superuser=person.is_superuser),
            link=links.get(person.pk),
            has_second_factor=person.pk in with_factor,
            is_machine=person.pk in machines,
        )
        for person in everyone
    ]


def _with(role: Role) -> list[User]:
    """One query, whatever the number of people."""
    sufficient = [each.value for each in Role if RANK[each] >= RANK[role]]
    entitled = Q(is_superuser=True) | Q(groups__name__in=sufficient)
    return list(User.objects.filter(entitled, is_active=True).distinct().order_by("username"))
