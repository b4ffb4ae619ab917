"""Which Signalbox this is, and which the server is."""

from __future__ import annotations

import argparse
import platform

from config.version import VERSION
from dashboard.cli.exits import Exit
from dashboard.cli.server import choosing
from dashboard.cli.server.client import PREFIX, SignalboxServer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    choosing.add_json(parser)


def run(options: argparse.Namespace, server: SignalboxServer) -> int:
    of_server = server.public(f"{PREFIX}/openapi.json")["info"]["version"]
    facts = {"version": VERSION, "python": platform.python_version(), "server": of_server}
    lines = [f"signalbox {VERSION} (Python {facts['python']})", f"{server.url}: signalbox {of_server}"]
    choosing.show(options, facts, lines)
    return Exit.OK
