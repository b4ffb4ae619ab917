"""Is each target reachable and fit to run migrations on? Changes nothing."""

from __future__ import annotations

import argparse
import sys

from dashboard.cli import environments as chosen_environments
from dashboard.cli.exits import Exit, complain
from dashboard.engine.errors import EngineError
from dashboard.engine.target import connection, doctor
from dashboard.services import targets


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen_environments.add_choice(parser)


def run(options: argparse.Namespace) -> int:
    worst: int = Exit.OK
    environments = chosen_environments.chosen(options)
    if not environments:
        print(chosen_environments.NONE, file=sys.stderr)
        return Exit.USAGE
    for environment in environments:
        address = targets.address(environment)
        try:
            with connection.working(targets.access(environment), name="signalbox doctor") as opened:
                doctor.examine(opened, address)
            print(f"{environment.name} ({address.shown}): fit to run migrations")
        except EngineError as error:
            worst = max(worst, complain(error))
    return worst
