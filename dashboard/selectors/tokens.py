"""Tokens as pages need them."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import QuerySet

from dashboard.models import ApiToken


def listed() -> QuerySet[ApiToken]:
    """The newest first, those that hold no more too."""
    return ApiToken.objects.select_related("account", "account__machine", "made_by", "revoked_by").order_by("-id")


def accounts() -> list[User]:
    """For whom one can be made: machines that have an account already, then people who may do something here."""
    known = User.objects.filter(is_active=True).select_related("machine").prefetch_related("groups")
    able = [user for user in known.order_by("username") if user.is_superuser or user.groups.all()]
    return sorted(able, key=lambda user: not hasattr(user, "machine"))
