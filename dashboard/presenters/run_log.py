"""The log of a run as text, to be kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from dashboard.models import Run, RunStatement, RunStep
from dashboard.models.failures import Failure
from dashboard.presenters.run_steps import copied
from dashboard.selectors.git import CommitFact


def log_text(run: Run, run_steps: Sequence[RunStep], commit: CommitFact | None = None) -> Iterator[str]:
    """The whole run as plain text, times in UTC. `commit`: what its files were read from."""
    yield f"Run {run.pk}: {run.title}\n"
    for name, value in _heading(run):
        yield f"{name + ':':<13}{value}\n"
    if commit:
        yield f"Commit:      {commit.sha} {commit.subject} (by {commit.author})\n"
    for step in run_steps:
        yield f"\n[{step.position + 1}/{len(run_steps)}] {step.action} {step.identity.label}: {step.status}"
        yield f" ({step.duration_ms} ms)\n" if step.duration_ms is not None else "\n"
        yield from (f"        {copied(each, step)}\n" for each in step.copied)
        yield from (f"        waited for {blocker}\n" for blocker in step.blockers)
        for statement in step.latest:  # type: ignore[attr-defined]
            yield from _log_lines(statement)
    if run.failure:
        yield "\n" + "".join(_failure_lines(run.failure))


def _heading(run: Run) -> Iterator[tuple[str, Any]]:
    yield "Status", run.status
    yield "Environment", run.environment
    yield "Started by", run.started_by.get_username()
    if run.request_id:
        yield "Request", run.request_id
    yield "Digest", run.digest
    moments = (("Queued", run.queued_at), ("Started", run.started_at), ("Finished", run.finished_at))
    for name, moment in moments:
        yield name, f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "-"
    if run.plan.source:
        yield "Source", run.plan.source


def _log_lines(statement: RunStatement) -> Iterator[str]:
    took = f"{statement.duration_ms} ms" if statement.duration_ms is not None else statement.status
    yield f"  {statement.number:>4}  line {statement.line:<5} {statement.summary}\n"
    yield f"        {statement.tag or statement.status}, {took}\n"
    for notice in statement.notices:
        yield f"        {notice}\n"


def _failure_lines(failure: dict[str, Any]) -> Iterator[str]:
    yield f"{failure.get('sentence', '')}\n"
    for name, value in failure.get("server", {}).items():
        if value and name != "excerpt":
            yield f"  {name}: {value}\n"
    if excerpt := failure.get("server", {}).get("excerpt"):
        yield f"{excerpt}\n"
    yield f"{Failure.from_dict(failure).next_step}\n"
