"""Is each target reachable and fit to run migrations on? Changes nothing.

Exit code 7 where one is not, and where an environment is declared and its variable is not set; `optional = true` in
config/environments.toml says that it may be so. Exit code 7 also where the control database cannot be asked, or is a
copy that nobody confirmed. With --declared only the variables are asked, and no database.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from config.environments import Environment
from dashboard.cli import environments as chosen_environments
from dashboard.cli.exits import Exit, complain
from dashboard.engine.database.doctor import Check, CheckLevel, is_fit
from dashboard.engine.errors import EngineError, SourceNotConfigured, TargetNotConfigured, TargetUnsuitable
from dashboard.local.workspace import Workspace
from dashboard.presenters import hidden


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen_environments.add_choice(parser)
    parser.add_argument("--json", action="store_true", help="one object a line, with every check")
    parser.add_argument("--declared", action="store_true", help="only whether every declared variable is set")


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    environments = chosen_environments.chosen(options, workspace)
    if options.declared:
        absent = [e for e in workspace.declaration.environments if not e.configured]
        return max(_complain_of_absent(absent), _complain_of_sources(workspace))
    if not environments:
        print(chosen_environments.NONE, file=sys.stderr)
        return Exit.USAGE
    own = workspace.own_standing()
    code = max(_examine(workspace, environment, own, as_json=options.json) for environment in environments)
    if not options.json and not options.environments:
        for check in own:
            print(f"{check.code.replace('_', ' ').capitalize()}: {check.finding} {check.remedy}".rstrip())
    code = max(code, _complain_of_itself(own))
    if options.environments:
        return code
    return max(code, _complain_of_absent(chosen_environments.left_out(workspace)), _complain_of_sources(workspace))


def _complain_of_itself(own: Sequence[Check]) -> int:
    """A copy that nobody confirmed, and one without a control database, run nothing anywhere."""
    refused = [check for check in own if check.level is CheckLevel.REFUSED]
    for check in refused:
        print(hidden.shown(f"signalbox: {check.finding}\n  {check.remedy}"), file=sys.stderr)
    return Exit.UNREACHABLE if refused else Exit.OK


def _complain_of_absent(absent: list[Environment]) -> int:
    """They are declared and have no database. An optional one is only named."""
    code: int = Exit.OK
    for environment in absent:
        if environment.optional and not environment.fault:
            print(f"{chosen_environments.complaint(environment)} It is optional.", file=sys.stderr)
        else:
            variable, reason = environment.variable, environment.absence
            code = complain(TargetNotConfigured(environment=environment.name, variable=variable, reason=reason))
    return code


def _complain_of_sources(workspace: Workspace) -> int:
    """Those whose secrets are named and not set."""
    code: int = Exit.OK
    for source in workspace.fetched():
        if source.git and source.git.absence:
            variables, reason = " and ".join(source.git.unset), source.git.absence
            code = complain(SourceNotConfigured(source=source.name, variables=variables, reason=reason))
    return code


def _examine(workspace: Workspace, environment: Environment, own: Sequence[Check], *, as_json: bool) -> int:
    try:
        checks = workspace.checkup(environment)
    except EngineError as error:
        return complain(error)
    if as_json:
        report = {"environment": environment.slug, "fit": is_fit(checks), "checks": [asdict(c) for c in checks]}
        print(json.dumps(report | {"installation": {"fit": is_fit(own), "checks": [asdict(c) for c in own]}}))
    elif is_fit(checks):
        print(f"{environment.name} ({workspace.access(environment).address.shown}): fit to run migrations")
        for check in checks:
            _tell(check)
    for check in checks:
        if check.level is CheckLevel.REFUSED:
            complain(TargetUnsuitable(environment=environment.name, finding=check.finding, remedy=check.remedy))
        elif check.level is CheckLevel.WARNING and not is_fit(checks):
            print(f"  {check.level}: {check.finding} {check.remedy}", file=sys.stderr)
    return Exit.OK if is_fit(checks) else Exit.UNREACHABLE


def _tell(check: Check) -> None:
    if check.level is not CheckLevel.FINE:
        print(hidden.shown(f"  {check.level}: {check.finding} {check.remedy}".rstrip()))
