"""Which Signalbox this is."""

from __future__ import annotations

import argparse
import json
import platform

from config.version import VERSION
from dashboard.cli.exits import Exit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(options: argparse.Namespace, workspace: None) -> int:
    facts = {"version": VERSION, "python": platform.python_version()}
    print(json.dumps(facts) if options.json else f"signalbox {VERSION} (Python {facts['python']})")
    return Exit.OK
