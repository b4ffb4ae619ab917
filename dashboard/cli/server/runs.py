"""The runs of the token's environments, the newest first, or one of them by its number."""

from __future__ import annotations

import argparse
from itertools import islice

from dashboard.cli.exits import Exit
from dashboard.cli.server import asking, choosing
from dashboard.cli.server.client import SignalboxServer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", metavar="NUMBER", type=int, nargs="?", help="one of them")
    parser.add_argument("--env", metavar="NAME", dest="environment", help="of one environment")
    choosing.add_limit(parser, default=20)
    choosing.add_json(parser)


def run(options: argparse.Namespace, server: SignalboxServer) -> int:
    if options.number is not None:
        one = server.get(f"/runs/{options.number}")
        choosing.show(options, one, asking.lines_of_run(one))
        return Exit.OK
    rows = list(islice(server.every("/runs", environment=options.environment), options.limit))
    lines = [f"{row['id']}  {row['status']}  {row['title']}, started by {row['started_by']}" for row in rows]
    choosing.show(options, {"runs": rows}, lines or ["There is no run."])
    return Exit.OK
