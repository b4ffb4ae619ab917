"""Draw the states of requests and runs as Mermaid diagrams: docs/STATES.md."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping

from dashboard.cli.exits import Exit
from dashboard.local.workspace import Workspace
from dashboard.models import ChangeRequest, Run

HEAD = """# States

Made by `manage.py signalbox states`; `make check` fails when this file is out of date.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    print(
        "\n".join([HEAD, *_diagram("Change request", ChangeRequest.TRANSITIONS), *_diagram("Run", Run.TRANSITIONS)]),
        end="",
    )
    return Exit.OK


def _diagram(title: str, transitions: Mapping[str, Iterable[str]]) -> list[str]:
    lines = [f"## {title}", "", "```mermaid", "stateDiagram-v2", f"    [*] --> {next(iter(transitions))}"]
    for old, news in transitions.items():
        lines += [f"    {old} --> {new}" for new in sorted(news)] or [f"    {old} --> [*]"]
    return [*lines, "```", ""]
