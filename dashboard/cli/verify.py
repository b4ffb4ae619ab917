"""Hold the files against what each environment has. Exit code 8 where they do not agree.

They agree where each file was applied as it is, or is still to be applied. With --expect everything has to be there:
it also fails on what is pending, on what was skipped without a reason, on files that nobody could read, and where
there is no migration at all.
Reads the folder and the targets, changes nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from config.environments import Environment
from dashboard.cli import environments as chosen_environments
from dashboard.cli.exits import Exit, complain
from dashboard.engine import status
from dashboard.engine.errors import EngineError
from dashboard.engine.migration import Folder, Severity
from dashboard.engine.plan import Target
from dashboard.engine.status import MigrationStatus, State
from dashboard.local.workspace import Workspace

#: Where everything is expected, and there is nothing: the `state`, and the sentence.
NO_MIGRATION = "no_migration"
NOTHING = "There is no migration in the files and none in the history. See that folder and database are the right ones."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen_environments.add_arguments(parser)
    parser.add_argument("--expect", action="store_true", help="expect that everything is applied")


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    environments = chosen_environments.chosen(options, workspace)
    if not environments:
        print(chosen_environments.NONE, file=sys.stderr)
        return Exit.USAGE
    chosen_environments.tell_left_out(options, workspace)
    worst: int = Exit.OK
    reports = []
    for environment in environments:
        try:
            folder = chosen_environments.folder(options, workspace, environment)
            target = workspace.read(environment)
        except EngineError as error:
            worst = max(worst, complain(error))
            continue
        reports.append(_report(environment, folder, target, expect=options.expect))
        worst = max(worst, Exit.OK if reports[-1]["agrees"] else Exit.ATTENTION)
    print(json.dumps({"environments": reports}, indent=2) if options.json else "\n".join(map(_text, reports)))
    return worst


def _report(environment: Environment, folder: Folder, target: Target, *, expect: bool) -> dict[str, Any]:
    statuses = status.compute(folder, target.history)
    disagreements = [*_of_migrations(statuses, expect=expect), *_of_files(folder, expect=expect)]
    if expect and not statuses:
        disagreements.append({"version": None, "name": None, "state": NO_MIGRATION, "file": None, "sentence": NOTHING})
    return {
        "environment": environment.slug,
        "name": environment.name,
        "agrees": not disagreements,
        "applied": status.summary(statuses).applied,
        "pending": status.summary(statuses).pending,
        "disagreements": disagreements,
    }


def _of_migrations(statuses: Sequence[MigrationStatus], *, expect: bool) -> Iterator[dict[str, Any]]:
    for item in statuses:
        unexplained = item.state is State.SKIPPED and not (item.applied and item.applied.error_message)
        if item.needs_attention or (expect and (item.is_pending or unexplained)):
            yield {
                "version": item.version,
                "name": item.name,
                "state": item.state.value,
                "file": item.migration.up.file if item.migration else None,
                "sentence": item.sentence,
            }


def _of_files(folder: Folder, *, expect: bool) -> Iterator[dict[str, Any]]:
    """What is no migration, and what stands in its way."""
    for problem in folder.problems if expect else ():
        if problem.severity is Severity.ERROR:
            sentence = f"{problem.sentence} {problem.advice}"
            yield {"version": None, "name": None, "state": problem.code, "file": problem.file, "sentence": sentence}


def _text(report: dict[str, Any]) -> str:
    if report["agrees"]:
        pending = f", {report['pending']} pending" if report["pending"] else ""
        return f"{report['name']}: files and history agree, {report['applied']} applied{pending}"
    lines = [f"{report['name']}: files and history do not agree"]
    lines += [f"  {_place(each)}{each['sentence']}" for each in report["disagreements"]]
    return "\n".join(lines)


def _place(disagreement: dict[str, Any]) -> str:
    named = disagreement["file"] or disagreement["version"]
    return f"{named}: " if named else ""
