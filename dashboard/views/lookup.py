"""What an address names, or 404."""

from __future__ import annotations

from django.http import Http404

from dashboard.models import ChangeRequest, environments
from dashboard.models.environments import Environment
from dashboard.selectors import requests


def environment_or_404(slug: str) -> Environment:
    try:
        return environments.get(slug)
    except environments.UnknownEnvironment:
        raise Http404(f"No environment is called {slug}.") from None


def request_or_404(pk: int) -> ChangeRequest:
    try:
        return requests.detailed(pk)
    except ChangeRequest.DoesNotExist:
        raise Http404(f"There is no request {pk}.") from None
