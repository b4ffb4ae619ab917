"""Which environments a verb asks about, and how an answer is printed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from dashboard.cli.exits import Exit
from dashboard.cli.server.client import ServerSaidNo, SignalboxServer
from dashboard.presenters import hidden


def add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--env",
        action="append",
        metavar="NAME",
        dest="environments",
        help="an environment; all without it",
    )
    parser.add_argument(
        "environments", action="extend", nargs="*", metavar="NAME", help="an environment, the same as --env NAME"
    )
    add_json(parser)


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def add_limit(parser: argparse.ArgumentParser, *, default: int) -> None:
    parser.add_argument(
        "--limit", metavar="N", type=_count, default=default, help=f"how many at most (default: {default})"
    )


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rows")
    return int(text)


def chosen(options: argparse.Namespace, server: SignalboxServer) -> list[str]:
    return list(options.environments or [each["slug"] for each in server.listed("/environments")])


def asked_of_each(
    options: argparse.Namespace, server: SignalboxServer, ask: Callable[[str], dict[str, Any]]
) -> tuple[list[dict[str, Any]], Exit]:
    """What each answers, and the worst exit code; one that does not hides no other."""
    answers: list[dict[str, Any]] = []
    worst: Exit = Exit.OK
    for slug in chosen(options, server):
        try:
            answers.append(ask(slug))
        except ServerSaidNo as error:
            complain(error)
            answers.append({"environment": slug, "error": error.problem})
            worst = max(worst, error.exit_code)
    return answers, worst


def complain(error: ServerSaidNo) -> Exit:
    for line in error.lines:
        print(hidden.shown(line), file=sys.stderr)
    return error.exit_code


def show(options: argparse.Namespace, content: Any, lines: list[str]) -> None:
    print(json.dumps(content, indent=2) if options.json else hidden.shown("\n".join(lines)))
