"""What is applied, pending or in need of attention, in every environment. Exit code 8 also where no migration was read.

Reads the folder and the targets, changes nothing, and needs no control database.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from dashboard.cli import environments as chosen_environments
from dashboard.cli.exits import Exit, code_of
from dashboard.engine import scoping, status
from dashboard.engine.errors import EngineError
from dashboard.engine.imports import due
from dashboard.engine.migration import Folder, Severity
from dashboard.engine.plan import Target
from dashboard.engine.status import MigrationStatus, State
from dashboard.models import command_line
from dashboard.models.environments import Environment
from dashboard.models.sources import Source
from dashboard.presenters import statuses
from dashboard.selectors import folders, git
from dashboard.services import targets


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen_environments.add_arguments(parser)
    parser.add_argument("--exit-code", action="store_true", help="exit with 3 when something is pending")


def run(options: argparse.Namespace) -> int:
    chosen = chosen_environments.chosen(options)
    files = _folders(options, chosen)
    looks = _look_at(chosen)
    first, *others = (_source(source, folder) for source, folder in files.items())
    report = {
        **first,
        "other_sources": others,
        "environments": [
            _environment(environment, answer, files[chosen_environments.source(options, environment)])
            for environment, answer in looks
        ],
        "without_database": [] if options.environments else list(map(_left_out, chosen_environments.left_out())),
    }
    print(json.dumps(report, indent=2) if options.json else _text(report))
    return _exit_code(list(files.values()), looks, report, pending_counts=options.exit_code)


def _folders(options: argparse.Namespace, chosen: list[Environment]) -> dict[Source, Folder]:
    """What is asked for reads; where no environment is, the default one. Raises SourceMissing, SourceUnreadable."""
    asked = dict.fromkeys(chosen_environments.source(options, environment) for environment in chosen)
    return {source: folders.of_source(source) for source in asked or [chosen_environments.source(options)]}


def _source(source: Source, folder: Folder) -> dict[str, Any]:
    commit = git.known_as(source.name, folder.commit)
    return {
        "source": folder.source,
        "source_commit": commit.to_dict() if commit else None,
        "source_name": source.name,
        "format": folder.format,
        "files": [asdict(entry) for entry in folder.files],
        "problems": [asdict(problem) for problem in folder.problems],
    }


def _left_out(environment: Environment) -> dict[str, str]:
    return {"environment": environment.slug, "because": chosen_environments.complaint(environment)}


def _look_at(environments: list[Environment]) -> list[tuple[Environment, Target | EngineError]]:
    """All at once, so that one that does not answer holds up no other."""
    if not environments:
        return []
    with ThreadPoolExecutor(max_workers=len(environments)) as pool:
        return list(zip(environments, pool.map(targets.read_or_error, environments), strict=True))


def _environment(environment: Environment, answer: Target | EngineError, folder: Folder) -> dict[str, Any]:
    report: dict[str, Any] = {
        "environment": environment.slug,
        "name": environment.name,
        "protected": environment.protected,
        "source": environment.source,
        "address": targets.address(environment).shown,
    }
    if isinstance(answer, EngineError):
        return report | {
            "reachable": False,
            "error": {
                "code": answer.code,
                "sentence": str(answer),
                "state_now": answer.state_now,
                "remedy": answer.remedy,
                "next": answer.next_step,
            },
        }
    folder = scoping.within(folder, environment.slug)
    statuses = status.compute(folder, answer.history)
    summary = status.summary(statuses)
    return report | {
        "reachable": True,
        "applied": summary.applied,
        "pending": summary.pending,
        "attention": len(summary.attention),
        "unfinished": [left.label for left in answer.history.unfinished],
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
    looks: list[tuple[Environment, Target | EngineError]],
    report: dict[str, Any],
    *,
    pending_counts: bool,
) -> int:
    failures = [code_of(answer) for _, answer in looks if isinstance(answer, EngineError)]
    if failures:
        return failures[0]
    if any(not folder.migrations or _has_error(folder) for folder in files) or any(
        e["attention"] or e["unfinished"] for e in report["environments"]
    ):
        return Exit.ATTENTION
    if pending_counts and any(e["pending"] for e in report["environments"]):
        return Exit.PENDING
    return Exit.OK


def _has_error(folder: Folder) -> bool:
    return any(problem.severity is Severity.ERROR for problem in folder.problems)


def _text(report: dict[str, Any]) -> str:
    lines = []
    for source in (report, *report["other_sources"]):
        lines.append(f"{source['source']}: {_count(len(source['files']))}")
        if commit := source["source_commit"]:
            lines.append(f"  commit {commit['short']} {commit['subject']} (by {commit['author']})")
        lines += [_problem_line(problem) for problem in source["problems"] if problem["severity"] == Severity.ERROR]
    for environment in report["environments"]:
        lines += ["", *_environment_lines(environment)]
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


def _environment_lines(environment: dict[str, Any]) -> list[str]:
    head = f"{environment['name']} ({environment['address']})"
    if not environment["reachable"]:
        error = environment["error"]
        return [head, f"  {error['sentence']}", f"  {error['next']}"]
    counts = f"{environment['applied']} applied, {environment['pending']} pending"
    if environment["attention"]:
        counts += f", {environment['attention']} need attention"
    frozen = [f"  {_FROZEN.format(label=label, name=environment['name'])}" for label in environment["unfinished"]]
    waiting = [f"  {_waiting(label, environment['environment'])}" for label in environment["not_imported"]]
    return [f"{head}: {counts}", *frozen, *waiting, *(f"  {_state_line(item)}" for item in environment["migrations"])]


_WAITING = (
    "A history of {label} waits to be imported: what is pending below may have run already. Import it before anything "
    "is applied: `{command}`."
)
_FROZEN = (
    "{label} broke off outside a transaction: part of it is there, and nothing else runs until that is settled, "
    "on the page of {name} in Signalbox."
)


def _waiting(label: str, slug: str) -> str:
    return _WAITING.format(label=label, command=command_line.of(f"import {slug}"))


def _state_line(item: dict[str, Any]) -> str:
    line = f"{item['version']} {item['name']}: {statuses.MIGRATION[item['state']].label.lower()}"
    return line if item["state"] in {State.APPLIED, State.PENDING} else f"{line}. {item['sentence']}"
