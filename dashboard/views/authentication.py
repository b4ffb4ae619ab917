"""Asked before what one person lets happen alone, or for later."""

from __future__ import annotations

from django.http import HttpRequest

from dashboard.models.environments import Environment


def require_recent_authentication(request: HttpRequest, environment: Environment) -> None:
    """Called after a form was accepted and before anything is written. Every session is recent enough: nothing here
    knows yet how a person would prove who they are once more."""
