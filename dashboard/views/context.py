"""What every page knows: who looks, what waits for them, whether a worker lives."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from dashboard.models import environments
from dashboard.models.roles import Role, role_of
from dashboard.selectors import requests, workers
from dashboard.services import independence

THEMES = ("system", "light", "dark")


def frame(request: HttpRequest) -> dict[str, Any]:
    theme = request.COOKIES.get(settings.THEME_COOKIE_NAME, "system")
    common = {
        "theme": theme if theme in THEMES else "system",
        "build": {"version": settings.VERSION, "commit": settings.BUILD_COMMIT},
    }
    user = getattr(request, "user", None)
    role = role_of(user) if user is not None else None
    if user is None or role is None:
        return {**common, "role": ""}
    return {
        **common,
        "role": role.value,
        "is_admin": role is Role.ADMIN,
        "environments_file": environments.file(),
        "nav": {"waiting_for_me": requests.waiting_for(user, barred=independence.barred(user)).count()},
        "worker": workers.state(),
    }
