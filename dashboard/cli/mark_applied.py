"""Record as applied what somebody ran by hand, any number of migrations, with a reason.

Shows each row of the history before and after. Writes nothing unless --by says who asks for it: then it starts the run,
and on a protected environment opens one request for all of it (exit code 4). No SQL of a migration is sent.
"""

from __future__ import annotations

import argparse

from dashboard.cli import repairs
from dashboard.engine.plan import Action
from dashboard.local.workspace import Workspace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    repairs.add_arguments(parser)
    repairs.add_migrations(parser)


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    return repairs.run(options, workspace, Action.MARK_APPLIED)
