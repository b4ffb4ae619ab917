"""Django's own `migrate`, as the role that owns the tables where SIGNALBOX_DATABASE_OWNER_URL names one."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.core.management.commands import migrate

from dashboard.management import control
from dashboard.services.audit_guard import OWNER


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> str | None:
        with control.needing_it(options["database"]):
            return super().execute(*args, **options)

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        if OWNER in settings.DATABASES:
            parser.set_defaults(database=OWNER)
