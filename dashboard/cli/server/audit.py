"""The audit log of the server, the newest event first, for whoever keeps it elsewhere."""

from __future__ import annotations

import argparse
from itertools import islice

from dashboard.cli.exits import Exit
from dashboard.cli.server import choosing
from dashboard.cli.server.client import SignalboxServer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kind", metavar="KIND", default="", help="only events of this kind, such as run.started")
    choosing.add_limit(parser, default=100)
    choosing.add_json(parser)


def run(options: argparse.Namespace, server: SignalboxServer) -> int:
    events = list(islice(server.every("/audit", kind=options.kind), options.limit))
    lines = [
        f"{event['id']}  {event['at']}  {event['kind']}  {event['actor']}  {event['environment'] or ''}".rstrip()
        for event in events
    ]
    choosing.show(options, {"events": events}, lines or ["There is no event."])
    return Exit.OK
