"""Fetch sources in git repositories now, and say at which commit each is. Changes no target.

Exit code 7 where one cannot be fetched: its last good commit stays in force. 0 also where nothing new was there.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from django.db import Error

from dashboard.cli import controlled
from dashboard.cli.exits import Exit, complain
from dashboard.engine.errors import EngineError
from dashboard.local.workspace import Workspace
from dashboard.models import sources
from dashboard.models.sources import Source
from dashboard.selectors import folders, git
from dashboard.services import fetching


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help="a source by its name; all without one")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    declared = {source.name: source for source in sources.in_git()}
    if unknown := [name for name in options.sources if name not in declared]:
        print(f"signalbox: {_why_not_fetched(unknown[0])} {_known(list(declared))}", file=sys.stderr)
        return Exit.USAGE
    if not declared:
        print(f"signalbox: {_known([])}", file=sys.stderr)
        return Exit.USAGE
    try:
        return _fetched([declared[name] for name in options.sources or declared], as_json=options.json)
    except Error as error:
        return controlled.complain_of(error, done="Nothing was fetched.")


def _why_not_fetched(name: str) -> str:
    source = next((source for source in sources.all_sources() if source.name == name), None)
    if source is None:
        return f"No source is called {name}."
    pushed = "its files are pushed by a CI" if source.git else "its files are a folder of this machine"
    return f"Nothing is fetched for the source {name}: {pushed}."


def _known(names: list[str]) -> str:
    if names:
        return f"Fetched from a git repository: {', '.join(names)}."
    return "No source is fetched from a git repository; `git` in docs/SETTINGS.md says how one is."


def _fetched(chosen: list[Source], *, as_json: bool) -> int:
    worst: int = Exit.OK
    reports = []
    for source in chosen:
        before = git.standing(source).commit
        error = fetching.fetch(source)
        if error is not None:
            complain(error)
            worst = Exit.UNREACHABLE
        reports.append(_report(source, before.sha if before else "", error))
    print(json.dumps({"sources": reports}, indent=2) if as_json else "\n".join(map(_text, reports)))
    return worst


def _report(source: Source, before: str, error: EngineError | None) -> dict[str, Any]:
    reading, failure = folders.of_source_now(source), git.standing(source).failure if error else None
    commit, folder = reading.commit, reading.folder
    return {
        "source": source.name,
        "fetched": error is None,
        "error": error.code if error else None,
        "sentence": failure.sentence if failure else None,
        "next": failure.next_step if failure else None,
        "commit": commit.sha if commit else None,
        "before": before or None,
        "author": commit.author if commit else None,
        "subject": commit.subject if commit else None,
        "url": commit.url if commit else None,
        "migrations": len(folder.migrations) if folder else None,
        "format": folder.format if folder else None,
        "problems": len(folder.problems) if folder else None,
    }


def _text(report: dict[str, Any]) -> str:
    name, commit = report["source"], report["commit"]
    if commit is None:
        return f"{name}: nothing was fetched yet"
    at = f"{commit[:8]} {report['subject']} (by {report['author']}), {report['migrations']} migrations"
    if not report["fetched"]:
        return f"{name}: stays at {at}"
    return f"{name}: still at {at}" if report["before"] == commit else f"{name}: now at {at}"
