"""Every state of everything, as people see it: one table for each, and a test that none is forgotten."""

from __future__ import annotations

from collections.abc import Mapping

from dashboard.engine.migration import Severity
from dashboard.models import ChangeRequest, DriftCheck, Rehearsal, Run, RunStatement, RunStep
from dashboard.presenters.migration_states import MIGRATION as MIGRATION
from dashboard.presenters.pills import Pill

NOT_SEEN = Pill(label="Unknown", tone="muted", icon="unknown")
#: A file that cannot run as it is, whatever its place in the order.
BLOCKED = Pill(label="Pending, cannot run", tone="warn", icon="attention")

REQUEST: Mapping[str, Pill] = {
    ChangeRequest.Status.OPEN: Pill(label="Open", tone="wait", icon="wait"),
    ChangeRequest.Status.APPROVED: Pill(label="Approved", tone="ok", icon="ok"),
    ChangeRequest.Status.REJECTED: Pill(label="Rejected", tone="danger", icon="fail"),
    ChangeRequest.Status.EXPIRED: Pill(label="Expired", tone="muted", icon="queued"),
    ChangeRequest.Status.WITHDRAWN: Pill(label="Withdrawn", tone="muted", icon="cancel"),
    ChangeRequest.Status.SUPERSEDED: Pill(label="Superseded", tone="warn", icon="modified"),
    ChangeRequest.Status.DONE: Pill(label="Done", tone="muted", icon="ok"),
}

RUN: Mapping[str, Pill] = {
    Run.Status.QUEUED: Pill(label="Queued", tone="wait", icon="queued"),
    Run.Status.RUNNING: Pill(label="Running", tone="run", icon="run"),
    Run.Status.SUCCEEDED: Pill(label="Succeeded", tone="ok", icon="ok"),
    Run.Status.FAILED: Pill(label="Failed", tone="danger", icon="fail"),
    Run.Status.CANCELLED: Pill(label="Cancelled", tone="muted", icon="cancel"),
    Run.Status.INTERRUPTED: Pill(label="Interrupted", tone="danger", icon="attention"),
    Run.Status.RESOLVED: Pill(label="Found out after a crash", tone="warn", icon="attention"),
    Run.Status.UNPROVEN: Pill(label="Ended without proof", tone="warn", icon="unknown"),
}

STEP: Mapping[str, Pill] = {
    RunStep.Status.WAITING: Pill(label="Waiting", tone="muted", icon="queued"),
    RunStep.Status.RUNNING: Pill(label="Running", tone="run", icon="run"),
    RunStep.Status.COMMITTED: Pill(label="Committed", tone="ok", icon="ok"),
    RunStep.Status.FAILED: Pill(label="Failed, nothing changed", tone="danger", icon="fail"),
    RunStep.Status.PARTIAL: Pill(label="Failed, partly applied", tone="danger", icon="fail"),
    RunStep.Status.CANCELLED: Pill(label="Cancelled, nothing changed", tone="muted", icon="cancel"),
    RunStep.Status.NOT_RUN: Pill(label="Not run", tone="muted", icon="skip"),
    RunStep.Status.UNKNOWN: Pill(label="Unknown", tone="warn", icon="unknown"),
}

#: A schema, as a look for drift found it.
SCHEMA: Mapping[str, Pill] = {
    DriftCheck.Outcome.CLEAN: Pill(label="In line", tone="ok", icon="ok"),
    DriftCheck.Outcome.HALF_DONE: Pill(label="Half done", tone="danger", icon="fail"),
    DriftCheck.Outcome.DRIFTED: Pill(label="Drifted", tone="warn", icon="modified"),
    DriftCheck.Outcome.UNREACHABLE: Pill(label="Unreachable", tone="danger", icon="unreachable"),
}
SCHEMA_NOT_SEEN = Pill(label="Never checked", tone="muted", icon="unknown")

STATEMENT: Mapping[str, Pill] = {
    RunStatement.Status.RUNNING: Pill(label="Running", tone="run", icon="run"),
    RunStatement.Status.OK: Pill(label="Done", tone="ok", icon="ok"),
    RunStatement.Status.FAILED: Pill(label="Failed", tone="danger", icon="fail"),
}

#: What lint or the reader of the folder says of a file.
SEVERITY: Mapping[str, Pill] = {
    Severity.ERROR: Pill(label="Error", tone="danger", icon="fail"),
    Severity.WARNING: Pill(label="Warning", tone="warn", icon="attention"),
    Severity.NOTE: Pill(label="Note", tone="info", icon="info"),
}
ALLOWED = Pill(label="Allowed", tone="muted", icon="ok")

#: DONE says that it was carried out; presenters.rehearsals says with what result.
REHEARSAL: Mapping[str, Pill] = {
    Rehearsal.Status.QUEUED: Pill(label="Queued", tone="wait", icon="queued"),
    Rehearsal.Status.RUNNING: Pill(label="Rehearsing", tone="run", icon="run"),
    Rehearsal.Status.DONE: Pill(label="Passed", tone="ok", icon="ok"),
    Rehearsal.Status.FAILED: Pill(label="Not carried out", tone="warn", icon="attention"),
}
