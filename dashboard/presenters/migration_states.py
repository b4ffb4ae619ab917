"""Every state of a migration in an environment, as people see it."""

from __future__ import annotations

from collections.abc import Mapping

from dashboard.engine.status import State
from dashboard.presenters.pills import Pill

MIGRATION: Mapping[State, Pill] = {
    State.PENDING: Pill(label="Pending", tone="info", icon="pending"),
    State.OUT_OF_ORDER: Pill(label="Out of order", tone="warn", icon="order"),
    State.FAILED: Pill(label="Failed, nothing changed", tone="danger", icon="fail"),
    State.ROLLED_BACK: Pill(label="Rolled back", tone="info", icon="rollback"),
    State.UNRECORDED: Pill(label="Record is gone", tone="warn", icon="missing"),
    State.PARTIAL: Pill(label="Failed, partly applied", tone="danger", icon="fail"),
    State.APPLIED: Pill(label="Applied", tone="ok", icon="ok"),
    State.OUTDATED: Pill(label="Outdated, runs again", tone="info", icon="refresh"),
    State.ANNOTATED: Pill(label="Applied, comments differ", tone="warn", icon="ok"),
    State.ALTERED: Pill(label="Applied, record altered", tone="warn", icon="attention"),
    State.MODIFIED: Pill(label="Modified", tone="danger", icon="modified"),
    State.BASELINED: Pill(label="Baselined", tone="ok", icon="baseline"),
    State.SKIPPED: Pill(label="Skipped", tone="muted", icon="skip"),
    State.CONFLICT: Pill(label="Conflict", tone="warn", icon="conflict"),
    State.MISSING: Pill(label="Missing file", tone="warn", icon="missing"),
    State.ELSEWHERE: Pill(label="Not for this environment", tone="muted", icon="skip"),
    State.NARROWED: Pill(label="Applied, now for others only", tone="muted", icon="ok"),
}
