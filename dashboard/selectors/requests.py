"""Requests as pages need them."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import QuerySet

from dashboard.models import Request
from dashboard.services.permissions import RANK, Role, role_of


def count_waiting_for(user: User) -> int:
    return waiting_for(user).count()


def waiting_for(user: User) -> QuerySet[Request]:
    """Open requests this person may decide on: not their own."""
    role = role_of(user)
    if role is None or RANK[role] < RANK[Role.APPROVER]:
        return Request.objects.none()
    return Request.objects.filter(status=Request.Status.OPEN).exclude(requested_by=user)
