"""What the verbs that mend a history have in common."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from django.contrib.auth.models import User
from django.db import Error

from dashboard.cli.exits import Exit, complain
from dashboard.engine import status
from dashboard.engine.errors import EngineError, NoSuchMigration, NotAcknowledged, NothingToDo
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Action, Plan, Record
from dashboard.engine.planner import row_changes
from dashboard.engine.status import MigrationStatus
from dashboard.models import ChangeRequest, Run, environments
from dashboard.models.environments import Environment
from dashboard.presenters import hidden
from dashboard.presenters.row_changes import common_notes, own_note, row
from dashboard.selectors import folders
from dashboard.services import decisions, policies, repairs, targets
from dashboard.services.actors import Actor


def add_arguments(parser: argparse.ArgumentParser, *, wants_reason: bool = True) -> None:
    parser.add_argument("environment", metavar="ENV", help="the environment")
    parser.add_argument(
        "--reason", required=wants_reason, default="", metavar="TEXT", help="why; it is kept with each record"
    )
    parser.add_argument("--by", metavar="PERSON", help="who asks for it, by user name; without it nothing is written")
    parser.add_argument("--accept", action="store_true", help="accept every warning that is shown")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def add_migrations(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "migrations", metavar="MIGRATION", nargs="*", help="by label (008_add_city), number or file name"
    )
    parser.add_argument("--all", action="store_true", help="all that it can be done with there")


def run(options: argparse.Namespace, action: Action) -> int:
    def plan(environment: Environment) -> Plan:
        return repairs.plan(environment, action, **_chosen(environment, action, options))

    return work(options, action, plan)


def work(options: argparse.Namespace, action: Action, made: Callable[[Environment], Plan]) -> int:
    """Show what the plan would leave in the history, and submit it where somebody asks for it."""
    try:
        environment = environments.get(options.environment)
        by = _actor(options.by) if options.by else None
        plan = made(environment)
        result = _submitted(plan, environment, by, options) if by else None
    except environments.UnknownEnvironment as error:
        known = ", ".join(e.slug for e in environments.all_environments())
        print(f"signalbox: there is no environment {error}. Known: {known}.", file=sys.stderr)
        return Exit.USAGE
    except User.DoesNotExist:
        print(f"signalbox: nobody who may sign in is called {options.by}. Nothing was written.", file=sys.stderr)
        return Exit.USAGE
    except NotAcknowledged as error:
        print(f"signalbox: {error}", file=sys.stderr)
        print("  Nothing was written. Read it, and say --accept if it is so.", file=sys.stderr)
        return Exit.FAILED
    except NothingToDo as error:
        if options.json:
            print(json.dumps(_EMPTY | {"environment": options.environment, "action": action.value}, indent=2))
        return complain(error)
    except EngineError as error:
        return complain(error)
    except Error as error:
        print(f"signalbox: The control database cannot be asked: {' '.join(str(error).split())}", file=sys.stderr)
        print("  Nothing was written. Check SIGNALBOX_DATABASE_URL, and run manage.py migrate.", file=sys.stderr)
        return Exit.UNREACHABLE
    shown = hidden.shown(_text(plan, result, environment))
    print(json.dumps(_object(plan, result), indent=2) if options.json else shown)
    return Exit.APPROVAL_NEEDED if isinstance(result, ChangeRequest) else Exit.OK


def _actor(name: str) -> Actor:
    """A shell proves nothing of who sits before it, and the audit log says so."""
    user = User.objects.get(username=name, is_active=True)
    return Actor(name=f"{user.get_username()} (on the command line)", user=user)


def _chosen(environment: Environment, action: Action, options: argparse.Namespace) -> dict[str, Any]:
    if action is Action.BASELINE:
        return {"upto": options.to, "reason": options.reason}
    statuses = status.compute(folders.read(environment), targets.look(environment).history)
    if options.all:
        migrations = [item.identity for item in repairs.candidates(statuses)[action]]
    else:
        migrations = _named(environment, statuses, options.migrations)
    return {"migrations": migrations, "reason": options.reason}


def _named(environment: Environment, statuses: Sequence[MigrationStatus], names: Sequence[str]) -> list[MigrationId]:
    """Raises NoSuchMigration for the first that names none, or a number that several have."""
    by_name: dict[str, set[MigrationId]] = {}
    for item in statuses:
        for name in _names_of(item):
            by_name.setdefault(name, set()).add(item.identity)
    for name in names:
        if len(by_name.get(name, ())) != 1:
            raise NoSuchMigration(environment=environment.name, version=name)
    return [identity for name in names for identity in by_name[name]]


def _names_of(item: MigrationStatus) -> set[str]:
    return {item.label, item.version, *([item.migration.up.file] if item.migration else [])}


def _submitted(plan: Plan, environment: Environment, by: Actor, options: argparse.Namespace) -> ChangeRequest | Run:
    """On the command line the environment is typed already. The other verbs have asked for their reason before."""
    if plan.action is Action.IMPORT and decisions.needs_request(plan, environment):
        policies.check_reason(options.reason, "ask for an import")
    return decisions.submit(
        plan,
        environment=environment,
        by=by,
        reason=options.reason,
        accepted=[warning.key for warning in plan.warnings] if options.accept else [],
        typed_name=environment.slug,
    )


def _object(plan: Plan, result: ChangeRequest | Run | None) -> dict[str, Any]:
    return {
        "environment": plan.environment,
        "action": plan.action.value,
        "digest": plan.digest,
        "rows": [
            {
                "version": change.migration.version,
                "name": change.migration.name,
                "before": _record(change.before),
                "after": _record(change.after),
                "captures_rollback": change.captures_rollback,
                "note": change.note,
            }
            for change in row_changes(plan)
        ],
        "origin": asdict(plan.origin) if plan.origin else None,
        "warnings": [{"key": warning.key, "sentence": warning.sentence} for warning in plan.warnings],
        "request": result.pk if isinstance(result, ChangeRequest) else None,
        "run": result.pk if isinstance(result, Run) else None,
    }


#: Where there is nothing to do.
_EMPTY: dict[str, Any] = {
    "environment": "",
    "action": "",
    "digest": None,
    "rows": [],
    "origin": None,
    "warnings": [],
    "request": None,
    "run": None,
}


def _record(record: Record | None) -> dict[str, str] | None:
    return {"kind": record.kind, "checksum": record.checksum} if record else None


def _text(plan: Plan, result: ChangeRequest | Run | None, environment: Environment) -> str:
    lines = [f"{environment.name}, {plan.action.verb.lower()}, digest {plan.digest}"]
    changes = row_changes(plan)
    common = common_notes(changes)
    lines += [f"  Kept with each row: {' '.join(common)}"] if common else []
    for change in changes:
        rollback = ", with the rollback of its file" if change.captures_rollback else ""
        lines.append(f"  {change.migration.label}: {row(change.before)} -> {row(change.after)}{rollback}")
        note = own_note(change, common)
        lines += [f"    {note}"] if note else []
    lines += [f"  {'warning' if w.needs_acceptance else 'note'}: {w.sentence}" for w in plan.warnings]
    return "\n".join([*lines, _outcome(result, environment)])


def _outcome(result: ChangeRequest | Run | None, environment: Environment) -> str:
    if result is None:
        return "Nothing was written. Say who asks for it with --by."
    if isinstance(result, ChangeRequest):
        return f"Request {result.pk} is open: {environment.name} is protected, and a second person has to approve it."
    return f"Run {result.pk} is queued."
