"""Running a plan from the command line of this machine: what has to be said before, and what is told of it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass, field
from enum import StrEnum
from getpass import getuser
from typing import Any

from config.environments import Environment
from dashboard.cli import terminal
from dashboard.cli.exits import Exit, complain
from dashboard.engine.errors import ConnectionLost, EngineError, NotAcknowledged, NothingToDo, RunCancelled
from dashboard.engine.forecast import values
from dashboard.engine.plan import Plan, Target
from dashboard.engine.run.events import RunEvent, StatementStarted, StepCommitted, StepEnded, StepRetried, StepStarted
from dashboard.local import running
from dashboard.local.running import LocalRun
from dashboard.local.workspace import Workspace
from dashboard.presenters import hidden

#: What a forecast says where nothing is lost.
NO_ROWS = "0"
#: Exit code of a run that was stopped from the keyboard, as shells say it.
STOPPED = 130
#: The code of a refusal for want of a word that only the caller can say.
NOT_CONFIRMED = "not_confirmed"


class RunEnd(StrEnum):
    """How it ended, for programs."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"  # the server's answer never came
    NOTHING_TO_DO = "nothing_to_do"
    NOT_SENT = "not_sent"  # it was only asked what would run
    REFUSED = "refused"  # before anything ran


class StepEnd(StrEnum):
    WAITING = "waiting"
    COMMITTED = "committed"
    UNDONE = "undone"
    PARTIAL = "partial"
    UNKNOWN = "unknown"


class NotConfirmed(Exception):
    """What has to be typed before was not. A sentence."""


def add_environment(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("environment", metavar="ENV", nargs="?", help="the environment")
    parser.add_argument("--env", metavar="NAME", dest="environment_named", help="the same")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--by", metavar="PERSON", help="who runs it, kept with each row (default: the user of this shell)"
    )
    parser.add_argument("--accept", action="store_true", help="accept every warning of the plan")
    parser.add_argument("--rows-to-lose", metavar="N", default="", help="how many rows are destroyed, where any are")
    parser.add_argument("--dry-run", action="store_true", help="print everything that would be sent; send nothing")
    add_confirmation(parser)
    parser.add_argument("--no-input", action="store_true", help="ask nothing, also on a terminal")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def add_confirmation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--confirm", metavar="ENV", default="", help="the environment again, in place of a question")
    parser.add_argument(
        "--break-glass",
        metavar="REASON",
        default="",
        help="run it although people have to approve there; the log of the database keeps who and why",
    )


def environment_of(options: argparse.Namespace) -> str:
    """The name that was given, either way. Raises NotConfirmed."""
    name = options.environment or options.environment_named
    if not name or (options.environment and options.environment_named):
        raise NotConfirmed("name one environment")
    return str(name)


@dataclass(kw_only=True)
class RunProgress:
    """Observes a run. On a terminal the statement that runs is a line that moves."""

    plan: Plan
    ends: dict[int, tuple[StepEnd, int]] = field(default_factory=dict)
    _count: int = 0

    def __call__(self, event: RunEvent) -> None:
        label = self.plan.steps[event.position].label
        match event:
            case StepStarted(statements=statements):
                self._count = statements
                terminal.move(f"{label} …")
            case StatementStarted(number=number, summary=summary):
                terminal.move(hidden.shown(f"{label}: {number} of {self._count}, {summary[:60]}"))
            case StepRetried(reason=reason):
                terminal.move(hidden.shown(f"{label}: begins again, because {reason}"))
            case StepCommitted(position=position, ms=ms):
                self.ends[position] = (StepEnd.COMMITTED, ms)
            case StepEnded(position=position, ending=ending, ms=ms):
                self.ends[position] = (StepEnd(ending.value), ms)

    def steps(self) -> list[dict[str, Any]]:
        rows = []
        for position, step in enumerate(self.plan.steps):
            end, ms = self.ends.get(position, (StepEnd.WAITING, None))
            rows.append({"version": step.version, "name": step.name, "status": end.value, "ms": ms})
        return rows


def ran(
    plan: Plan, *, environment: Environment, target: Target, options: argparse.Namespace, workspace: Workspace
) -> int:
    """Runs it once everything is said that has to be, and tells how it ended."""
    if options.dry_run:
        sql = workspace.as_sql(plan, environment)
        print(json.dumps(_report(plan, RunEnd.NOT_SENT) | {"sql": sql}, indent=2) if options.json else sql)
        return Exit.ATTENTION if plan.stops_before else Exit.OK
    run = LocalRun(by=options.by or _user(), glass=options.break_glass.strip())
    try:
        _check(plan, environment, target, run, options, workspace)
    except NotConfirmed as error:
        print_refusal(plan, error, as_json=options.json)
        print(f"signalbox: {error} Nothing was run.", file=sys.stderr)
        return Exit.USAGE
    except NotAcknowledged as error:
        print_refusal(plan, error, as_json=options.json)
        print(f"signalbox: {error}", file=sys.stderr)
        print("  Nothing was run. Read it, and say --accept if it is so.", file=sys.stderr)
        return Exit.FAILED
    except EngineError as error:
        print_refusal(plan, error, as_json=options.json)
        return complain(error)
    progress = RunProgress(plan=plan)
    failure: EngineError | None = None
    try:
        running.execute(plan, environment, workspace.access_to_write(environment), run, progress)
    except EngineError as error:
        failure = error
    terminal.move("")
    return _told(plan, environment, run, progress, failure, as_json=options.json)


def _user() -> str:
    """Who is signed in; in a container that may be a number without a name."""
    try:
        return getuser()
    except (OSError, KeyError):
        return f"user {os.getuid()}"


