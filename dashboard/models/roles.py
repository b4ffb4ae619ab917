"""What a person is here: their Django group. Each role includes the ones before it."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

from config.roles import Role

__all__ = ["RANK", "Role", "has_role", "role_by_group", "role_of"]

RANK = {role: rank for rank, role in enumerate(Role)}


def role_of(user: AbstractBaseUser | AnonymousUser) -> Role | None:
    """The highest role of a person; None for someone without one, who sees nothing. A superuser is an admin."""
    if not isinstance(user, User) or not user.is_active:
        return None
    return Role.ADMIN if user.is_superuser else highest(_group_names(user))


def highest(groups: set[str], *, is_superuser: bool = False) -> Role | None:
    held = [Role.ADMIN] if is_superuser else [role for role in Role if role.value in groups]
    return max(held, key=RANK.__getitem__) if held else None


def role_by_group(user: User) -> Role | None:
    """What their group says as the database has it now, whether they may sign in or not, and superuser or not."""
    return highest(set(user.groups.values_list("name", flat=True)))


def has_role(user: AbstractBaseUser | AnonymousUser, needed: Role) -> bool:
    role = role_of(user)
    return role is not None and RANK[role] >= RANK[needed]


def _group_names(user: User) -> set[str]:
    """Asked once a request: pages look a role up many times."""
    cached: set[str] | None = getattr(user, "_signalbox_groups", None)
    if cached is None:
        cached = set(user.groups.values_list("name", flat=True))
        user._signalbox_groups = cached  # type: ignore[attr-defined]
    return cached
