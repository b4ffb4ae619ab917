"""Who may, by person. What may be done in a state is in `policies`.

Each role includes the ones before it. A superuser counts as administrator; nobody approves their own request.
"""

from __future__ import annotations

from enum import StrEnum
from functools import partial

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

from dashboard.models import Request, Run
from dashboard.services.actors import Actor
from dashboard.services.errors import OwnRequest, PermissionRefused


class Role(StrEnum):
    VIEWER = "viewer"  # sees everything, changes nothing
    REQUESTER = "requester"  # asks for runs, starts approved ones and those of unprotected environments
    APPROVER = "approver"  # decides on other people's requests
    ADMIN = "admin"  # also skips migrations, and manages people in /admin/


RANK = {role: rank for rank, role in enumerate(Role)}


def role_of(user: AbstractBaseUser | AnonymousUser) -> Role | None:
    """The highest role of a person; None for someone without one, who sees nothing."""
    if not isinstance(user, User) or not user.is_active:
        return None
    if user.is_superuser:
        return Role.ADMIN
    names = _group_names(user)
    held = [role for role in Role if role.value in names]
    return max(held, key=RANK.__getitem__) if held else None


def _group_names(user: User) -> set[str]:
    """Asked once a request: pages look a role up many times."""
    cached: set[str] | None = getattr(user, "_signalbox_groups", None)
    if cached is None:
        cached = set(user.groups.values_list("name", flat=True))
        user._signalbox_groups = cached  # type: ignore[attr-defined]
    return cached


def has_role(by: Actor, needed: Role) -> bool:
    role = role_of(by.person)
    return role is not None and RANK[role] >= RANK[needed]


def _check(what: str, needed: Role, by: Actor) -> None:
    if not has_role(by, needed):
        raise PermissionRefused(what=what, needed=needed.value)


check_can_look = partial(_check, "see this", Role.VIEWER)
check_can_request = partial(_check, "ask for a run", Role.REQUESTER)
check_can_run = partial(_check, "start a run", Role.REQUESTER)
check_can_skip = partial(_check, "skip a migration", Role.ADMIN)


def check_can_decide(by: Actor, request: Request) -> None:
    """Raises PermissionRefused, or OwnRequest for everyone who asked for it, superusers included."""
    _check("decide on requests", Role.APPROVER, by)
    if request.requested_by_id == by.person.pk:
        raise OwnRequest


def check_can_withdraw(by: Actor, request: Request) -> None:
    if request.requested_by_id != by.person.pk:
        _check("withdraw the request of someone else", Role.ADMIN, by)


def check_can_cancel(by: Actor, run: Run) -> None:
    if run.started_by_id != by.person.pk:
        _check("cancel the run of someone else", Role.APPROVER, by)
