"""What an address names, or 404."""

from __future__ import annotations

from django.http import Http404, HttpRequest

from dashboard.models import ChangeRequest, environments, sources
from dashboard.models.environments import Environment
from dashboard.models.sources import Source
from dashboard.selectors import requests


def environment_or_404(slug: str) -> Environment:
    try:
        return environments.get(slug)
    except environments.UnknownEnvironment:
        raise Http404(f"No environment is called {slug}.") from None


def source_or_404(request: HttpRequest) -> Source:
    """The one that `?source=` names, else the first."""
    every, name = sources.all_sources(), request.GET.get("source", "")
    try:
        return next(source for source in every if name in {"", source.name})
    except StopIteration:
        raise Http404(f"No source is called {name}.") from None


def request_or_404(pk: int) -> ChangeRequest:
    try:
        return requests.detailed(pk)
    except ChangeRequest.DoesNotExist:
        raise Http404(f"There is no request {pk}.") from None
