"""What an address names, or 404."""

from __future__ import annotations

from django.http import Http404

from dashboard.models import environments
from dashboard.models.environments import Environment


def environment_or_404(slug: str) -> Environment:
    try:
        return environments.get(slug)
    except environments.UnknownEnvironment:
        raise Http404(f"No environment is called {slug}.") from None
