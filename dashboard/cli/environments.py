"""Which environments a verb works on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from django.conf import settings

from dashboard.cli.exits import Exit
from dashboard.engine.files import discovery
from dashboard.engine.migration import Folder
from dashboard.models import environments
from dashboard.models.environments import Environment

#: Said where nothing is asked for and no variable is set.
NONE = "No environment is configured: set DATABASE_URL, or see config/environments.toml."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", type=Path, metavar="DIR", help="the migrations folder (default: SIGNALBOX_SOURCE)")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    add_choice(parser)


def add_choice(parser: argparse.ArgumentParser) -> None:
    """By --env, and for short by their bare names."""
    parser.add_argument(
        "--env", action="append", metavar="NAME", dest="environments", help="an environment; all without it"
    )
    parser.add_argument(
        "environments", action="extend", nargs="*", metavar="NAME", help="an environment, the same as --env NAME"
    )


def chosen(options: argparse.Namespace) -> list[Environment]:
    """The environments asked for; without a choice those whose variable holds something. Exits with 2 for a name that
    is not known."""
    if not options.environments:
        return [e for e in environments.all_environments() if e.configured or e.fault]
    try:
        return [environments.get(slug) for slug in options.environments]
    except environments.UnknownEnvironment as error:
        known = ", ".join(e.slug for e in environments.all_environments())
        print(f"signalbox: there is no environment {error}. Known: {known}.", file=sys.stderr)
        sys.exit(Exit.USAGE)


def folder(options: argparse.Namespace) -> Folder:
    if options.source:
        return discovery.read(options.source)
    reading = settings.SOURCE_READING
    return discovery.read(settings.SOURCE, folder_format=reading.format, placeholders=reading.placeholders)
