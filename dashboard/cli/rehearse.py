"""Run each migration, its rollback, and it again, on a throw-away database. Exit code 8 unless all of it is proven.

Without --env every migration of the folder from the first file on, on a private server that goes away at the end, or
on the one that --server-env names. With --env what is pending there, on a copy of that target's schema.
Needs no control database, and changes no target. Exit code 7 where a protected environment would have it rehearsed
beside keys or with a network, which its declaration does not allow by name.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from config.environments import Environment
from dashboard.cli import environments as chosen_environments
from dashboard.cli.exits import Exit, complain
from dashboard.engine import planner, rehearsal, scoping
from dashboard.engine.database.connection import Address
from dashboard.engine.errors import NothingToDo, PlanBlocked
from dashboard.engine.files import verifications
from dashboard.engine.migration import Folder
from dashboard.engine.plan import Plan, Target
from dashboard.engine.rehearsal import selection
from dashboard.engine.rehearsal.report import (
    Assertion,
    NotReached,
    ObservedLock,
    Proof,
    RehearsedEffect,
    Report,
    ScriptError,
    ScriptRun,
    Verdict,
)
from dashboard.engine.schema import diff
from dashboard.local import rehearsing
from dashboard.local.workspace import Workspace

#: Locks that reading and writing take anyway.
_ORDINARY = frozenset({"ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen_environments.add_source(parser)
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


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    environment = chosen_environments.chosen(options, workspace)[0] if options.environments else None
    folder = chosen_environments.folder(options, workspace, environment)
    if options.server_env and not os.environ.get(options.server_env):
        print(f"signalbox: the variable {options.server_env} is not set.", file=sys.stderr)
        return Exit.USAGE
    if environment is not None:
        return _rehearsed(options, workspace, folder, environment)
    parts = scoping.apart(folder, [each.slug for each in workspace.declaration.environments])
    return max(_rehearsed(options, workspace, part, None, names) for names, part in parts or [((), folder)])


def _rehearsed(
    options: argparse.Namespace,
    workspace: Workspace,
    folder: Folder,
    environment: Environment | None,
    names: tuple[str, ...] = (),
) -> int:
    """The exit code. `names`: for which environments, where others have other files of the same numbers."""
    if names and not options.json:
        print(f"As {' and '.join(names)} {'has' if len(names) == 1 else 'have'} it:", flush=True)
    try:
        show = partial(_json, names=names) if options.json else _text
        report = _rehearse(options, workspace, folder, environment, show)
    except (NothingToDo, PlanBlocked) as error:
        return _nothing_rehearsed(error, folder)
    for left in report.not_reached if options.json else ():
        print(_json_of_unreached(left, names))
    if not options.json:
        print(_summary(report))
    _complain_of_what_is_missing(report)
    return Exit.OK if report.passed else Exit.ATTENTION


def _rehearse(
    options: argparse.Namespace,
    workspace: Workspace,
    folder: Folder,
    environment: Environment | None,
    show: Callable[[Proof], str],
) -> Report:
    common: dict[str, Any] = {
        "declaration": workspace.declaration,
        "server_url": os.environ.get(options.server_env or "") or None,
        "server_variable": options.server_env or rehearsal.VARIABLE,
        "keep_going": options.keep_going,
        "registered": [] if options.on_target_server else _registered(workspace),
        "listener": lambda proof: print(show(proof), flush=True),
    }
    if environment is None:
        return rehearsing.of_folder(folder, **common)
    target = workspace.read(environment)
    folder = workspace.judged(environment, folder, target)
    plan = _plan(target, folder)
    verify = verifications.read(folder)
    report = rehearsing.of_plan(plan, environment=environment, verify=verify, **common)
    left = (*report.not_reached, *selection.left_out(plan.steps, plan.stops_before, target.history, folder))
    return replace(report, not_reached=left, unread=tuple(selection.unread(folder)))


def _plan(target: Target, folder: Folder) -> Plan:
    """Where nothing can run, all that is pending is named."""
    try:
        return planner.apply(target, folder)
    except PlanBlocked as error:
        for left in selection.left_out((), str(error), target.history, folder):
            print(left.sentence, file=sys.stderr)
        raise


def _nothing_rehearsed(error: NothingToDo | PlanBlocked, folder: Folder) -> int:
    """What was not read is no reason to call all of it settled."""
    unread = selection.unread(folder)
    code = complain(error)
    for sentence in unread:
        print(sentence, file=sys.stderr)
    return code if folder.migrations and not unread else Exit.ATTENTION


def _complain_of_what_is_missing(report: Report) -> None:
    for sentence in (*report.remarks, *(left.sentence for left in report.not_reached), *report.unread):
        print(sentence, file=sys.stderr)
    if not report.proofs and report.is_complete:
        print("Nothing was rehearsed: the folder holds no migration.", file=sys.stderr)


def _registered(workspace: Workspace) -> list[Address]:
    return [workspace.access(each).address for each in workspace.declaration.environments if each.configured]


# One JSON object a line


def _json(proof: Proof, names: tuple[str, ...]) -> str:
    return json.dumps(
        {
            "version": proof.version,
            "name": proof.name,
            "verdict": proof.verdict,
            "because": proof.because or None,
            "up": _script(proof.up),
            "down": _script(proof.down),
            "again": _script(proof.again),
            "verification": [{"file": check.file, **_outcome(check)} for check in proof.assertions],
            "reversible": proof.reversible,
            "order_only": proof.order_only,
            "repeatable": proof.repeatable,
            "effect": proof.effect,
            "effect_because": proof.effect_because or None,
            "differences": diff.summary_lines(proof.differences),
            "locks": [_lock(lock, proof.up) for lock in proof.up.locks],
            "ms": round(proof.ms),
            "environments": list(names) or None,
        }
    )


def _json_of_unreached(left: NotReached, names: tuple[str, ...]) -> str:
    return json.dumps(
        {
            "version": left.version,
            "name": left.name,
            "verdict": Verdict.NOT_REACHED,
            "because": left.reason,
            **dict.fromkeys(("up", "down", "again")),
            "verification": [],
            "reversible": None,
            "order_only": False,
            "repeatable": None,
            "effect": None,
            "effect_because": None,
            "differences": [],
            "locks": [],
            "ms": 0,
            "environments": list(names) or None,
        }
    )


def _script(run: ScriptRun | None) -> dict[str, Any] | None:
    return _outcome(run) if run else None


def _outcome(run: ScriptRun | Assertion) -> dict[str, Any]:
    error = run.error
    return {"ok": run.ok, "error": error.sentence if error else None, "line": (error.line or None) if error else None}


def _lock(lock: ObservedLock, run: ScriptRun) -> str:
    return f"{lock.mode} on {lock.relation}" + (", rewritten" if lock.relation in run.rewritten else "")


# For people


def _text(proof: Proof) -> str:
    verdict = f"{proof.verdict}, because {proof.because.removesuffix('.')}" if proof.because else proof.verdict
    said = ": ".join(filter(None, [verdict, "; ".join(_details(proof))]))
    lines = [f"{proof.label}: {said} ({proof.ms:.0f} ms)"]
    lines += [f"    {_lock(lock, proof.up)}" for lock in proof.up.locks if lock.mode not in _ORDINARY]
    lines += [f"    left behind: {line}" for line in diff.summary_lines(proof.differences)]
    lines += [f"    not the same again: {line}" for line in diff.summary_lines(proof.repeat_differences)]
    lines += [f"    {check.file}: {_failure(check.error) if check.error else 'holds'}" for check in proof.assertions]
    return "\n".join(lines)


def _details(proof: Proof) -> Iterator[str]:
    """What the verdict rests on; nothing where it was not run at all."""
    if proof.refused:
        return
    if proof.up.error:
        yield f"up failed {_failure(proof.up.error)}"
    elif proof.is_repeatable:
        yield "it runs, and again with the same result" if proof.repeatable else "it runs"
    else:
        yield _of_rollback(proof)
    if proof.changes_nothing:
        yield RehearsedEffect.NOTHING
    elif proof.effect is RehearsedEffect.UNKNOWN:
        yield f"whether it changes anything {RehearsedEffect.UNKNOWN}: {proof.effect_because}"
    if proof.again and proof.again.error:
        yield f"applying it again failed {_failure(proof.again.error)}"


def _of_rollback(proof: Proof) -> str:
    if proof.down is None:
        return "it runs, and has no rollback"
    if proof.down.error:
        return f"it runs, rollback failed {_failure(proof.down.error)}"
    if proof.reversible:
        return "reversible" if proof.again is None or proof.again.ok else "rollback restores the schema"
    if proof.reversible is None:
        return "rollback runs"
    return "reversible but for the order of columns" if proof.order_only else "rollback leaves another schema"


def _failure(error: ScriptError) -> str:
    cause = f"at line {error.line}: {error.sentence}" if error.line else f"({error.sentence})"
    return f"{cause} ({error.remedy})" if error.remedy else cause


def _summary(report: Report) -> str:
    verdicts = Counter(proof.verdict for proof in report.proofs)
    counts = [f"{verdicts[Verdict.PROVEN]} proven", f"{verdicts[Verdict.FAILED]} failed"]
    if verdicts[Verdict.NOT_PROVEN]:
        counts.append(f"{verdicts[Verdict.NOT_PROVEN]} not proven")
    if report.not_reached:
        counts.append(f"{len(report.not_reached)} not reached")
    counts.append(f"{sum(bool(p.passed and (p.reversible or p.order_only)) for p in report.proofs)} reversible")
    return (
        f"{len(report.proofs)} rehearsed on PostgreSQL {report.server_version // 10000} "
        f"in {report.ms / 1000:.1f} s: {', '.join(counts)}"
    )
