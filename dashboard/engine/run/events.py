"""What a run reports to its observer. Positions count the steps of the plan from 0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from dashboard.engine.database.saved import Copied
from dashboard.engine.errors import EngineError


class Ending(StrEnum):
    """What is left of a step that did not reach its end."""

    UNDONE = "undone"  # nothing of it remains
    PARTIAL = "partial"  # statements that ran outside a transaction stay
    UNKNOWN = "unknown"  # the server's answer never came


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted:
    position: int
    statements: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementStarted:
    position: int
    number: int
    line: int
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementFinished:
    position: int
    number: int
    tag: str
    ms: int
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """The statement that runs waits for these sessions; an empty tuple: it waits no longer."""

    position: int
    blockers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """How far the statement that runs is, where PostgreSQL tells; empty: it tells nothing any more."""

    position: int
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRetried:
    """The whole step was undone and begins again: it did not get a lock in time, or there was a deadlock."""

    position: int
    attempt: int
    reason: str
    pause_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsCopied:
    """Before the first statement of the step, in its transaction."""

    position: int
    copied: tuple[Copied, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCommitted:
    position: int
    ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEnded:
    position: int
    ending: Ending
    error: EngineError
    ms: int
    statement_ms: int | None  # of the statement it ended in; None: between two of them
    waited_for: tuple[str, ...] = ()  # sessions, where it ended in waiting for a lock of theirs; an observer knows


type RunEvent = (
    StepStarted
    | RowsCopied
    | StatementStarted
    | StatementFinished
    | Blocked
    | Progressed
    | StepRetried
    | StepCommitted
    | StepEnded
)
type Observer = Callable[[RunEvent], None]
