"""Take a migration back by the rollback that was captured with it, as the worker of a server does.

What was applied after it goes with it only if --including-later says so. Where people have to approve, nothing runs
from here (exit code 4).
"""

from __future__ import annotations

import argparse
import sys

from dashboard.cli import environments as chosen_environments
from dashboard.cli import running
from dashboard.cli.exits import Exit
from dashboard.cli.running import NotConfirmed
from dashboard.engine import planner
from dashboard.engine.errors import EngineError, NoSuchMigration
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Action, Plan, Target
from dashboard.local.workspace import Workspace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("environment", metavar="ENV", help="the environment")
    parser.add_argument("down_to", metavar="MIGRATION", help="by its number or label (008_add_city)")
    parser.add_argument("--including-later", action="store_true", help="and what was applied after it, newest first")
    chosen_environments.add_source(parser)
    running.add_arguments(parser)


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    environment = chosen_environments.named(options.environment, workspace)
    try:
        folder = chosen_environments.folder(options, workspace, environment)
        target = workspace.read(environment, scripts=True)
        plan = planner.rollback(target, downto=_named(target, options.down_to), folder=folder)
        workspace.check_captured(environment, plan)
    except EngineError as error:
        return running.without_plan(error, slug=environment.slug, action=Action.ROLLBACK, as_json=options.json)
    try:
        _check_later(plan, options)
    except NotConfirmed as error:
        running.print_refusal(plan, error, as_json=options.json)
        print(f"signalbox: {error}", file=sys.stderr)
        return Exit.FAILED
    return running.ran(plan, environment=environment, target=target, options=options, workspace=workspace)


def _named(target: Target, name: str) -> MigrationId:
    """Raises NoSuchMigration where none or several are called so."""
    rows = [row.identity for row in target.history.rows if row.success and name in {row.version, row.label}]
    if len(rows) != 1:
        raise NoSuchMigration(environment=target.name, version=name)
    return rows[0]


def _check_later(plan: Plan, options: argparse.Namespace) -> None:
    """Raises NotConfirmed."""
    later = [step.label for step in plan.steps[:-1]]
    if later and not options.including_later:
        raise NotConfirmed(
            f"Later {', '.join(later)} came, and would go too. Nothing was run. Say --including-later if that is meant."
        )
