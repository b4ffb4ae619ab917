"""What is applied, pending or in need of attention, in every environment of the token: the server asks the targets."""

from __future__ import annotations

import argparse
from typing import Any

from dashboard.cli import terminal
from dashboard.cli.exits import Exit
from dashboard.cli.server import choosing
from dashboard.cli.server.client import SignalboxServer
from dashboard.engine.status import State
from dashboard.presenters.migration_states import MIGRATION


def add_arguments(parser: argparse.ArgumentParser) -> None:
    choosing.add_choice(parser)
    parser.add_argument("--exit-code", action="store_true", help="exit with 3 when something is pending")


def run(options: argparse.Namespace, server: SignalboxServer) -> int:
    answers, worst = choosing.asked_of_each(options, server, lambda slug: server.get(f"/environments/{slug}/status"))
    choosing.show(options, {"environments": answers}, [line for each in answers for line in _lines(each)])
    if worst is not Exit.OK:
        return worst
    if any(each["attention"] for each in answers):
        return Exit.ATTENTION
    return Exit.PENDING if options.exit_code and any(each["pending"] for each in answers) else Exit.OK


def _lines(answer: dict[str, Any]) -> list[str]:
    if error := answer.get("error"):
        return [f"{answer['environment']}: {error['detail']}"]
    counts = f"{answer['applied']} applied, {answer['pending']} pending"
    if answer["attention"]:
        counts += f", {answer['attention']} need attention"
    return [f"{answer['environment']}: {counts}", *map(_line, answer["migrations"])]


def _line(row: dict[str, Any]) -> str:
    pill = MIGRATION[State(row["state"])]
    line = f"  {row['version']} {row['name']}: {terminal.painted(pill.label.lower(), pill.tone)}"
    return line if row["state"] in {State.APPLIED, State.PENDING} else f"{line}. {row['sentence']}"
