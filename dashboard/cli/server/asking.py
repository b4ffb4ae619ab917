"""From a plan to its end: accepted, asked of people where they have to approve, started, and watched."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from typing import Any

from dashboard.cli import running, terminal
from dashboard.cli.exits import Exit
from dashboard.cli.running import NotConfirmed
from dashboard.cli.server import choosing
from dashboard.cli.server import plan as plans
from dashboard.cli.server.client import PAUSE, ServerSaidNo, SignalboxServer
from dashboard.cli.server.words import NOTHING_TO_DO, RequestStanding, RunStanding, is_over
from dashboard.engine.plan import Action
from dashboard.presenters import hidden

#: The longest that one call waits for the end of a run.
WAIT = 25


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", metavar="TEXT", default="", help="why; the people who approve read it")
    parser.add_argument("--accept", action="store_true", help="accept every warning of the plan")
    parser.add_argument(
        "--irreversible-because", metavar="TEXT", default="", help="why it may run though nothing takes it back"
    )
    parser.add_argument("--rows-to-lose", metavar="N", default="", help="how many rows are destroyed, where any are")
    parser.add_argument("--dry-run", action="store_true", help="show the plan; ask for nothing and run nothing")
    parser.add_argument("--confirm", metavar="ENV", default="", help="the environment again, in place of a question")
    parser.add_argument("--no-input", action="store_true", help="ask nothing, also on a terminal")
    parser.add_argument(
        "--wait",
        metavar="MINUTES",
        type=float,
        nargs="?",
        const=float("inf"),
        default=0.0,
        help="where people have to approve, wait for them and run it then; without a number for as long as it takes",
    )
    choosing.add_json(parser)


@dataclass(kw_only=True)
class _Answered:
    """How far it came, and why no further."""

    plan: dict[str, Any] | None = None
    request: dict[str, Any] | None = None
    run: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


def goal(options: argparse.Namespace, server: SignalboxServer, wanted: dict[str, Any]) -> int:
    """Plan it and carry it out, as far as it goes."""
    answered = _Answered()
    try:
        return _carried_out(options, server, wanted, answered)
    except ServerSaidNo as error:
        if error.code == NOTHING_TO_DO:
            _print(options, answered)
            choosing.complain(error)
            return Exit.OK
        answered.error = error.problem
        if options.json:
            _print(options, answered)
        raise


def _carried_out(
    options: argparse.Namespace, server: SignalboxServer, wanted: dict[str, Any], answered: _Answered
) -> int:
    answered.plan = plan = server.post("/plans", wanted)
    try:
        _check(options, plan)
    except NotConfirmed as error:
        if options.json:
            answered.error = {"code": running.NOT_CONFIRMED, "detail": str(error)}
            _print(options, answered)
        print(hidden.shown(f"signalbox: {error}"), file=sys.stderr)
        return Exit.USAGE if plan_is_accepted(options, plan) else Exit.FAILED
    if options.dry_run:
        _print(options, answered)
        return Exit.ATTENTION if plan.get("stops_before") else Exit.OK
    asked = asked_for(options, plan, wanted)
    if plan["needs_approval"]:
        answered.request = server.post("/change-requests", asked)
        answered.request = _decided(answered.request, options, server)
        if answered.request["status"] != RequestStanding.APPROVED:
            _print(options, answered)
            return Exit.APPROVAL_NEEDED
    answered.run = server.post("/runs", asked | {"rows_to_lose": options.rows_to_lose, "wait": WAIT})
    answered.run = run = watched(answered.run, server)
    _print(options, answered)
    if run["status"] != RunStanding.SUCCEEDED:
        return Exit.FAILED
    return running.succeeded(plan.get("stops_before"))


def asked_for(options: argparse.Namespace, plan: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    accepted = [warning["key"] for warning in plan["warnings"] if warning["needs_acceptance"]]
    return wanted | {
        "digest": plan["digest"],
        "reason": options.reason,
        "accept": accepted if options.accept else [],
        "irreversible_because": options.irreversible_because,
    }


def plan_is_accepted(options: argparse.Namespace, plan: dict[str, Any]) -> bool:
    return options.accept or not any(warning["needs_acceptance"] for warning in plan["warnings"])


def _check(options: argparse.Namespace, plan: dict[str, Any]) -> None:
    """Raises NotConfirmed."""
    slug = plan["environment"]
    later = [step["version"] for step in plan["steps"][:-1]]
    if plan["action"] == Action.ROLLBACK and later and not options.including_later:
        raise NotConfirmed(
            f"Later {', '.join(later)} came, and would go too. Nothing was asked for. Say --including-later if that is "
            "meant."
        )
    if not plan_is_accepted(options, plan) and not options.dry_run:
        warnings = " ".join(warning["sentence"] for warning in plan["warnings"] if warning["needs_acceptance"])
        raise NotConfirmed(f"This plan has warnings: {warnings} Nothing was asked for. Say --accept if it is so.")
    if options.confirm and options.confirm != slug:
        raise NotConfirmed(f"--confirm says {options.confirm}, and this is {slug}. Nothing was asked for.")
    if options.confirm or options.no_input or options.dry_run or not terminal.can_ask():
        return
    if terminal.ask(f"{plan['title']}. To go on, type {slug}:") != slug:
        raise NotConfirmed(f"{slug} was not typed. Nothing was asked for.")


def _decided(request: dict[str, Any], options: argparse.Namespace, server: SignalboxServer) -> dict[str, Any]:
    """Once people have decided, or the time to wait for them is over."""
    until = time.monotonic() + options.wait * 60
    people = ", ".join(request["can_be_approved_by"]) or "nobody yet"
    waits = f"Request {request['id']} waits for approval by {people}: {request['url']}"
    if request["status"] == RequestStanding.OPEN and options.wait:
        print(hidden.shown(waits), file=sys.stderr)
    while request["status"] == RequestStanding.OPEN and time.monotonic() < until:
        time.sleep(PAUSE)
        request = server.get(f"/change-requests/{request['id']}")
    return request


def watched(run: dict[str, Any], server: SignalboxServer) -> dict[str, Any]:
    """Once it has ended."""
    while not is_over(run["status"]):
        terminal.move(f"run {run['id']}: {run['status']}")
        time.sleep(PAUSE)
        run = server.get(f"/runs/{run['id']}")
    terminal.move("")
    return run


def lines_of_request(request: dict[str, Any]) -> list[str]:
    lines = [f"Request {request['id']}, {request['status']}: {request['title']}", f"  {request['url']}"]
    if request["can_be_approved_by"]:
        lines.append(f"  can be approved by {', '.join(request['can_be_approved_by'])}")
    decisions = (f"  {each['verdict']} by {each['by']}: {each['reason']}" for each in request["decisions"])
    return [*lines, *(line.rstrip(": ") for line in decisions)]


def lines_of_run(run: dict[str, Any]) -> list[str]:
    lines = [f"Run {run['id']}, {run['status']}: {run['title']}", f"  {run['url']}"]
    for step in run["steps"]:
        ms = f" ({step['duration_ms']} ms)" if step["duration_ms"] is not None else ""
        lines.append(f"  {step['action']} {step['version']} {step['name']}: {step['status']}{ms}")
    if failure := run["failure"]:
        lines.append(f"  {failure.get('sentence', '')}")
        then = " ".join(filter(None, (failure.get("state_now"), failure.get("remedy"))))
        lines += [f"  {then}"] if then else []
    return lines


def _print(options: argparse.Namespace, answered: _Answered) -> None:
    if options.json:
        print(json.dumps(vars(answered), indent=2))
        return
    plan, request, run = answered.plan, answered.request, answered.run
    lines = plans.lines_of(plan) if plan and not (request or run) else []
    lines += lines_of_request(request) if request and not run else []
    lines += lines_of_run(run) if run else []
    if lines:
        print(hidden.shown("\n".join(lines)))
