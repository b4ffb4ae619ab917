"""Which environments a verb works on."""

from __future__ import annotations

import argparse
import sys

from config.environments import Environment, UnknownEnvironment
from config.sources import Source
from dashboard.cli.exits import Exit
from dashboard.engine import scoping
from dashboard.engine.migration import Folder
from dashboard.local.workspace import Workspace

#: Said where nothing is asked for and no variable is set.
NONE = "No environment is configured: set DATABASE_URL, or see config/environments.toml."


def add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source",
        metavar="SOURCE",
        help="a declared source by its name, or a folder (default: that of the environment, or the only one)",
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


def chosen(options: argparse.Namespace, workspace: Workspace) -> list[Environment]:
    """The environments asked for; without a choice those whose variable holds something. Exits with 2 for a name that
    is not known."""
    if not options.environments:
        return [e for e in workspace.declaration.environments if e.configured or e.fault]
    return [named(slug, workspace) for slug in options.environments]


def named(slug: str, workspace: Workspace) -> Environment:
    """Exits with 2 for a name that is not known."""
    try:
        return workspace.declaration.get(slug)
    except UnknownEnvironment as error:
        known = ", ".join(e.slug for e in workspace.declaration.environments)
        print(f"signalbox: there is no environment {error}. Known: {known}.", file=sys.stderr)
        sys.exit(Exit.USAGE)


def source(options: argparse.Namespace, workspace: Workspace, environment: Environment | None = None) -> Source:
    """The one that is asked for, else that of the environment, else the default one. Exits with 2 where it cannot be
    told which is meant."""
    if options.source:
        return workspace.named_source(options.source)
    return workspace.declaration.source_of(environment) if environment else _usual(workspace)


def _usual(workspace: Workspace) -> Source:
    """The default one where an environment takes its files from it, else the only one that is declared."""
    sources = workspace.declaration.all_sources()
    if workspace.declaration.default in sources:
        return workspace.declaration.default
    if len(sources) > 1:
        names = ", ".join(source.name for source in sources)
        print(f"signalbox: several sources are declared. Say which with --source: {names}.", file=sys.stderr)
        sys.exit(Exit.USAGE)
    return sources[0]


def folder(options: argparse.Namespace, workspace: Workspace, environment: Environment | None = None) -> Folder:
    """As the environment has it, where one is named."""
    folder = workspace.files(source(options, workspace, environment))
    return scoping.within(folder, environment.slug) if environment else folder


def left_out(workspace: Workspace) -> list[Environment]:
    """The declared environments that a verb without a choice leaves out, because they have no database."""
    return [e for e in workspace.declaration.environments if not e.configured and not e.fault]


def tell_left_out(options: argparse.Namespace, workspace: Workspace) -> None:
    for environment in () if options.environments else left_out(workspace):
        print(f"signalbox: {complaint(environment)}", file=sys.stderr)


def complaint(environment: Environment) -> str:
    return f"{environment.name} has no database, because {environment.absence}."
