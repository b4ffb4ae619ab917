"""Record the text of files that were edited after they were applied, any number of them: only their comments differ.

With --changed-sql it is for files whose SQL differs: the database keeps what the old text did, and the record takes the
new checksum. That wants a reason. Shows each row before and after. Writes nothing unless --by says who asks for it:
then it starts the run, and on a protected environment opens one request for all of it (exit code 4). No SQL is sent.
"""

from __future__ import annotations

import argparse

from dashboard.cli import repairs
from dashboard.engine.plan import Action
from dashboard.local.workspace import Workspace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    repairs.add_arguments(parser, wants_reason=False)
    repairs.add_migrations(parser)
    parser.add_argument("--changed-sql", action="store_true", help="files whose SQL changed, not only their comments")


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    return repairs.run(options, workspace, Action.ACCEPT_CHANGE if options.changed_sql else Action.ACCEPT)
