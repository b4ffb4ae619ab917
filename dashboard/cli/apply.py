"""Apply what is pending in an environment, under its lock and step by step, as the worker of a server does.

Where people have to approve, nothing runs from here (exit code 4). Exit code 8 where it stops before a file.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from dashboard.cli import environments as chosen_environments
from dashboard.cli import running
from dashboard.cli.exits import Exit
from dashboard.cli.running import NotConfirmed
from dashboard.engine import planner
from dashboard.engine.errors import EngineError, NothingToDo
from dashboard.engine.plan import Action
from dashboard.local.workspace import Workspace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    running.add_environment(parser)
    chosen_environments.add_source(parser)
    parser.add_argument("--to", metavar="VERSION", help="up to and including this version")
    running.add_arguments(parser)


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    try:
        environment = chosen_environments.named(running.environment_of(options), workspace)
    except NotConfirmed as error:
        print(f"signalbox: {error}.", file=sys.stderr)
        return Exit.USAGE
    refused = partial(running.without_plan, slug=environment.slug, action=Action.APPLY, as_json=options.json)
    try:
        folder = chosen_environments.folder(options, workspace, environment)
        target = workspace.read(environment)
        try:
            plan = planner.apply(target, workspace.judged(environment, folder, target), upto=options.to)
        except NothingToDo as error:
            code = refused(error)
            return code if folder.migrations else Exit.ATTENTION
    except EngineError as error:
        return refused(error)
    return running.ran(plan, environment=environment, target=target, options=options, workspace=workspace)
