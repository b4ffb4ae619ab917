"""Which environments a verb works on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from django.conf import settings

from dashboard.cli.exits import Exit
from dashboard.engine import scoping
from dashboard.engine.migration import Folder
from dashboard.models import environments, sources
from dashboard.models.environments import Environment
from dashboard.models.sources import Source
from dashboard.selectors import folders

#: Said where nothing is asked for and no variable is set.
NONE = "No environment is configured: set DATABASE_URL, or see config/environments.toml."


def add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source",
        metavar="SOURCE",
        help="a declared source by its name, or a folder (default: that of the environment, without one `default`)",
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_source(parser)
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


def source(options: argparse.Namespace, environment: Environment | None = None) -> Source:
    """The one that is asked for, else that of the environment, else the default one."""
    if not options.source:
        return sources.of(environment) if environment else sources.default()
    named = (source for source in (sources.default(), *settings.SOURCES) if source.name == options.source)
    return next(named, Source(name="", folder=Path(options.source)))


def folder(options: argparse.Namespace, environment: Environment | None = None) -> Folder:
    """As the environment has it, where one is named."""
    folder = folders.of_source(source(options, environment))
    return scoping.within(folder, environment.slug) if environment else folder


def left_out() -> list[Environment]:
    """The declared environments that a verb without a choice leaves out, because they have no database."""
    return [e for e in environments.all_environments() if not e.configured and not e.fault]


def tell_left_out(options: argparse.Namespace) -> None:
    for environment in () if options.environments else left_out():
        print(f"signalbox: {complaint(environment)}", file=sys.stderr)


def complaint(environment: Environment) -> str:
    return f"{environment.name} has no database, because {environment.absence}."
