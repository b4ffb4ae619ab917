"""Exit codes, and the table from error class to code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import IntEnum

from dashboard.engine import errors as engine
from dashboard.presenters import hidden
from dashboard.services import errors as services


class Exit(IntEnum):
    OK = 0
    FAILED = 1
    USAGE = 2
    PENDING = 3
    APPROVAL_NEEDED = 4
    BUSY = 5
    PERMISSION = 6
    UNREACHABLE = 7
    ATTENTION = 8


#: The first class that fits decides; every other named error is FAILED.
CODES: tuple[tuple[type[engine.EngineError], Exit], ...] = (
    (engine.SourceNotRead, Exit.UNREACHABLE),
    (engine.SourceNotConfigured, Exit.UNREACHABLE),
    (engine.SourceMissing, Exit.USAGE),
    (engine.SourceUnreadable, Exit.USAGE),
    (engine.GitFetchFailed, Exit.UNREACHABLE),
    (engine.NoSuchMigration, Exit.USAGE),
    (engine.NoSuchToolTable, Exit.USAGE),
    (engine.TargetUnreachable, Exit.UNREACHABLE),
    (engine.TargetNotConfigured, Exit.UNREACHABLE),
    (engine.TargetUnsuitable, Exit.UNREACHABLE),
    (engine.RehearsalNotIsolated, Exit.UNREACHABLE),
    (engine.TargetNotRead, Exit.UNREACHABLE),
    (engine.TrackingTableLocked, Exit.UNREACHABLE),
    (engine.RightMissing, Exit.UNREACHABLE),
    (engine.TrackingTablesNotMade, Exit.UNREACHABLE),
    (engine.TrackingTableUnusable, Exit.ATTENTION),
    (engine.ToolTableUnreadable, Exit.ATTENTION),
    (engine.PlanBlocked, Exit.ATTENTION),
    (engine.ControlDatabaseShared, Exit.ATTENTION),
    (engine.NothingToDo, Exit.OK),
    (engine.NotApproved, Exit.APPROVAL_NEEDED),
    (services.ApprovalNeeded, Exit.APPROVAL_NEEDED),
    (engine.NotNow, Exit.BUSY),
    (engine.TargetBusy, Exit.BUSY),
    (services.EnvironmentOccupied, Exit.BUSY),
    (services.RunStillAsked, Exit.BUSY),
    (services.TooMany, Exit.BUSY),
    (services.RunNotEnded, Exit.BUSY),
    (services.PermissionRefused, Exit.PERMISSION),
    (services.TokenRefused, Exit.PERMISSION),
    (services.OwnRequest, Exit.PERMISSION),
    (services.OwnReview, Exit.PERMISSION),
)


def code_of(error: engine.EngineError) -> Exit:
    return next((code for kind, code in CODES if isinstance(error, kind)), Exit.FAILED)


def code_named(name: str) -> Exit | None:
    """By the code of an error, as the API tells it."""
    return next((code_of(kind.__new__(kind)) for kind in _below(engine.EngineError) if kind.code == name), None)


def _below(kind: type[engine.EngineError]) -> Iterator[type[engine.EngineError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def complain(error: engine.EngineError) -> Exit:
    """The sentence and the next step on stderr; the exit code."""
    print(hidden.shown(f"signalbox: {error}"), file=sys.stderr)
    if error.next_step:
        print(hidden.shown(f"  {error.next_step}"), file=sys.stderr)
    return code_of(error)
