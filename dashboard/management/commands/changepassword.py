"""Django's own `changepassword`, for when nobody can sign in. It stands in the audit log as what it is, and bars the
approvals of that person for a day."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.management.commands import changepassword

from dashboard.management import control
from dashboard.services.actors import Actor
from dashboard.services.shell import watched


class Command(changepassword.Command):
    def handle(self, *args: Any, **options: Any) -> str | None:
        with control.needing_it(options["database"]), watched(Actor(name="changepassword")):
            return super().handle(*args, **options)
