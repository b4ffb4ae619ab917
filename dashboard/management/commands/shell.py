"""Django's own `shell`. What is done to people in it stands in the audit log, and bars approvals for a day."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import shell

from dashboard.services.actors import Actor
from dashboard.services.shell import watched


class Command(shell.Command):
    def handle(self, **options: Any) -> None:
        with watched(Actor(name="shell")):
            super().handle(**options)
