"""Cancel a run that was started with this token: a queued one at once, a running one when its worker has heard."""

from __future__ import annotations

import argparse

from dashboard.cli.exits import Exit
from dashboard.cli.server import asking, choosing
from dashboard.cli.server.client import SignalboxServer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", metavar="NUMBER", type=int, help="the run")
    choosing.add_json(parser)


def run(options: argparse.Namespace, server: SignalboxServer) -> int:
    cancelled = server.post(f"/runs/{options.number}/cancel")
    choosing.show(options, cancelled, asking.lines_of_run(cancelled))
    return Exit.OK
