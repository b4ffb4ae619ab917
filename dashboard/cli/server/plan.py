"""What would run in an environment, and in which order, with the digest that people approve. Runs nothing."""

from __future__ import annotations

import argparse
from typing import Any

from dashboard.cli.exits import Exit
from dashboard.cli.server import choosing
from dashboard.cli.server.client import ServerSaidNo, SignalboxServer
from dashboard.cli.server.words import NOTHING_TO_DO


def add_arguments(parser: argparse.ArgumentParser) -> None:
    choosing.add_choice(parser)
    parser.add_argument("--to", metavar="VERSION", help="up to and including this version")


def run(options: argparse.Namespace, server: SignalboxServer) -> int:
    plans, worst = [], Exit.OK
    for slug in choosing.chosen(options, server):
        try:
            plan = server.post("/plans", {"environment": slug, "version": options.to})
            plans.append(plan)
            worst = max(worst, Exit.ATTENTION) if plan.get("stops_before") else worst
        except ServerSaidNo as error:
            code = choosing.complain(error)
            worst = worst if error.code == NOTHING_TO_DO else max(worst, code)
    choosing.show(options, plans, [line for plan in plans for line in lines_of(plan)])
    return worst


def lines_of(plan: dict[str, Any]) -> list[str]:
    return [
        f"{plan['environment']}, digest {plan['digest']}: {plan['title']}",
        *(f"  {step['action']} {step['version']} {step['name']}" for step in plan["steps"]),
        *(
            f"  {'to accept' if warning['needs_acceptance'] else 'note'}: {warning['sentence']}"
            for warning in plan["warnings"]
        ),
        *(["  people have to approve it"] if plan["needs_approval"] else []),
        *([f"  stops there: {plan['stops_before']}"] if plan.get("stops_before") else []),
    ]
