"""What drift the server saw last in each environment; a worker checks by itself. Exit code 8 where a schema drifted."""

from __future__ import annotations

import argparse
from typing import Any

from dashboard.cli.exits import Exit
from dashboard.cli.server import choosing
from dashboard.cli.server.client import SignalboxServer
from dashboard.cli.server.words import SchemaStanding


def add_arguments(parser: argparse.ArgumentParser) -> None:
    choosing.add_choice(parser)


def run(options: argparse.Namespace, server: SignalboxServer) -> int:
    answers, worst = choosing.asked_of_each(options, server, lambda slug: server.get(f"/environments/{slug}/drift"))
    choosing.show(options, {"environments": answers}, list(map(_line, answers)))
    return max([worst, *map(_code, answers)])


def _code(answer: dict[str, Any]) -> Exit:
    match answer.get("outcome"):
        case SchemaStanding.DRIFTED | SchemaStanding.HALF_DONE:
            return Exit.ATTENTION
        case SchemaStanding.UNREACHABLE:
            return Exit.UNREACHABLE
        case _:
            return Exit.OK


def _line(answer: dict[str, Any]) -> str:
    if error := answer.get("error"):
        return f"{answer['environment']}: {error['detail']}"
    if answer["outcome"] is None:
        return f"{answer['environment']}: not checked yet"
    objects = f", {answer['differing']} objects" if answer["differing"] else ""
    failure = f": {answer['failure']}" if answer["failure"] else ""
    return f"{answer['environment']}: {answer['outcome']}{objects}{failure}, checked at {answer['at']}"
