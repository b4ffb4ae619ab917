"""The log of a run, statement by statement; with --follow until it has ended. Exit code 1 where it did not succeed."""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from dashboard.cli.exits import Exit
from dashboard.cli.server.client import PAUSE, SignalboxServer
from dashboard.cli.server.words import RunStanding, is_over
from dashboard.presenters import hidden


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", metavar="NUMBER", type=int, help="the run")
    parser.add_argument("--follow", action="store_true", help="until it has ended")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, one for each statement")


def run(options: argparse.Namespace, server: SignalboxServer) -> int:
    after = 0
    while True:
        page = server.get(f"/runs/{options.number}/log", after=after)
        for line in page["lines"]:
            after = line["id"]
            print(json.dumps(line) if options.json else hidden.shown(_text(line)), flush=True)
        if page["ended"] or (not page["lines"] and not options.follow):
            break
        if not page["lines"]:
            time.sleep(PAUSE)
    is_fine = page["status"] == RunStanding.SUCCEEDED or not is_over(page["status"])
    return Exit.OK if is_fine else Exit.FAILED


def _text(line: dict[str, Any]) -> str:
    ms = f", {line['duration_ms']} ms" if line["duration_ms"] is not None else ""
    lines = [f"{line['version']} {line['name']}, line {line['line']}: {line['summary']} ({line['status']}{ms})"]
    return "\n".join([*lines, *(f"    {notice}" for notice in line["notices"])])
