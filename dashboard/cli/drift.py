"""Check schemas for changes made outside Signalbox: look now, compare, keep the result. Changes no target."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from django.db import Error

from dashboard.cli import controlled
from dashboard.cli import environments as chosen_environments
from dashboard.cli.exits import Exit, complain
from dashboard.engine.errors import EngineError
from dashboard.engine.schema import diff
from dashboard.local.workspace import Workspace
from dashboard.models import DriftCheck
from dashboard.models.environments import Environment
from dashboard.models.failures import Failure
from dashboard.selectors import drift as selector
from dashboard.selectors import leftovers
from dashboard.selectors.leftovers import LeftByRun
from dashboard.services import drift
from dashboard.services.actors import SIGNALBOX

_CODES = {
    DriftCheck.Outcome.CLEAN: Exit.OK,
    DriftCheck.Outcome.HALF_DONE: Exit.ATTENTION,
    DriftCheck.Outcome.DRIFTED: Exit.ATTENTION,
    DriftCheck.Outcome.UNREACHABLE: Exit.UNREACHABLE,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen_environments.add_choice(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    environments = chosen_environments.chosen(options, workspace)
    if not environments:
        print(chosen_environments.NONE, file=sys.stderr)
        return Exit.USAGE
    try:
        return _checked(environments, as_json=options.json)
    except Error as error:
        return controlled.complain_of(error, done="Nothing was compared.")


def _checked(environments: list[Environment], *, as_json: bool) -> int:
    worst: int = Exit.OK
    reports = []
    for environment in environments:
        try:
            check = drift.check(environment, by=SIGNALBOX)
        except EngineError as error:
            worst = max(worst, complain(error))
            continue
        worst = max(worst, _CODES[DriftCheck.Outcome(check.outcome)])
        reports.append(_report(environment, check))
    print(json.dumps({"environments": reports}, indent=2) if as_json else "\n".join(map(_text, reports)))
    return worst


def _report(environment: Environment, check: DriftCheck) -> dict[str, Any]:
    report = {"environment": environment.slug, "name": environment.name, "outcome": check.outcome}
    if check.expected is None:
        failure = Failure.from_dict(check.failure or {})
        return report | {"error": failure.to_dict() | {"next_step": failure.next_step}}
    differences = selector.changed_outside(check)
    return report | {
        "fingerprint": check.fingerprint,
        "expected": {"reason": check.expected.reason, "run": check.expected.run_id},
        "differing": len(differences),
        "objects": [{"key": d.key, "change": d.change.value} for d in differences],
        "differences": diff.summary_lines(differences),
        "leftovers": [
            {"key": left.key, "run": left.run, "migration": left.label, **_words(left)}
            for left in leftovers.kept(check)
        ],
    }


def _text(report: dict[str, Any]) -> str:
    name = report["name"]
    match report["outcome"]:
        case DriftCheck.Outcome.UNREACHABLE:
            return f"{name}: {report['error']['sentence']}\n  {report['error']['next_step']}"
        case DriftCheck.Outcome.DRIFTED:
            lines = "".join(f"\n  {line}" for line in report["differences"])
            drifted = f"{name}: drifted, {report['differing']} objects changed outside Signalbox{lines}"
            return "\n".join([drifted, *_half_done(report)])
        case DriftCheck.Outcome.HALF_DONE:
            return "\n".join(_half_done(report))
        case _:
            return f"{name}: in line with what is expected"


def _words(left: LeftByRun) -> dict[str, str]:
    return {"sentence": left.sentence, "way_on": left.way_on}


def _half_done(report: dict[str, Any]) -> list[str]:
    return [
        f"{report['name']}: run {left['run']} left {left['migration']} half done. {left['sentence']}\n"
        f"  Settle it on the page of the run, or run by hand: {left['way_on']}"
        for left in report["leftovers"]
    ]