def without_plan(error: EngineError, *, slug: str, action: str, as_json: bool) -> int:
    """There is nothing to do, or no plan came about."""
    if as_json:
        is_done = isinstance(error, NothingToDo)
        end, fault = (RunEnd.NOTHING_TO_DO, None) if is_done else (RunEnd.REFUSED, _error(error))
        empty = {"environment": slug, "action": action, "digest": None, "run": None, "status": end}
        print(json.dumps(empty | {"broke_glass": False, "steps": [], "stops_before": None, "error": fault}, indent=2))
    return complain(error)


def print_refusal(plan: Plan, error: EngineError | NotConfirmed, *, as_json: bool) -> None:
    """For programs; people read it on stderr."""
    if as_json:
        print(json.dumps(_report(plan, RunEnd.REFUSED) | {"error": _error(error)}, indent=2))


def _error(error: EngineError | NotConfirmed) -> dict[str, str]:
    if isinstance(error, NotConfirmed):
        return {"code": NOT_CONFIRMED, "sentence": str(error), "state_now": "Nothing was run.", "remedy": ""}
    return {
        "code": error.code,
        "sentence": str(error),
        "state_now": error.state_now,
        "remedy": error.remedy,
    }


def _check(
    plan: Plan,
    environment: Environment,
    target: Target,
    run: LocalRun,
    options: argparse.Namespace,
    workspace: Workspace,
) -> None:
    """Raises NotApproved, NotNow, NotAcknowledged, NotConfirmed."""
    running.check_may_run(environment, target, run)
    if not run.glass:
        workspace.check_gates(plan, environment)
    running.check_accepted(plan, [warning.key for warning in plan.warnings] if options.accept else [])
    _check_rows(plan, environment, options, workspace)
    if options.confirm and options.confirm != environment.slug:
        raise NotConfirmed(f"--confirm says {options.confirm}, and this is {environment.slug}.")
    if options.confirm:
        return
    if terminal.can_ask() and not options.no_input:
        verb, count = plan.action.verb.lower(), len(plan.steps)
        question = (
            f"To {verb} {count} migrations {plan.action.preposition} {environment.name}, type {environment.slug}:"
        )
        if terminal.ask(question) != environment.slug:
            raise NotConfirmed(f"{environment.slug} was not typed.")
        if not run.glass:  # the question may have stood there for hours
            workspace.check_gates(plan, environment)
    elif running.protection(environment, target):
        raise NotConfirmed(f"Breaking the glass needs --confirm {environment.slug} where nobody can be asked.")


def _check_rows(plan: Plan, environment: Environment, options: argparse.Namespace, workspace: Workspace) -> None:
    forecast = running.forecast(plan, workspace.access(environment))
    is_needed = forecast.is_destructive and forecast.word != NO_ROWS
    if is_needed and not values.is_confirmed(forecast, typed=options.rows_to_lose, shown=""):
        losses = ", ".join(dict.fromkeys(loss.relation for loss in forecast.losses))
        where = f" of {losses}" if losses else ""
        raise NotConfirmed(
            f"It destroys rows or values{where}. Say how many with --rows-to-lose {forecast.word!r}, if that is meant."
        )


def _report(
    plan: Plan, end: RunEnd, run: LocalRun | None = None, progress: RunProgress | None = None
) -> dict[str, Any]:
    return {
        "environment": plan.environment,
        "action": plan.action.value,
        "digest": plan.digest,
        "run": run.run_id if run else None,
        "status": end.value,
        "broke_glass": bool(run and run.glass),
        "steps": (progress or RunProgress(plan=plan)).steps(),
        "stops_before": plan.stops_before or None,
        "error": None,
    }


def _told(
    plan: Plan,
    environment: Environment,
    run: LocalRun,
    progress: RunProgress,
    failure: EngineError | None,
    *,
    as_json: bool,
) -> int:
    report = _report(plan, _end(failure), run, progress)
    if failure is not None:
        report["error"] = _error(failure)
    print(json.dumps(report, indent=2) if as_json else "\n".join(_lines(report, environment, plan)))
    if failure is not None:
        code = complain(failure)
        return STOPPED if isinstance(failure, RunCancelled) and failure.facts.get("by") == running.STOPPED else code
    return succeeded(plan.stops_before)


def succeeded(stops_before: str | None) -> Exit:
    """The exit code of a run that did all of its plan; what the plan stopped before is on stderr."""
    if not stops_before:
        return Exit.OK
    print(hidden.shown(f"signalbox: It stopped there: {stops_before}"), file=sys.stderr)
    return Exit.ATTENTION


def _end(failure: EngineError | None) -> RunEnd:
    match failure:
        case None:
            return RunEnd.SUCCEEDED
        case ConnectionLost():
            return RunEnd.UNKNOWN
        case RunCancelled():
            return RunEnd.CANCELLED
        case _:
            return RunEnd.FAILED


_TONES = {StepEnd.COMMITTED: "ok", StepEnd.WAITING: "muted", StepEnd.UNDONE: "danger"}


def _lines(report: dict[str, Any], environment: Environment, plan: Plan) -> list[str]:
    lines = [f"{environment.name}, run {report['run']}, digest {report['digest']}"]
    for step, row in zip(plan.steps, report["steps"], strict=True):
        word = terminal.painted(row["status"], _TONES.get(StepEnd(row["status"]), "warn"))
        lines.append(f"  {step.action} {step.label}: {word}" + (f" ({row['ms']} ms)" if row["ms"] is not None else ""))
    return lines
