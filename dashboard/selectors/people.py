"""People as pages need them."""

from __future__ import annotations

from django.contrib.auth.models import User

from dashboard.models.roles import Role, has_role


def administrators() -> list[User]:
    """Whom to ask for a role."""
    return _with(Role.ADMIN)


def approvers() -> list[User]:
    """Who could decide on a request."""
    return _with(Role.APPROVER)


def _with(role: Role) -> list[User]:
    people = User.objects.filter(is_active=True).prefetch_related("groups").order_by("username")
    return [person for person in people if has_role(person, role)]
