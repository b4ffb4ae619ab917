"""What is applied, pending or in need of attention, in every environment. Exit code 8 also where no migration was read.

Where environments are named, an error in a file that is for none of them is listed and does not count.

Reads the folder and the targets, changes nothing, and needs no control database.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from config.environments import Environment
from config.sources import Source
from dashboard.cli import environments as chosen_environments
from dashboard.cli import terminal
from dashboard.cli.environments import source as _source_of
from dashboard.cli.exits import Exit, code_of
from dashboard.engine import scoping, status
from dashboard.engine.errors import EngineError
from dashboard.engine.imports import due
from dashboard.engine.migration import Folder, Severity
from dashboard.engine.plan import Target
from dashboard.engine.status import MigrationStatus, State
from dashboard.local.workspace import Workspace
from dashboard.presenters.migration_states import MIGRATION


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen_environments.add_arguments(parser)
    parser.add_argument("--exit-code", action="store_true", help="exit with 3 when something is pending")


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    chosen = chosen_environments.chosen(options, workspace)
    files = _folders(options, workspace, chosen)
    looks = _look_at(workspace, chosen)
    left_out = [] if options.environments else chosen_environments.left_out(workspace)
    first, *others = (_source(workspace, source, reading) for source, reading in files.items())
    report = {
        **first,
        "other_sources": others,
        "environments": [
            _environment(workspace, environment, answer, files[_source_of(options, workspace, environment)])
            for environment, answer in looks
        ],
        "without_database": list(map(_left_out, left_out)),
    }
    print(json.dumps(report, indent=2) if options.json else _text(workspace, report))
    judged = [
        part
        for source, reading in files.items()
        if isinstance(reading, Folder)
        for part in _asked_about(source, reading, options, workspace, chosen)
    ]
    failures = [reading for reading in files.values() if isinstance(reading, EngineError)]
    failures += [answer for _, answer in looks if isinstance(answer, EngineError)]
    return _exit_code(judged, failures, report, pending_counts=options.exit_code)


def _folders(
    options: argparse.Namespace, workspace: Workspace, chosen: list[Environment]
) -> dict[Source, Folder | EngineError]:
    """What is asked for reads; where no environment is, every declared one. One that cannot be read hides no other, but
    what --source names has to be there. Raises SourceMissing, SourceUnreadable, SourceNotRead."""
    if options.source:
        named = _source_of(options, workspace)
        return {named: workspace.files(named)}
    asked = dict.fromkeys(_source_of(options, workspace, environment) for environment in chosen)
    return {source: _read(workspace, source) for source in asked or workspace.declaration.all_sources()}


def _read(workspace: Workspace, source: Source) -> Folder | EngineError:
    try:
        return workspace.files(source)
    except EngineError as error:
        return error


def _asked_about(
    source: Source, folder: Folder, options: argparse.Namespace, workspace: Workspace, chosen: list[Environment]
) -> list[Folder]:
    """The folder as each environment has it that was asked for by name; else the whole of it."""
    if not options.environments:
        return [folder]
    own = [environment for environment in chosen if _source_of(options, workspace, environment) == source]
    return [scoping.within(folder, environment.slug) for environment in own]


def _source(workspace: Workspace, source: Source, reading: Folder | EngineError) -> dict[str, Any]:
    if isinstance(reading, EngineError):
        unread: dict[str, Any] = {"source_commit": None, "source_name": source.name, "format": None}
        return {"source": str(source.folder), **unread, "files": [], "problems": [], "source_error": _error(reading)}
    commit = workspace.commit(source.name, reading.commit)
    return {
        "source": reading.source,
        "source_commit": commit.to_dict() if commit else None,
        "source_name": source.name,
        "format": reading.format,
        "files": [asdict(entry) for entry in reading.files],
        "problems": [asdict(problem) for problem in reading.problems],
        "source_error": None,
    }


def _error(error: EngineError) -> dict[str, str]:
    return {
        "code": error.code,
        "sentence": str(error),
        "state_now": error.state_now,
        "remedy": error.remedy,
        "next": error.next_step,
    }


def _left_out(environment: Environment) -> dict[str, str]:
    return {"environment": environment.slug, "because": chosen_environments.complaint(environment)}


def _look_at(workspace: Workspace, environments: list[Environment]) -> list[tuple[Environment, Target | EngineError]]:
    """All at once, so that one that does not answer holds up no other."""
    if not environments:
        return []
    with ThreadPoolExecutor(max_workers=len(environments)) as pool:
        return list(zip(environments, pool.map(workspace.read_or_error, environments), strict=True))


def _environment(
    workspace: Workspace, environment: Environment, answer: Target | EngineError, reading: Folder | EngineError
) -> dict[str, Any]:
    report: dict[str, Any] = {
        "environment": environment.slug,
        "name": environment.name,
        "protected": environment.protected,
        "source": environment.source,
        "address": workspace.access(environment).address.shown,
    }
    if isinstance(answer, EngineError):
        return report | {"reachable": False, "error": _error(answer)}
    unfinished = [left.label for left in answer.history.unfinished]
    if isinstance(reading, EngineError):
        counts = {"applied": None, "pending": None, "attention": None}
        return report | {"reachable": True} | counts | {"unfinished": unfinished, "not_imported": [], "migrations": []}
    folder = scoping.within(reading, environment.slug)
    statuses = status.compute(folder, answer.history)
    summary = status.summary(statuses)
    return report | {
        "reachable": True,
        "applied": summary.applied,
        "pending": summary.pending,
        "attention": len(summary.attention),
        "unfinished": unfinished,
        "not_imported": [other.label for other in due.histories(folder, answer.history)],
        "migrations": [_migration(item) for item in statuses],
    }


def _migration(item: MigrationStatus) -> dict[str, Any]:
    applied = item.applied
    scope = scoping.scope_of(item.migration) if item.migration else scoping.Scope()
    return {
        "version": item.version,
        "name": item.name,
        "state": item.state.value,
        "repeatable": item.is_repeatable,
        "environments": list(scope.only) or None,
        "except": list(scope.but) or None,
        "sentence": item.sentence,
        "file": item.migration.up.file if item.migration else None,
        "checksum": item.migration.up.checksum if item.migration else None,
        "applied_at": applied.applied_at.isoformat() if applied and applied.applied_at else None,
        "applied_by": applied.applied_by if applied else None,
        "error": applied.error_message if applied and not applied.success else None,
    }


def _exit_code(
    files: list[Folder],
    failures: list[EngineError],
    report: dict[str, Any],
    *,
    pending_counts: bool,
) -> int:
    if failures:
        return code_of(failures[0])
    if any(not (folder.migrations or folder.elsewhere) or _has_error(folder) for folder in files) or any(
        e["attention"] or e["unfinished"] for e in report["environments"]
    ):
        return Exit.ATTENTION
    if pending_counts and any(e["pending"] for e in report["environments"]):
        return Exit.PENDING
    return Exit.OK


def _has_error(folder: Folder) -> bool:
    return any(problem.severity is Severity.ERROR for problem in folder.problems)


def _text(workspace: Workspace, report: dict[str, Any]) -> str:
    lines = []
    for source in (report, *report["other_sources"]):
        if error := source["source_error"]:
            lines += [f"{source['source']}: not read", f"  {error['sentence']}", f"  {error['next']}"]
            continue
        lines.append(f"{source['source']}: {_count(len(source['files']))}")
        if commit := source["source_commit"]:
            lines.append(f"  commit {commit['short']} {commit['subject']} (by {commit['author']})")
        lines += [_problem_line(problem) for problem in source["problems"] if problem["severity"] == Severity.ERROR]
    for environment in report["environments"]:
        lines += ["", *_environment_lines(workspace, environment)]
    if not report["environments"]:
        lines += ["", chosen_environments.NONE]
    elif report["without_database"]:
        lines += ["", *(left["because"] for left in report["without_database"])]
    if warnings := [_problem_line(each) for each in _problems(report) if each["severity"] == Severity.WARNING]:
        lines += ["", "About the files:", *warnings]
    return "\n".join(lines)


def _problems(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for source in (report, *report["other_sources"]):
        yield from source["problems"]


def _problem_line(problem: dict[str, Any]) -> str:
    where = ":".join(str(part) for part in (problem["file"], problem["line"], problem["column"]) if part)
    return f"  {problem['severity']}: {f'{where}: ' if where else ''}{problem['sentence']} {problem['advice']}"


def _count(files: int) -> str:
    return "1 file" if files == 1 else f"{files} files"


def _environment_lines(workspace: Workspace, environment: dict[str, Any]) -> list[str]:
    head = f"{environment['name']} ({environment['address']})"
    if not environment["reachable"]:
        error = environment["error"]
        return [head, f"  {error['sentence']}", f"  {error['next']}"]
    if environment["pending"] is None:
        return [f"{head}: not compared, because its files were not read", *_frozen(environment)]
    counts = f"{environment['applied']} applied, {environment['pending']} pending"
    if environment["attention"]:
        counts += f", {environment['attention']} need attention"
    waiting = [f"  {_waiting(workspace, label, environment['environment'])}" for label in environment["not_imported"]]
    rows = [f"  {_state_line(item)}" for item in environment["migrations"]]
    return [f"{head}: {counts}", *_frozen(environment), *waiting, *rows]


_WAITING = (
    "A history of {label} waits to be imported: what is pending below may have run already. Import it before anything "
    "is applied: `{command}`."
)
_FROZEN = (
    "{label} broke off outside a transaction: part of it is there, and nothing else runs until that is settled, "
    "on the page of {name} in Signalbox."
)


def _frozen(environment: dict[str, Any]) -> list[str]:
    return [f"  {_FROZEN.format(label=label, name=environment['name'])}" for label in environment["unfinished"]]


def _waiting(workspace: Workspace, label: str, slug: str) -> str:
    return _WAITING.format(label=label, command=workspace.typed(f"import {slug}"))


def _state_line(item: dict[str, Any]) -> str:
    pill = MIGRATION[item["state"]]
    line = f"{item['version']} {item['name']}: {terminal.painted(pill.label.lower(), pill.tone)}"
    return line if item["state"] in {State.APPLIED, State.PENDING} else f"{line}. {item['sentence']}"
