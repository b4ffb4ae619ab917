"""Is the server ready, and does it take the token? Exit code 7 where it is not ready."""

from __future__ import annotations

import argparse

from dashboard.cli.exits import Exit
from dashboard.cli.server import choosing
from dashboard.cli.server.client import ServerSaidNo, SignalboxServer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    choosing.add_json(parser)


def run(options: argparse.Namespace, server: SignalboxServer) -> int:
    ready = server.public("/ready")
    try:
        environments, code = [each["slug"] for each in server.listed("/environments")], Exit.OK
    except ServerSaidNo as error:
        environments, code = [], choosing.complain(error)
    missing = ", ".join(ready["missing"])
    lines = [
        f"{server.url}: {f'not ready, missing: {missing}' if missing else 'ready'}",
        f"  the token is for: {', '.join(environments) or 'no environment'}",
    ]
    report = {"url": server.url, "ready": ready["ready"], "missing": ready["missing"], "environments": environments}
    choosing.show(options, report, lines)
    return code if ready["ready"] else Exit.UNREACHABLE
