"""What the verbs that mend a history have in common."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from config.environments import Environment
from dashboard.cli import environments as chosen_environments
from dashboard.cli.exits import Exit, complain
from dashboard.engine import status
from dashboard.engine.errors import NoSuchMigration, NotAcknowledged, NothingToDo
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Action, Plan, Record
from dashboard.engine.planner import row_changes
from dashboard.engine.status import MigrationStatus
from dashboard.local import mending
from dashboard.local.workspace import Submitted, Word, Workspace
from dashboard.presenters import hidden
from dashboard.presenters.rows import common_notes, own_note, row
from dashboard.services.errors import ReasonMissing


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


class NotSubmitted(Exception):
    """Nobody was asked for it. The sentence, and the exit code."""

    def __init__(self, sentence: str, code: Exit) -> None:
        super().__init__(sentence)
        self.code = code


def run(options: argparse.Namespace, workspace: Workspace, action: Action) -> int:
    def plan(environment: Environment) -> Plan:
        chosen = _chosen(environment, workspace, action, options)
        if action is not Action.ACCEPT and not options.reason.strip():
            raise ReasonMissing(what=action.verb.lower())
        return workspace.mended(environment, action, **chosen)

    return work(options, workspace, action, plan)


def work(options: argparse.Namespace, workspace: Workspace, action: Action, made: Callable[[Environment], Plan]) -> int:
    """Show what the plan would leave in the history, and submit it where somebody asks for it."""
    environment = chosen_environments.named(options.environment, workspace)
    if hasattr(options, "migrations") and bool(options.migrations) is options.all:
        print(
            "signalbox: name the migrations, or say --all for every one that fits. Nothing was written.",
            file=sys.stderr,
        )
        return Exit.USAGE
    try:
        plan = made(environment)
        result = _submitted(plan, environment, workspace, options)
    except NotSubmitted as error:
        print(f"signalbox: {error}", file=sys.stderr)
        return error.code
    except NotAcknowledged as error:
        print(f"signalbox: {error}", file=sys.stderr)
        print("  Nothing was written. Read it, and say --accept if it is so.", file=sys.stderr)
        return Exit.FAILED
    except NothingToDo as error:
        if options.json:
            print(json.dumps(_EMPTY | {"environment": options.environment, "action": action.value}, indent=2))
        return complain(error)
    shown = hidden.shown(_text(plan, result, environment))
    print(json.dumps(_object(plan, result), indent=2) if options.json else shown)
    return Exit.APPROVAL_NEEDED if result and result.waits else Exit.OK


def _submitted(
    plan: Plan, environment: Environment, workspace: Workspace, options: argparse.Namespace
) -> Submitted | None:
    """None where nobody asks for it."""
    confirmed = getattr(options, "confirm", "")
    if confirmed and confirmed != environment.slug:
        raise NotSubmitted(
            f"--confirm says {confirmed}, and this is {environment.slug}. Nothing was written.", Exit.USAGE
        )
    if not options.by:
        return None
    glass = getattr(options, "break_glass", "").strip()
    if glass and confirmed != environment.slug:
        raise NotSubmitted(f"breaking the glass needs --confirm {environment.slug}. Nothing was written.", Exit.USAGE)
    accepted = [warning.key for warning in plan.warnings] if options.accept else []
    return workspace.submit(
        plan, environment, Word(by=options.by, reason=options.reason, accepted=accepted, glass=glass)
    )


def _chosen(
    environment: Environment, workspace: Workspace, action: Action, options: argparse.Namespace
) -> dict[str, Any]:
    if action is Action.BASELINE:
        return {"upto": options.to, "reason": options.reason}
    statuses = status.compute(workspace.folder_of(environment), workspace.look(environment).history)
    if options.all:
        migrations = [item.identity for item in mending.candidates(statuses)[action]]
        if not migrations:
            raise NothingToDo(environment=environment.name, reason=_NONE_FITS[action])
    else:
        migrations = _named(environment, statuses, options.migrations)
    return {"migrations": migrations, "reason": options.reason}


#: Where all are meant, and there is none.
_NONE_FITS = {
    Action.SKIP: "no migration of its files waits there that could be skipped",
    Action.UNSKIP: "no migration is skipped there",
    Action.MARK_APPLIED: "no migration of its files is pending there",
    Action.ACCEPT: "no applied file has other comments than it had then",
    Action.ACCEPT_CHANGE: "no applied file has other SQL than it had then",
}


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


def _object(plan: Plan, result: Submitted | None) -> dict[str, Any]:
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
        "request": result.request if result else None,
        "run": result.run if result else None,
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


def _text(plan: Plan, result: Submitted | None, environment: Environment) -> str:
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
    return "\n".join([*lines, result.sentence if result else _UNASKED])


_UNASKED = "Nothing was written. Say who asks for it with --by."
