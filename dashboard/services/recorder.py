"""Turns what the executor tells into rows, on a thread of its own.

The executor holds locks in the target while it runs: it never waits for the control database. Events queue up
here and are written in order, many to a transaction.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from dashboard.engine.errors import EngineError, PartlyApplied, RunCancelled, StatementFailed
from dashboard.engine.run.events import (
    Blocked,
    Ending,
    Event,
    RowsCopied,
    StatementFinished,
    StatementStarted,
    StepCommitted,
    StepEnded,
    StepRetried,
    StepStarted,
)
from dashboard.models import Run, RunStatement, RunStep

logger = logging.getLogger(__name__)

#: Seconds to wait for the last events to be written; after that the run ends without their details.
DRAIN_TIMEOUT = 30
BATCH = 200

#: What a step that did not reach its end is from then on; one that a person stopped is cancelled instead of failed.
STATUS_OF: Mapping[Ending, RunStep.Status] = {
    Ending.UNDONE: RunStep.Status.FAILED,
    Ending.PARTIAL: RunStep.Status.PARTIAL,
    Ending.UNKNOWN: RunStep.Status.UNKNOWN,
}


class Recorder:
    """An observer for the executor. Call it with events; leave `recording` to have them all written."""

    def __init__(self, run: Run) -> None:
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._steps = {step.position: step for step in run.steps.all()}
        self._thread = threading.Thread(target=self._write_all, name=f"recorder-{run.pk}", daemon=True)

    def __call__(self, event: Event) -> None:
        self._events.put(event)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._events.put(None)
        self._thread.join(DRAIN_TIMEOUT)

    def _write_all(self) -> None:
        try:
            while batch := self._next_batch():
                self._write(batch)
                if batch[-1] is None:
                    return
        finally:
            connection.close()

    def _next_batch(self) -> list[Event | None]:
        batch = [self._events.get()]
        while len(batch) < BATCH and batch[-1] is not None:
            try:
                batch.append(self._events.get_nowait())
            except queue.Empty:
                break
        return batch

    def _write(self, batch: list[Event | None]) -> None:
        try:
            with transaction.atomic():
                for event in batch:
                    if event is not None:
                        self._write_one(event)
        except Exception:
            # The target's own tables are the truth; losing a progress line must not end the run.
            logger.exception("Could not write progress of a run")
            connection.close()

    def _write_one(self, event: Event) -> None:
        step = self._steps[event.position]
        match event:
            case StepStarted():
                _change(
                    step, status=RunStep.Status.RUNNING, started_at=timezone.now(), statements_total=event.statements
                )
            case RowsCopied():
                _change(step, copied=[asdict(copied) for copied in event.copied])
            case StatementStarted() | StatementFinished():
                _write_statement(step, event)
            case Blocked():
                _change(step, blockers=list(event.blockers))
            case StepRetried():
                step.statements.all().delete()
                _change(step, retries=event.attempt, retry_reason=event.reason, blockers=[], copied=[])
            case StepCommitted():
                _change(
                    step,
                    status=RunStep.Status.COMMITTED,
                    finished_at=timezone.now(),
                    duration_ms=event.ms,
                    blockers=[],
                )
            case StepEnded():
                step.statements.filter(status=RunStatement.Status.RUNNING).update(
                    status=RunStatement.Status.FAILED, duration_ms=event.statement_ms
                )
                undone: dict[str, Any] = {"copied": []} if event.ending is Ending.UNDONE else {}
                _change(
                    step,
                    status=_ended(event),
                    finished_at=timezone.now(),
                    duration_ms=event.ms,
                    blockers=[],
                    **undone,
                )


@contextmanager
def recording(run: Run) -> Iterator[Recorder]:
    recorder = Recorder(run)
    recorder.start()
    try:
        yield recorder
    finally:
        recorder.stop()


def failure(error: EngineError) -> dict[str, Any]:
    """An engine failure as it is kept with the run: code, sentence, next step, and the server's facts."""
    kept: dict[str, Any] = {"code": error.code, "sentence": str(error), "next_step": error.next_step}
    if isinstance(error, StatementFailed | PartlyApplied):
        kept["server"] = asdict(error.facts["error"])
        kept["version"] = error.facts["version"]
    return kept


def _write_statement(step: RunStep, event: StatementStarted | StatementFinished) -> None:
    if isinstance(event, StatementStarted):
        RunStatement.objects.create(step=step, number=event.number, line=event.line, summary=event.summary)
        return
    step.statements.filter(number=event.number).update(
        status=RunStatement.Status.OK, tag=event.tag, duration_ms=event.ms, notices=list(event.notices)
    )


def _ended(event: StepEnded) -> RunStep.Status:
    if event.ending is Ending.UNDONE and isinstance(event.error, RunCancelled):
        return RunStep.Status.CANCELLED
    return STATUS_OF[event.ending]


def _change(step: RunStep, **changes: Any) -> None:
    RunStep.objects.filter(pk=step.pk).update(**changes)
