"""Say where a person approves a change request: no token ever does (exit code 6)."""

from __future__ import annotations

import argparse
import json
import sys

from dashboard.cli.exits import Exit
from dashboard.cli.server import choosing
from dashboard.cli.server.client import SignalboxServer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", metavar="NUMBER", type=int, help="the change request")
    choosing.add_json(parser)


def run(options: argparse.Namespace, server: SignalboxServer) -> int:
    request = server.get(f"/change-requests/{options.number}")
    if options.json:
        print(json.dumps({"request": request["id"], "approved": False, "url": request["url"]}, indent=2))
    print("signalbox: A token never approves, whoever it acts for. Nothing was decided.", file=sys.stderr)
    print(f"  A person does, signed in, at {request['url']}", file=sys.stderr)
    return Exit.PERMISSION
