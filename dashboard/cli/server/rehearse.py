"""Have what is pending in an environment rehearsed, and wait for it. Exit code 8 unless all of it passed."""

from __future__ import annotations

import argparse
import time

from dashboard.cli.exits import Exit
from dashboard.cli.server import choosing
from dashboard.cli.server.client import PAUSE, SignalboxServer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--env", metavar="NAME", required=True, dest="environment", help="the environment")
    parser.add_argument("--to", metavar="VERSION", help="up to and including this version")
    choosing.add_json(parser)


def run(options: argparse.Namespace, server: SignalboxServer) -> int:
    rehearsal = server.post("/rehearsals", {"environment": options.environment, "version": options.to})
    while rehearsal["finished_at"] is None:
        time.sleep(PAUSE)
        rehearsal = server.get(f"/rehearsals/{rehearsal['id']}")
    outcome = "passed" if rehearsal["passed"] else "did not pass"
    lines = [f"Rehearsal {rehearsal['id']} of {rehearsal['title']}: {outcome}", f"  {rehearsal['url']}"]
    if failure := rehearsal["failure"]:
        lines.append(f"  {failure.get('sentence', '')}")
    choosing.show(options, rehearsal, lines)
    return Exit.OK if rehearsal["passed"] else Exit.ATTENTION
