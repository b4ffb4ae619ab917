"""Sessions of people in the browser, as the control database keeps them."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings


def forget_expired() -> None:
    """Nobody is signed in by them any more."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
