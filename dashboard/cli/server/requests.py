"""The change requests of the token's environments, the newest first, or one of them by its number."""

from __future__ import annotations

import argparse
from typing import Any

from dashboard.cli.exits import Exit
from dashboard.cli.server import asking, choosing
from dashboard.cli.server.client import SignalboxServer
from dashboard.cli.server.words import RequestStanding


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", metavar="NUMBER", type=int, nargs="?", help="one of them")
    parser.add_argument("--open", action="store_true", help="only those that wait for people")
    choosing.add_limit(parser, default=20)
    choosing.add_json(parser)


def run(options: argparse.Namespace, server: SignalboxServer) -> int:
    if options.number is not None:
        request = server.get(f"/change-requests/{options.number}")
        choosing.show(options, request, asking.lines_of_request(request))
        return Exit.OK
    rows: list[dict[str, Any]] = []
    for row in server.every("/change-requests"):
        if len(rows) == options.limit:
            break
        if not options.open or row["status"] == RequestStanding.OPEN:
            rows.append(row)
    lines = [f"{row['id']}  {row['status']}  {row['title']}, asked by {row['requested_by']}" for row in rows]
    choosing.show(options, {"requests": rows}, lines or ["There is no request."])
    return Exit.OK
