"""Have a migration taken back by the server, and watch it.

What was applied after it goes with it only if --including-later says so. Where people have to approve, and no approval
of the apply covers it any more, it opens a change request (exit code 4); --wait waits for them and runs it then.
"""

from __future__ import annotations

import argparse

from dashboard.cli.server import asking
from dashboard.cli.server.client import SignalboxServer
from dashboard.engine.plan import Action


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("environment", metavar="ENV", help="the environment")
    parser.add_argument("down_to", metavar="VERSION", help="the oldest version that goes")
    parser.add_argument("--including-later", action="store_true", help="and what was applied after it, newest first")
    asking.add_arguments(parser)


def run(options: argparse.Namespace, server: SignalboxServer) -> int:
    wanted = {"environment": options.environment, "action": Action.ROLLBACK.value, "version": options.down_to}
    return asking.goal(options, server, wanted)
