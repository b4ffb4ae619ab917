"""Is each target reachable and fit to run migrations on? Changes nothing.

Exit code 7 where one is not, and where an environment is declared and its variable is not set; `optional = true` in
config/environments.toml says that it may be so. With --declared only that is asked, and no database.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from django.conf import settings
from django.db import Error

from config.environments import Environment
from dashboard.cli import environments as chosen_environments
from dashboard.cli.exits import Exit, complain
from dashboard.engine.database.doctor import Check, CheckLevel, is_fit
from dashboard.engine.errors import EngineError, SourceNotConfigured, TargetNotConfigured, TargetUnsuitable
from dashboard.models import sources
from dashboard.models.environments import all_environments
from dashboard.presenters import audit as presenter
from dashboard.presenters import hidden, mails
from dashboard.presenters import installations as installation_presenter
from dashboard.selectors import mails as selector
from dashboard.services import audit_guard, checkups, installations, isolation, targets


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen_environments.add_choice(parser)
    parser.add_argument("--json", action="store_true", help="one object a line, with every check")
    parser.add_argument("--declared", action="store_true", help="only whether every declared variable is set")


def run(options: argparse.Namespace) -> int:
    environments = chosen_environments.chosen(options)
    if options.declared:
        absent = [e for e in all_environments() if not e.configured]
        return max(_complain_of_absent(absent), _complain_of_sources())
    if not environments:
        print(chosen_environments.NONE, file=sys.stderr)
        return Exit.USAGE
    code = max(_examine(environment, as_json=options.json) for environment in environments)
    if options.environments:
        return code
    if not options.json:
        _tell_of_installation()
        _tell_of_audit_log()
        _tell_of_mail()
    return max(code, _complain_of_absent(chosen_environments.left_out()), _complain_of_sources())


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


def _complain_of_sources() -> int:
    """Those whose secrets are named and not set."""
    code: int = Exit.OK
    for source in sources.in_git():
        if source.git and source.git.absence:
            variables, reason = " and ".join(source.git.unset), source.git.absence
            code = complain(SourceNotConfigured(source=source.name, variables=variables, reason=reason))
    return code


def _examine(environment: Environment, *, as_json: bool) -> int:
    try:
        checks = (*checkups.of(environment), *isolation.examine())
    except EngineError as error:
        return complain(error)
    if as_json:
        print(
            json.dumps({"environment": environment.slug, "fit": is_fit(checks), "checks": [asdict(c) for c in checks]})
        )
    elif is_fit(checks):
        print(f"{environment.name} ({targets.address(environment).shown}): fit to run migrations")
        for check in checks:
            _tell(check)
    for check in checks:
        if check.level is CheckLevel.REFUSED:
            complain(TargetUnsuitable(environment=environment.name, finding=check.finding, remedy=check.remedy))
        elif check.level is CheckLevel.WARNING and not is_fit(checks):
            print(f"  {check.level}: {check.finding} {check.remedy}", file=sys.stderr)
    return Exit.OK if is_fit(checks) else Exit.UNREACHABLE


def _tell_of_installation() -> None:
    """Whether this control database is a copy of another one, and whether that could be told."""
    try:
        view = installation_presenter.view(installations.current())
    except Error:
        return
    print(f"Installation: {view.sentence} {view.blind}".rstrip())


def _tell_of_audit_log() -> None:
    """Whether this process could change it. Nothing is said where no control database answers: targets need none."""
    try:
        sentence = presenter.power(audit_guard.look()).sentence
    except Error:
        return
    print(f"Audit log: {sentence}")


def _tell_of_mail() -> None:
    """Whether any is sent, and what was not delivered."""
    on = settings.SENDS_MAIL
    try:
        undelivered, unreachable = (selector.in_trouble().count(), selector.without_address()) if on else (0, 0)
    except Error:
        return
    print(f"Mail: {mails.standing(undelivered=undelivered, unreachable=unreachable)}")


def _tell(check: Check) -> None:
    if check.level is not CheckLevel.FINE:
        print(hidden.shown(f"  {check.level}: {check.finding} {check.remedy}".rstrip()))
