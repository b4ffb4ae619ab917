"""Record as applied what another migration tool has applied in an environment, as its own table says.

Shows each row of the history before and after. Writes nothing unless --by says who asks for it: then it starts the run,
and on a protected environment opens one request for all of it (exit code 4). No SQL of a migration is sent, and the
table of the other tool is only read. Exit code 8 where that tool broke off, or its table cannot be read.
"""

from __future__ import annotations

import argparse

from dashboard.cli import repairs
from dashboard.engine.plan import Action
from dashboard.local.workspace import Workspace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    repairs.add_arguments(parser, wants_reason=False)
    parser.add_argument(
        "--table",
        metavar="SCHEMA.NAME",
        default="",
        help="the table to import from: of several, or one whose name does not tell that it is a history",
    )


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    return repairs.work(
        options,
        workspace,
        Action.IMPORT,
        lambda environment: workspace.imported(environment, table=options.table),
    )
