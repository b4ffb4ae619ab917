"""What is applied, pending or in need of attention, in every environment.

Reads the folder and the targets, changes nothing, and needs no control database.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from dashboard.cli import environments as chosen_environments
from dashboard.cli.exits import Exit, code_of
from dashboard.engine import status
from dashboard.engine.errors import EngineError
from dashboard.engine.migration import Folder, Severity
from dashboard.engine.plan import Target
from dashboard.engine.status import MigrationStatus, State
from dashboard.models.environments import Environment
from dashboard.presenters import statuses
from dashboard.services import targets


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen_environments.add_arguments(parser)
    parser.add_argument("--exit-code", action="store_true", help="exit with 3 when something is pending")


def run(options: argparse.Namespace) -> int:
    folder = chosen_environments.folder(options)
    looks = _look_at(chosen_environments.chosen(options))
    report = {
        "source": folder.source,
        "format": folder.format,
        "files": [asdict(entry) for entry in folder.files],
        "problems": [asdict(problem) for problem in folder.problems],
        "environments": [_environment(environment, answer, folder) for environment, answer in looks],
    }
    print(json.dumps(report, indent=2) if options.json else _text(report))
    return _exit_code(folder, looks, report, pending_counts=options.exit_code)


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
    statuses = status.compute(folder, answer.history)
    summary = status.summary(statuses)
    return report | {
        "reachable": True,
        "applied": summary.applied,
        "pending": summary.pending,
        "attention": len(summary.attention),
        "unfinished": [left.label for left in answer.history.unfinished],
        "migrations": [_migration(item) for item in statuses],
    }


def _migration(item: MigrationStatus) -> dict[str, Any]:
    applied = item.applied
    return {
        "version": item.version,
        "name": item.name,
        "state": item.state.value,
        "sentence": item.sentence,
        "file": item.migration.up.file if item.migration else None,
        "checksum": item.migration.up.checksum if item.migration else None,
        "applied_at": applied.applied_at.isoformat() if applied and applied.applied_at else None,
        "applied_by": applied.applied_by if applied else None,
        "error": applied.error_message if applied and not applied.success else None,
    }


def _exit_code(
    folder: Folder,
    looks: list[tuple[Environment, Target | EngineError]],
    report: dict[str, Any],
    *,
    pending_counts: bool,
) -> int:
    failures = [code_of(answer) for _, answer in looks if isinstance(answer, EngineError)]
    if failures:
        return failures[0]
    if any(p.severity is Severity.ERROR for p in folder.problems) or any(
        e["attention"] or e["unfinished"] for e in report["environments"]
    ):
        return Exit.ATTENTION
    if pending_counts and any(e["pending"] for e in report["environments"]):
        return Exit.PENDING
    return Exit.OK


def _text(report: dict[str, Any]) -> str:
    lines = [f"{report['source']}: {len(report['files'])} files"]
    lines += [_problem_line(problem) for problem in report["problems"] if problem["severity"] != Severity.NOTE]
    for environment in report["environments"]:
        lines += ["", *_environment_lines(environment)]
    if not report["environments"]:
        lines += ["", chosen_environments.NONE]
    return "\n".join(lines)


def _problem_line(problem: dict[str, Any]) -> str:
    where = ":".join(str(part) for part in (problem["file"], problem["line"], problem["column"]) if part)
    return f"  {problem['severity']}: {where}: {problem['sentence']} {problem['advice']}"


def _environment_lines(environment: dict[str, Any]) -> list[str]:
    head = f"{environment['name']} ({environment['address']})"
    if not environment["reachable"]:
        error = environment["error"]
        return [head, f"  {error['sentence']}", f"  {error['next']}"]
    counts = f"{environment['applied']} applied, {environment['pending']} pending"
    if environment["attention"]:
        counts += f", {environment['attention']} need attention"
    frozen = [f"  {_FROZEN.format(label=label, name=environment['name'])}" for label in environment["unfinished"]]
    return [f"{head}: {counts}", *frozen, *(f"  {_state_line(item)}" for item in environment["migrations"])]


_FROZEN = (
    "{label} broke off outside a transaction: part of it is there, and nothing else runs until that is settled, "
    "on the page of {name} in Signalbox."
)


def _state_line(item: dict[str, Any]) -> str:
    line = f"{item['version']} {item['name']}: {statuses.MIGRATION[item['state']].label.lower()}"
    return line if item["state"] in {State.APPLIED, State.PENDING} else f"{line}. {item['sentence']}"
