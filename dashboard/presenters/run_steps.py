"""The steps of a run: what became of each, and of its statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboard.engine.plan import Action
from dashboard.models import RunStatement, RunStep
from dashboard.presenters import actions, links, statuses
from dashboard.presenters.pills import Pill


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementView:
    number: int
    line: int
    summary: str
    pill: Pill
    duration_ms: int | None
    rows: int | None
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStepView:
    """What _components/step_row.html shows."""

    number: int
    label: str
    url: str
    does: str  # besides applying
    pill: Pill
    duration_ms: int | None
    started_at: datetime | None
    open: bool
    statements: tuple[StatementView, ...]
    left_out: int  # earlier statements that are not listed
    empty: str  # said where there are none
    waiting: tuple[str, ...]  # the sessions it waits for just now
    reached: str  # how many of its statements have begun, and how far the last is, while it runs
    retried: str  # that it was undone and begun again, and why
    copied: tuple[str, ...]  # rows it saved first, or brought back


#: Steps and what they stopped at are shown open.
_OPEN = {
    RunStep.Status.RUNNING,
    RunStep.Status.FAILED,
    RunStep.Status.CANCELLED,
    RunStep.Status.UNKNOWN,
    RunStep.Status.PARTIAL,
}
_NOT_YET: Mapping[str, str] = {
    RunStep.Status.NOT_RUN: "It was not begun.",
    RunStep.Status.UNKNOWN: "Whether a statement of it ran is not known.",
    RunStep.Status.COMMITTED: "It has no statements.",
}
_NOT_RUN = "No statement has run yet."
#: Progress reaches the page a moment after it is made in the target, or later where the control database is away.
_NOT_WRITTEN = "No statement of it is written down yet."
_TIMES = {1: "once", 2: "twice"}
_UNDONE = Pill(label="Undone", tone="muted", icon="rollback")
_STOPPED = Pill(label="Stopped", tone="muted", icon="cancel")


def steps(run_steps: Sequence[RunStep], *, source: str = "", has_begun: bool = False) -> list[RunStepView]:
    """`run_steps` as selectors.runs gives them. A run of one step is shown open, and so is what saved rows."""
    alone = len(run_steps) == 1
    return [
        _step(step, source, open_=alone or step.status in _OPEN or bool(step.copied), has_begun=has_begun)
        for step in run_steps
    ]


def _step(step: RunStep, source: str, *, open_: bool, has_begun: bool) -> RunStepView:
    words = actions.WORDS[step.action]
    latest: list[RunStatement] = step.latest  # type: ignore[attr-defined]
    is_open = step.status == RunStep.Status.RUNNING
    return RunStepView(
        number=step.position + 1,
        label=step.identity.label,
        url=links.migration(step.identity, source) if step.action == Action.APPLY else "",
        does=words.beside,
        pill=statuses.STEP[step.status],
        duration_ms=step.duration_ms,
        started_at=step.started_at,
        open=open_,
        statements=tuple(_statement(s, step) for s in latest),
        left_out=step.said - len(latest),  # type: ignore[attr-defined]
        empty=words.instead_of_statements or _NOT_YET.get(step.status, _NOT_WRITTEN if has_begun else _NOT_RUN),
        waiting=tuple(f"{'Waits' if is_open else 'Waited'} for {blocker}" for blocker in step.blockers),
        reached=_reached(step) if is_open else "",
        retried=_retried(step),
        copied=tuple(copied(each, step) for each in step.copied),
    )


def _reached(step: RunStep) -> str:
    total, begun = step.statements_total, step.said  # type: ignore[attr-defined]
    number = f"Statement {begun} of {total}." if 0 < begun <= total else ""
    return " ".join(filter(None, (number, step.progress)))


def _retried(step: RunStep) -> str:
    if not step.retries:
        return ""
    times = _TIMES.get(step.retries, f"{step.retries} times")
    return f"It was undone and begun again {times}: {step.retry_reason}"


def copied(row: Mapping[str, Any], step: RunStep) -> str:
    """What it saved first, or brought back, in one table."""
    table, where = row["what"], row["saved"]
    if step.action != Action.BRING_BACK:
        return f"Saved first: {_counted(row['rows'], 'row')} of {table}, in {where}."
    is_column = bool(row.get("columns"))
    unit = "value" if is_column else "row"
    sentence = f"Brought back {_counted(row['rows'], unit)} of {table} from {where}."
    if row["gone"]:
        their = "its" if row["gone"] == 1 else "their"
        sentence += f" {_counted(row['gone'], 'row')} had no place: nothing has {their} key now."
    if row["kept"]:
        sentence += f" {_counted(row['kept'], unit)} {_newer(row['kept'], is_column=is_column)}."
    return sentence


def _newer(count: int, *, is_column: bool) -> str:
    """Why so many of what was saved were not put back."""
    if is_column:
        return "was not empty, and stays as it is" if count == 1 else "were not empty, and stay as they are"
    return "was there already, and stays" if count == 1 else "were there already, and stay"


def _counted(count: int, unit: str) -> str:
    return f"{count:,} {unit}{'' if count == 1 else 's'}"


def _statement(statement: RunStatement, step: RunStep) -> StatementView:
    return StatementView(
        number=statement.number,
        line=statement.line,
        summary=statement.summary,
        pill=_statement_pill(statement, step),
        duration_ms=statement.duration_ms,
        rows=_rows(statement.tag),
        notices=tuple(statement.notices),
    )


def _statement_pill(statement: RunStatement, step: RunStep) -> Pill:
    match statement.outcome_in(step):
        case RunStatement.Outcome.STOPPED:
            return _STOPPED
        case RunStatement.Outcome.UNDONE:
            return _UNDONE
        case RunStatement.Outcome.UNKNOWN:
            return statuses.STEP[RunStep.Status.UNKNOWN]
        case outcome:
            return statuses.STATEMENT[RunStatement.Status(outcome.value)]


def _rows(tag: str) -> int | None:
    """The server's tag ends in a number where rows were touched: "INSERT 0 3", "UPDATE 2"."""
    last = tag.rpartition(" ")[2]
    return int(last) if last.isdigit() else None
