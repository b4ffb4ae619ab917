"""The door from manage.py to dashboard.cli."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from dashboard import cli
from dashboard.cli.exits import Exit, complain
from dashboard.engine.errors import EngineError


class Command(BaseCommand):
    help = "Signalbox on the command line."
    requires_system_checks: list[str] = []  # it works without a control database

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """An option is written out: a short form would mean another one once there is a second that begins like it."""
        return super().create_parser(prog_name, subcommand, allow_abbrev=False, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        cli.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            code = cli.run(argparse.Namespace(**options))
            sys.stdout.flush()
        except BrokenPipeError:  # whoever read has read enough; what is left must not be written at exit either
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = Exit.FAILED
        except EngineError as error:
            code = complain(error)
        if code:
            sys.exit(code)
