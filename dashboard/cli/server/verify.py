"""Hold the files of the server against what each environment has. Exit code 8 where they do not agree.

With --expect everything has to be there: it also fails on what is pending, on what was skipped without a reason, on
files that nobody could read, and where there is no migration at all. The server asks the targets, and nothing is
changed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from dashboard.cli.exits import Exit
from dashboard.cli.server import choosing
from dashboard.cli.server.client import SignalboxServer
from dashboard.cli.verify import NO_MIGRATION, NOTHING
from dashboard.engine.migration import Severity
from dashboard.engine.status import State


def add_arguments(parser: argparse.ArgumentParser) -> None:
    choosing.add_choice(parser)
    parser.add_argument("--expect", action="store_true", help="expect that everything is applied")


def run(options: argparse.Namespace, server: SignalboxServer) -> int:
    answers, worst = choosing.asked_of_each(options, server, lambda slug: _report(server, slug, expect=options.expect))
    if not answers:
        print("signalbox: the server shows this token no environment, so nothing was verified.", file=sys.stderr)
        return Exit.USAGE
    choosing.show(options, {"environments": answers}, [line for each in answers for line in _lines(each)])
    return max(worst, Exit.OK if all(each.get("agrees") for each in answers) else Exit.ATTENTION)


def _report(server: SignalboxServer, slug: str, *, expect: bool) -> dict[str, Any]:
    status = server.get(f"/environments/{slug}/status")
    disagreements = [*_of_migrations(status, expect=expect)]
    if expect:
        disagreements += _of_files(server, status["source"])
    if expect and not status["migrations"]:
        disagreements.append({"version": None, "name": None, "state": NO_MIGRATION, "sentence": NOTHING})
    counts = {name: status[name] for name in ("environment", "applied", "pending", "commit")}
    return {**counts, "agrees": not disagreements, "disagreements": disagreements}


def _of_migrations(status: dict[str, Any], *, expect: bool) -> Iterator[dict[str, Any]]:
    for row in status["migrations"]:
        unexplained = row["state"] == State.SKIPPED and not row["reason"]
        if row["needs_attention"] or (expect and (row["pending"] or unexplained)):
            yield {name: row[name] for name in ("version", "name", "state", "sentence")}


def _of_files(server: SignalboxServer, source: str) -> Iterator[dict[str, Any]]:
    for problem in server.listed(f"/sources/{source}/problems"):
        if problem["severity"] == Severity.ERROR:
            sentence = f"{problem['file']}: {problem['sentence']} {problem['advice']}"
            yield {"version": None, "name": None, "state": problem["code"], "sentence": sentence}


def _lines(report: dict[str, Any]) -> Iterator[str]:
    if "agrees" not in report:
        yield f"{report['environment']}: {report['error']['detail']}"
    elif report["agrees"]:
        yield f"{report['environment']}: files and history agree, {report['applied']} applied"
    else:
        yield f"{report['environment']}: files and history do not agree"
        yield from (f"  {each['sentence']}" for each in report["disagreements"])
