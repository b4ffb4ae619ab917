"""Turns what the executor tells into rows, on a thread of its own.

The executor holds locks in the target while it runs: it never waits for the control database. Events queue up
here and are written in order, many to a transaction, and only while the run is this worker's: a transaction first
takes the row of the run with its number, so a worker that was taken over writes nothing.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from dashboard.engine.errors import EngineError, PartlyApplied, RunCancelled, ServerError, StatementFailed
from dashboard.engine.run.events import (
    Blocked,
    Ending,
    Progressed,
    RowsCopied,
    RunEvent,
    StatementFinished,
    StatementStarted,
    StepCommitted,
    StepEnded,
    StepRetried,
    StepStarted,
)
from dashboard.models import Run, RunStatement, RunStep
from dashboard.models.failures import Failure
from dashboard.services import runs

logger = logging.getLogger(__name__)

#: Seconds to wait for a transaction of the recorder that is under way when the run ends.
DRAIN_TIMEOUT = 30
BATCH = 1000
#: Seconds for which a step that is not seen to wait any more is taken for one that gave up waiting.
JUST_NOW = 1.0
#: A lock was not granted in time, a deadlock, a statement that was stopped.
_WAITING = frozenset({"55P03", "40P01", "57014"})
#: Seconds between two tries to write where the control database does not answer.
PAUSE = 0.5

#: What a step that did not reach its end is from then on; one that a person stopped is cancelled instead of failed.
STATUS_OF: Mapping[Ending, RunStep.Status] = {
    Ending.UNDONE: RunStep.Status.FAILED,
    Ending.PARTIAL: RunStep.Status.PARTIAL,
    Ending.UNKNOWN: RunStep.Status.UNKNOWN,
}


class Recorder:
    """An observer for the executor. Call it with events; leave `recording` to have them written.

    What became of each step is kept here too: `write` puts all of it down in the transaction that ends the run, so the
    end of a run never rests on messages that arrived in time.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._events: queue.SimpleQueue[RunEvent | None] = queue.SimpleQueue()
        self._steps = {step.position: step for step in run.steps.all()}
        self._became: dict[int, dict[str, Any]] = {}
        self._waits = _Waits()
        self._unwritten = _Unwritten()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._write_all, name=f"recorder-{run.pk}", daemon=True)

    def __call__(self, event: RunEvent) -> None:
        match event:
            case Blocked() if not self._waits.take(event):
                return
            case StepCommitted():
                self._waits.ended.add(event.position)
            case StepEnded():
                event = replace(event, waited_for=self._waits.at_the_end(event))
        self._became.setdefault(event.position, {}).update(_step_changes(event))
        self._events.put(event)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._events.put(None)
        self._thread.join(DRAIN_TIMEOUT)

    def write(self) -> None:
        """What became of every step, and the statements not written yet. Call inside the transaction that ends the run,
        which holds its row."""
        for position, changes in self._became.items():
            _change(self._steps[position], **changes)
        if self._thread.is_alive():
            return
        try:
            with transaction.atomic():
                self._unwritten.write(self._steps)
        except (OperationalError, InterfaceError):
            raise
        except DatabaseError:
            # What became of the steps is what counts; a line of progress must not keep the run from its end.
            logger.exception("Could not write the last statements of run %s", self._run.pk)

    def _write_all(self) -> None:
        try:
            while True:
                batch = self._next_batch()
                self._write(batch)
                if None in batch:
                    return
        finally:
            connection.close()

    def _next_batch(self) -> list[RunEvent | None]:
        """What has come so far; nothing, where nothing comes while something could not be written the last time."""
        batch: list[RunEvent | None] = []
        try:
            batch.append(self._events.get(timeout=PAUSE if self._unwritten else None))
            while len(batch) < BATCH and batch[-1] is not None:
                batch.append(self._events.get_nowait())
        except queue.Empty:
            pass
        return batch

    def _write(self, batch: list[RunEvent | None]) -> None:
        """What cannot be written now is written with the next batch, or when the run ends."""
        self._unwritten.take(event for event in batch if event is not None)
        try:
            with transaction.atomic():
                if runs.hold(self._run):
                    self._unwritten.write(self._steps)
        except Exception:
            # The target's own tables are the truth; a late line of progress must not end the run.
            logger.exception("Could not write progress of run %s", self._run.pk)
            connection.close()
            self._stopped.wait(PAUSE)
        else:
            self._unwritten.forget()


@dataclass
class _Waits:
    """Whom each step waits for, told by a thread that looks now and then, and may look just after the step gave up."""

    blockers: dict[int, tuple[str, ...]] = field(default_factory=dict)  # the last that were seen, by step
    over: dict[int, float] = field(default_factory=dict)  # when a step was seen to wait no longer
    ended: set[int] = field(default_factory=set)

    def take(self, event: Blocked) -> bool:
        """Whether it tells of a step that has not ended."""
        if event.position in self.ended:
            return False
        if event.blockers:
            self.blockers[event.position] = event.blockers
            self.over.pop(event.position, None)
        else:
            self.over[event.position] = time.monotonic()
        return True

    def at_the_end(self, event: StepEnded) -> tuple[str, ...]:
        """Empty where the step ended for another reason. Nobody looks any more once it was told to stop."""
        self.ended.add(event.position)
        over_at = self.over.get(event.position)
        limit = 0.0 if isinstance(event.error, RunCancelled) else JUST_NOW
        is_over = over_at is not None and time.monotonic() - over_at > limit
        return () if is_over or not _ended_in_waiting(event.error) else self.blockers.get(event.position, ())


