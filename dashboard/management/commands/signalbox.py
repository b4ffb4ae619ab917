"""The door from manage.py to dashboard.cli."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from dashboard.cli import verbs as cli
from dashboard.cli.ending import code_of_run
from dashboard.services import installations


class Command(BaseCommand):
    help = "Signalbox on the command line."
    requires_system_checks: list[str] = []  # it works without a control database

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """An option is written out: a short form would mean another one once there is a second that begins like it."""
        return super().create_parser(prog_name, subcommand, allow_abbrev=False, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        cli.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with installations.in_a_shell():
            code = code_of_run(lambda: cli.run(argparse.Namespace(**options)))
        if code:
            sys.exit(code)
