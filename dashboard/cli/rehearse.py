"""Run each migration, its rollback, and it again, on a throw-away database. Exit code 8 where anything failed.

Without --env every migration of the folder from the first file on, on a private server that goes away at the end, or
on the one that --server-env names. With --env what is pending there, on a copy of that target's schema.
Needs no control database, and changes no target.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dashboard.cli import environments as chosen_environments
from dashboard.cli.exits import Exit
from dashboard.engine import planner, rehearsal
from dashboard.engine.database.connection import Address
from dashboard.engine.files import verifications
from dashboard.engine.migration import Folder
from dashboard.engine.rehearsal.report import ObservedLock, Proof, Report, ScriptError, ScriptRun
from dashboard.engine.schema import diff
from dashboard.models import environments
from dashboard.services import targets

#: Locks that reading and writing take anyway.
_ORDINARY = frozenset({"ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", type=Path, metavar="DIR", help="the migrations folder (default: SIGNALBOX_SOURCE)")
    parser.add_argument(
        "--server-env",
        metavar="VAR",
        help="the variable that holds the rehearsal server's URL (default: a private one)",
    )
    parser.add_argument(
        "--on-target-server",
        action="store_true",
        help="allow a server that holds a target, but not the one that is copied",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line, one for each migration")
    parser.add_argument("--keep-going", action="store_true", help="go on with the next one after a failure")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--from-scratch", action="store_true", help="from the first file on, as without --env")
    start.add_argument(
        "--env", metavar="NAME", nargs=1, dest="environments", help="what is pending there, on a copy of its schema"
    )


def run(options: argparse.Namespace) -> int:
    folder = chosen_environments.folder(options)
    if options.server_env and not os.environ.get(options.server_env):
        print(f"signalbox: the variable {options.server_env} is not set.", file=sys.stderr)
        return Exit.USAGE
    report = _rehearse(options, folder, _json if options.json else _text)
    failures = [proof for proof in report.proofs if not proof.passed]
    if not options.json:
        print(_summary(report, len(failures)))
    for remark in report.remarks:
        print(remark, file=sys.stderr)
    return Exit.ATTENTION if failures else Exit.OK


def _rehearse(options: argparse.Namespace, folder: Folder, show: Callable[[Proof], str]) -> Report:
    common: dict[str, Any] = {
        "server_url": os.environ.get(options.server_env or ""),
        "server_variable": options.server_env or rehearsal.VARIABLE,
        "keep_going": options.keep_going,
        "registered": [] if options.on_target_server else _registered(),
        "listener": lambda proof: print(show(proof), flush=True),
    }
    if not options.environments:
        return rehearsal.of_folder(folder, **common)
    (environment,) = chosen_environments.chosen(options)
    plan = planner.apply(targets.read(environment), folder)
    verify = verifications.read(folder)
    return rehearsal.of_plan(plan, source=targets.access(environment), verify=verify, **common)


def _registered() -> list[Address]:
    return [targets.address(environment) for environment in environments.all_environments() if environment.configured]


# One JSON object a line


def _json(proof: Proof) -> str:
    return json.dumps(
        {
            "version": proof.version,
            "name": proof.name,
            "up": _script(proof.up),
            "down": _script(proof.down) if proof.down else None,
            "reversible": proof.reversible,
            "order_only": proof.order_only,
            "repeatable": proof.repeatable,
            "differences": diff.summary_lines(proof.differences),
            "locks": [_lock(lock, proof.up) for lock in proof.up.locks],
            "ms": round(proof.ms),
        }
    )


def _script(run: ScriptRun) -> dict[str, Any]:
    error = run.error
    return {"ok": run.ok, "error": error.sentence if error else None, "line": (error.line or None) if error else None}


def _lock(lock: ObservedLock, run: ScriptRun) -> str:
    return f"{lock.mode} on {lock.relation}" + (", rewritten" if lock.relation in run.rewritten else "")


# For people


def _text(proof: Proof) -> str:
    lines = [f"{proof.label}: {'; '.join(_verdicts(proof))} ({proof.ms:.0f} ms)"]
    lines += [f"    {_lock(lock, proof.up)}" for lock in proof.up.locks if lock.mode not in _ORDINARY]
    lines += [f"    left behind: {line}" for line in diff.summary_lines(proof.differences)]
    lines += [f"    not the same again: {line}" for line in diff.summary_lines(proof.repeat_differences)]
    lines += [f"    {check.file}: {_failure(check.error) if check.error else 'holds'}" for check in proof.assertions]
    return "\n".join(lines)


def _verdicts(proof: Proof) -> Iterator[str]:
    if proof.refused:
        yield f"not rehearsed: {proof.refused}"
    elif proof.up.error:
        yield f"up failed {_failure(proof.up.error)}"
    elif proof.down is None:
        yield "runs, and has no rollback"
    elif proof.down.error:
        yield f"runs, rollback failed {_failure(proof.down.error)}"
    elif proof.reversible:
        yield "reversible"
    elif proof.reversible is not None:
        yield "reversible but for the order of columns" if proof.order_only else "rollback leaves another schema"
    else:
        yield "rollback runs"
    if proof.again and proof.again.error:
        yield f"applying it again failed {_failure(proof.again.error)}"


def _failure(error: ScriptError) -> str:
    cause = f"at line {error.line}: {error.sentence}" if error.line else f"({error.sentence})"
    return f"{cause} ({error.remedy})" if error.remedy else cause


def _summary(report: Report, failures: int) -> str:
    return (
        f"{len(report.proofs)} rehearsed on PostgreSQL {report.server_version // 10000} "
        f"in {report.ms / 1000:.1f} s: {failures} failed, "
        f"{sum(bool(proof.reversible or proof.order_only) for proof in report.proofs)} reversible"
    )