@dataclass
class _Unwritten:
    """What the events so far change in rows, folded: one UPDATE a step and one INSERT for all statements."""

    steps: dict[int, dict[str, Any]] = field(default_factory=dict)
    statements: dict[tuple[int, int], RunStatement] = field(default_factory=dict)
    begun_again: set[int] = field(default_factory=set)
    running: dict[int, RunStatement] = field(default_factory=dict)  # by step; kept after it was written

    def __bool__(self) -> bool:
        return bool(self.steps or self.statements or self.begun_again)

    def take(self, events: Iterable[RunEvent]) -> None:
        for event in events:
            if changes := _step_changes(event):
                self.steps.setdefault(event.position, {}).update(changes)
            self._take_statement(event)

    def write(self, steps: Mapping[int, RunStep]) -> None:
        for position, changes in self.steps.items():
            _change(steps[position], **changes)
        for position in self.begun_again:
            steps[position].statements.all().delete()
        rows = list(self.statements.values())
        for (position, _), row in self.statements.items():
            row.step = steps[position]
            row.pk = None
        RunStatement.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["step", "number"],
            update_fields=["status", "tag", "duration_ms", "notices"],
        )

    def forget(self) -> None:
        self.steps, self.statements, self.begun_again = {}, {}, set()

    def _take_statement(self, event: RunEvent) -> None:
        match event:
            case StatementStarted():
                row = RunStatement(number=event.number, line=event.line, summary=event.summary)
                self.running[event.position] = self.statements[event.position, event.number] = row
            case StatementFinished():
                row = self.running.pop(event.position)
                row.status, row.tag = RunStatement.Status.OK, event.tag
                row.duration_ms, row.notices = event.ms, list(event.notices)
                self.statements[event.position, event.number] = row
            case StepRetried():
                self.begun_again.add(event.position)
                self.running.pop(event.position, None)
                self.statements = {key: row for key, row in self.statements.items() if key[0] != event.position}
            case StepEnded() if event.position in self.running:
                row = self.running.pop(event.position)
                row.status, row.duration_ms = RunStatement.Status.FAILED, event.statement_ms
                self.statements[event.position, row.number] = row


def _step_changes(event: RunEvent) -> dict[str, Any]:
    """What an event changes in the row of its step."""
    match event:
        case StepStarted():
            return {
                "status": RunStep.Status.RUNNING,
                "started_at": timezone.now(),
                "statements_total": event.statements,
            }
        case RowsCopied():
            return {"copied": [asdict(copied) for copied in event.copied]}
        case Blocked():
            return {"blockers": list(event.blockers)}
        case Progressed():
            return {"progress": event.sentence}
        case StepRetried():
            return {"retries": event.attempt, "retry_reason": event.reason, "copied": []}
        case StepCommitted():
            ended = {"finished_at": timezone.now(), "duration_ms": event.ms, "blockers": []}
            return {"status": RunStep.Status.COMMITTED, **ended}
        case StepEnded():
            ended = {"finished_at": timezone.now(), "duration_ms": event.ms, "blockers": list(event.waited_for)}
            undone: dict[str, Any] = {"copied": []} if event.ending is Ending.UNDONE else {}
            return {"status": _ended(event), **ended, **undone}
        case _:
            return {}


@contextmanager
def recording(recorder: Recorder) -> Iterator[Recorder]:
    recorder.start()
    try:
        yield recorder
    finally:
        recorder.stop()


def failure(error: EngineError) -> dict[str, Any]:
    """An engine failure as it is kept with the run: what every failure says; of a statement, the server's facts, the
    migration, what is left besides what the steps tell, and what removes the cause."""
    kept = Failure.of(error).to_dict()
    if isinstance(error, StatementFailed | PartlyApplied):
        kept["server"] = asdict(error.facts["error"])
        kept["version"] = error.facts["version"]
        kept["left"] = error.facts["left"]
        kept["passing"] = error.facts.get("passing", False)
        kept["correction"] = error.facts.get("correction", "")
    return kept


def _ended_in_waiting(error: EngineError) -> bool:
    if isinstance(error, RunCancelled):
        return True
    said = error.facts.get("error")
    return isinstance(said, ServerError) and said.sqlstate in _WAITING


def _ended(event: StepEnded) -> RunStep.Status:
    if event.ending is Ending.UNDONE and isinstance(event.error, RunCancelled):
        return RunStep.Status.CANCELLED
    return STATUS_OF[event.ending]


def _change(step: RunStep, **changes: Any) -> None:
    RunStep.objects.filter(pk=step.pk).update(**changes)
