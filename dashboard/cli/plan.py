"""What would run in an environment, and in which order; with --sql every message it would send. Runs nothing.

Exit code 8 where something is not in the plan because it, or what stands before it, cannot be run or read, and where
the history and the log of the target contradict each other, and where no migration was read.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from typing import Any

from config.environments import Environment
from dashboard.cli import environments as chosen_environments
from dashboard.cli.exits import Exit, complain
from dashboard.engine import planner
from dashboard.engine.errors import EngineError, NothingToDo
from dashboard.engine.plan import Plan, Target
from dashboard.engine.run import executor
from dashboard.local.workspace import Workspace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen_environments.add_arguments(parser)
    parser.add_argument("--to", metavar="VERSION", help="up to and including this version")
    parser.add_argument(
        "--sql", action="store_true", help="everything that would be sent, transactions and settings too"
    )


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    environments = chosen_environments.chosen(options, workspace)
    if not environments:
        print(chosen_environments.NONE, file=sys.stderr)
        return Exit.USAGE
    chosen_environments.tell_left_out(options, workspace)
    worst: int = Exit.OK
    plans: dict[Plan, str] = {}
    for environment in environments:
        try:
            worst = max(worst, _plan(options, workspace, environment, plans))
        except EngineError as error:
            worst = max(worst, complain(error))
    if options.json:
        print(json.dumps([_object(workspace, plan, sql) for plan, sql in plans.items()], indent=2))
    elif plans:
        print("\n\n".join(sql or _text(workspace, plan) for plan, sql in plans.items()))
    return worst


def _plan(options: argparse.Namespace, workspace: Workspace, environment: Environment, plans: dict[Plan, str]) -> Exit:
    """Adds its plan, with what it would send."""
    folder = chosen_environments.folder(options, workspace, environment)
    target = workspace.read(environment)
    _check_is_apart(workspace, environment, target)
    worst = _complain_of_records(workspace, target) if target.history.contradicted else Exit.OK
    try:
        plan = planner.apply(target, workspace.judged(environment, folder, target), upto=options.to)
    except NothingToDo as error:
        return max(worst, complain(error), Exit.OK if folder.migrations else Exit.ATTENTION)
    plans[plan] = workspace.as_sql(plan, environment) if options.sql else ""
    return Exit.ATTENTION if plan.stops_before else worst


def _check_is_apart(workspace: Workspace, environment: Environment, target: Target) -> None:
    if environment.protected:
        access = replace(workspace.access(environment), control=workspace.control_identity())
        executor.check_is_apart(target.identity, access)


def _complain_of_records(workspace: Workspace, target: Target) -> Exit:
    labels = ", ".join(entry.label for entry in target.history.contradicted)
    print(f"signalbox: History and log of {target.name} contradict each other: {labels}.", file=sys.stderr)
    print(f"  `{workspace.typed('status')}` says how, and what to do.", file=sys.stderr)
    return Exit.ATTENTION


def _object(workspace: Workspace, plan: Plan, sql: str) -> dict[str, Any]:
    commit = workspace.commit_of(plan)
    facts = {"digest": plan.digest, "source_commit": commit.to_dict() if commit else None}
    return plan.to_dict() | facts | ({"sql": sql} if sql else {})


def _text(workspace: Workspace, plan: Plan) -> str:
    lines = [f"{plan.environment}, digest {plan.digest}"]
    if commit := workspace.commit_of(plan):
        lines.append(f"  files of commit {commit.short} {commit.subject} (by {commit.author})")
    lines += [f"  {step.action} {step.label}" for step in plan.steps]
    lines += [
        f"  {'to accept' if warning.needs_acceptance else 'note'}: {warning.sentence}" for warning in plan.warnings
    ]
    if plan.stops_before:
        lines.append(f"  stops there: {plan.stops_before}")
    return "\n".join(lines)
