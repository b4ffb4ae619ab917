"""Have what is pending in an environment applied by the server, and watch it.

Where people have to approve, it opens a change request (exit code 4), or says which one waits; --wait waits for them
and runs it then. Once exactly this plan is approved, the same command runs it.
"""

from __future__ import annotations

import argparse
import sys

from dashboard.cli import running
from dashboard.cli.exits import Exit
from dashboard.cli.running import NotConfirmed
from dashboard.cli.server import asking
from dashboard.cli.server.client import SignalboxServer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    running.add_environment(parser)
    parser.add_argument("--to", metavar="VERSION", help="up to and including this version")
    asking.add_arguments(parser)


def run(options: argparse.Namespace, server: SignalboxServer) -> int:
    try:
        slug = running.environment_of(options)
    except NotConfirmed as error:
        print(f"signalbox: {error}.", file=sys.stderr)
        return Exit.USAGE
    return asking.goal(options, server, {"environment": slug, "version": options.to})
