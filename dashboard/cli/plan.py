"""What would run in an environment, and in which order. Runs nothing."""

from __future__ import annotations

import argparse
import json

from dashboard.cli import environments as chosen_environments
from dashboard.cli.exits import Exit
from dashboard.engine import planner
from dashboard.engine.planner import Plan
from dashboard.services import targets


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen_environments.add_arguments(parser)
    parser.add_argument("--to", metavar="VERSION", help="up to and including this version")


def run(options: argparse.Namespace) -> int:
    folder = chosen_environments.folder(options)
    plans = [planner.apply(targets.look(e), folder, upto=options.to) for e in chosen_environments.chosen(options)]
    if options.json:
        print(json.dumps([plan.to_dict() | {"digest": plan.digest} for plan in plans], indent=2))
    else:
        print("\n\n".join(_text(plan) for plan in plans))
    return Exit.OK


def _text(plan: Plan) -> str:
    lines = [f"{plan.environment}, digest {plan.digest}"]
    lines += [f"  {step.action} {step.label}" for step in plan.steps]
    lines += [f"  note: {warning.sentence}" for warning in plan.warnings]
    if plan.stops_before:
        lines.append(f"  stops there: {plan.stops_before}")
    return "\n".join(lines)
