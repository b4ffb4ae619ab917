"""Record every file up to a version as applied without running it, with a reason: the database has all of it already.

Shows which files it covers, as rows before and after, and which of their tables are not there. Writes nothing unless
--by says who asks for it: then it starts the run, and on a protected environment opens one request (exit code 4). No
SQL of a migration is sent.
"""

from __future__ import annotations

import argparse

from dashboard.cli import repairs
from dashboard.engine.plan import Action
from dashboard.local.workspace import Workspace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    repairs.add_arguments(parser)
    parser.add_argument("--to", required=True, metavar="VERSION", help="up to and including this version")


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    return repairs.run(options, workspace, Action.BASELINE)
