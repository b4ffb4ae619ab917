"""How the command line of Signalbox is called in this installation."""

from __future__ import annotations

from django.conf import settings


def of(arguments: str) -> str:
    """What a person types to have this done: "python manage.py signalbox doctor"."""
    return f"{settings.COMMAND_LINE} {arguments}"
