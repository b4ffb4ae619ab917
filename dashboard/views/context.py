"""What every page knows: who looks, what waits for them, whether a worker lives."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from dashboard.selectors import requests, workers
from dashboard.services import permissions

THEMES = ("system", "light", "dark")


def frame(request: HttpRequest) -> dict[str, Any]:
    theme = request.COOKIES.get("theme", "system")
    common = {
        "theme": theme if theme in THEMES else "system",
        "build": {"version": settings.VERSION, "commit": settings.BUILD_COMMIT},
    }
    user = getattr(request, "user", None)
    role = permissions.role_of(user) if user is not None and user.is_authenticated else None
    if role is None:
        return {**common, "role": ""}
    return {
        **common,
        "role": role.value,
        "nav": {"waiting_for_me": requests.count_waiting_for(user)},
        "worker": workers.state(),
    }
