"""What would run in an environment, and in which order. Runs nothing."""

from __future__ import annotations

import argparse
import json
import sys

from dashboard.cli import environments as chosen_environments
from dashboard.cli.exits import Exit, complain
from dashboard.engine import planner
from dashboard.engine.errors import EngineError
from dashboard.engine.planner import Plan
from dashboard.services import targets


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen_environments.add_arguments(parser)
    parser.add_argument("--to", metavar="VERSION", help="up to and including this version")


def run(options: argparse.Namespace) -> int:
    folder = chosen_environments.folder(options)
    environments = chosen_environments.chosen(options)
    if not environments:
        print(chosen_environments.NONE, file=sys.stderr)
        return Exit.USAGE
    worst: int = Exit.OK
    plans = []
    for environment in environments:
        try:
            plans.append(planner.apply(targets.read(environment), folder, upto=options.to))
        except EngineError as error:
            worst = max(worst, complain(error))
    if options.json:
        print(json.dumps([plan.to_dict() | {"digest": plan.digest} for plan in plans], indent=2))
    elif plans:
        print("\n\n".join(_text(plan) for plan in plans))
    return worst


def _text(plan: Plan) -> str:
    lines = [f"{plan.environment}, digest {plan.digest}"]
    lines += [f"  {step.action} {step.label}" for step in plan.steps]
    lines += [f"  note: {warning.sentence}" for warning in plan.warnings]
    if plan.stops_before:
        lines.append(f"  stops there: {plan.stops_before}")
    return "\n".join(lines)
