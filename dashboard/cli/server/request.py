"""Ask people to approve what is pending in an environment, or a rollback; where a request waits, that one is shown."""

from __future__ import annotations

import argparse

from dashboard.cli.exits import Exit
from dashboard.cli.server import asking, choosing
from dashboard.cli.server.client import ServerSaidNo, SignalboxServer
from dashboard.cli.server.words import NOTHING_TO_DO
from dashboard.engine.plan import Action


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("environment", metavar="ENV", help="the environment")
    parser.add_argument("--to", metavar="VERSION", help="apply up to and including this version")
    parser.add_argument("--rollback", metavar="VERSION", help="roll back down to this version instead")
    parser.add_argument("--reason", metavar="TEXT", default="", help="why; the people who approve read it")
    parser.add_argument("--accept", action="store_true", help="accept every warning of the plan")
    parser.add_argument(
        "--irreversible-because", metavar="TEXT", default="", help="why it may run though nothing takes it back"
    )
    choosing.add_json(parser)


def run(options: argparse.Namespace, server: SignalboxServer) -> int:
    action = Action.ROLLBACK if options.rollback else Action.APPLY
    wanted = {
        "environment": options.environment,
        "action": action.value,
        "version": options.rollback or options.to,
    }
    try:
        plan = server.post("/plans", wanted)
    except ServerSaidNo as error:
        if error.code != NOTHING_TO_DO:
            raise
        choosing.complain(error)
        return Exit.OK
    request = server.post("/change-requests", asking.asked_for(options, plan, wanted))
    choosing.show(options, request, asking.lines_of_request(request))
    return Exit.OK
