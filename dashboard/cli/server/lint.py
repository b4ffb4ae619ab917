"""What looks risky in the migrations that the server reads. Exit code 8 where an error is found that no file allows."""

from __future__ import annotations

import argparse
import json
from typing import Any

from dashboard.cli.exits import Exit
from dashboard.cli.server.client import SignalboxServer
from dashboard.engine.migration import Severity
from dashboard.presenters import hidden


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", metavar="SOURCE", help="a source by its name; all of the token without it")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, one for each finding")


def run(options: argparse.Namespace, server: SignalboxServer) -> int:
    names = [options.source] if options.source else [each["name"] for each in server.listed("/sources")]
    findings = [finding for name in names for finding in server.listed(f"/sources/{name}/lint")]
    for finding in findings:
        print(json.dumps(finding) if options.json else hidden.shown(_text(finding)))
    blocking = [each for each in findings if each["severity"] == Severity.ERROR and not each["suppressed"]]
    if not options.json:
        print(f"{len(findings)} findings, {len(blocking)} of them errors that no file allows")
    return Exit.ATTENTION if blocking else Exit.OK


def _text(finding: dict[str, Any]) -> str:
    where = f"{finding['file']}:{finding['line']}:{finding['column']}"
    then = f"allowed: {finding['suppressed']}" if finding["suppressed"] else finding["advice"]
    return f"{where}: {finding['severity']}: {finding['sentence']} ({finding['rule']})\n    {then}"
