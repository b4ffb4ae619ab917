"""Each state looks as it should. A pill may be reworded; its tone and icon are what people learn by heart."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from dashboard.engine.status import State
from dashboard.models import ChangeRequest, DriftCheck, Rehearsal, Run, RunStatement, RunStep
from dashboard.presenters import statuses
from dashboard.presenters.pills import Pill
from tests.presenters import values

MIGRATION = {
    State.PENDING: ("info", "pending"),
    State.OUT_OF_ORDER: ("warn", "order"),
    State.FAILED: ("danger", "fail"),
    State.ROLLED_BACK: ("info", "rollback"),
    State.UNRECORDED: ("warn", "missing"),
    State.PARTIAL: ("danger", "fail"),
    State.APPLIED: ("ok", "ok"),
    State.ANNOTATED: ("warn", "ok"),
    State.ALTERED: ("warn", "attention"),
    State.MODIFIED: ("danger", "modified"),
    State.OUTDATED: ("info", "refresh"),
    State.BASELINED: ("ok", "baseline"),
    State.SKIPPED: ("muted", "skip"),
    State.CONFLICT: ("warn", "conflict"),
    State.MISSING: ("warn", "missing"),
    State.ELSEWHERE: ("muted", "skip"),
    State.NARROWED: ("muted", "ok"),
}
REQUEST = {
    ChangeRequest.Status.OPEN: ("wait", "wait"),
    ChangeRequest.Status.APPROVED: ("ok", "ok"),
    ChangeRequest.Status.REJECTED: ("danger", "fail"),
    ChangeRequest.Status.EXPIRED: ("muted", "queued"),
    ChangeRequest.Status.WITHDRAWN: ("muted", "cancel"),
    ChangeRequest.Status.SUPERSEDED: ("warn", "modified"),
    ChangeRequest.Status.DONE: ("muted", "ok"),
}
RUN = {
    Run.Status.QUEUED: ("wait", "queued"),
    Run.Status.RUNNING: ("run", "run"),
    Run.Status.SUCCEEDED: ("ok", "ok"),
    Run.Status.FAILED: ("danger", "fail"),
    Run.Status.CANCELLED: ("muted", "cancel"),
    Run.Status.INTERRUPTED: ("danger", "attention"),
    Run.Status.RESOLVED: ("warn", "attention"),
    Run.Status.UNPROVEN: ("warn", "unknown"),
}
STEP = {
    RunStep.Status.WAITING: ("muted", "queued"),
    RunStep.Status.RUNNING: ("run", "run"),
    RunStep.Status.COMMITTED: ("ok", "ok"),
    RunStep.Status.FAILED: ("danger", "fail"),
    RunStep.Status.PARTIAL: ("danger", "fail"),
    RunStep.Status.CANCELLED: ("muted", "cancel"),
    RunStep.Status.NOT_RUN: ("muted", "skip"),
    RunStep.Status.UNKNOWN: ("warn", "unknown"),
}
SCHEMA = {
    DriftCheck.Outcome.CLEAN: ("ok", "ok"),
    DriftCheck.Outcome.HALF_DONE: ("danger", "fail"),
    DriftCheck.Outcome.DRIFTED: ("warn", "modified"),
    DriftCheck.Outcome.UNREACHABLE: ("danger", "unreachable"),
}
STATEMENT = {
    RunStatement.Status.RUNNING: ("run", "run"),
    RunStatement.Status.OK: ("ok", "ok"),
    RunStatement.Status.FAILED: ("danger", "fail"),
}
REHEARSAL = {
    Rehearsal.Status.QUEUED: ("wait", "queued"),
    Rehearsal.Status.RUNNING: ("run", "run"),
    Rehearsal.Status.DONE: ("ok", "ok"),
    Rehearsal.Status.FAILED: ("warn", "attention"),
}

TABLES = {
    "migration": (MIGRATION, statuses.MIGRATION),
    "request": (REQUEST, statuses.REQUEST),
    "run": (RUN, statuses.RUN),
    "step": (STEP, statuses.STEP),
    "schema": (SCHEMA, statuses.SCHEMA),
    "statement": (STATEMENT, statuses.STATEMENT),
    "rehearsal": (REHEARSAL, statuses.REHEARSAL),
}
EACH = [
    pytest.param(pills, state, expected, id=f"{name}-{state}")
    for name, (table, pills) in TABLES.items()
    for state, expected in table.items()
]


@pytest.mark.parametrize(("pills", "state", "expected"), EACH)
def test_it_looks_as_it_should(pills: Mapping[str, Pill], state: str, expected: tuple[str, str]):
    assert values.looks(pills[state]) == expected


@pytest.mark.parametrize("name", TABLES)
def test_these_tables_know_every_state(name: str):
    table, pills = TABLES[name]
    assert set(table) == set(pills)


@pytest.mark.parametrize(
    ("pill", "expected"),
    [
        pytest.param(statuses.NOT_SEEN, ("muted", "unknown"), id="a migration nobody saw"),
        pytest.param(statuses.BLOCKED, ("warn", "attention"), id="a file that cannot run"),
        pytest.param(statuses.SCHEMA_NOT_SEEN, ("muted", "unknown"), id="a schema nobody saw"),
    ],
)
def test_what_stands_beside_the_tables(pill: Pill, expected: tuple[str, str]):
    assert values.looks(pill) == expected


# What the tones mean, over all tables


@pytest.mark.parametrize("state", [State.FAILED, State.PARTIAL, State.MODIFIED])
def test_only_these_migrations_are_an_alarm(state: State):
    assert statuses.MIGRATION[state].tone == "danger"
    alarming = {s for s, pill in statuses.MIGRATION.items() if pill.tone == "danger"}
    assert alarming == {State.FAILED, State.PARTIAL, State.MODIFIED}


def test_a_settled_migration_never_alarms_and_a_pending_one_is_never_green():
    for state, pill in statuses.MIGRATION.items():
        if state.is_settled:
            assert pill.tone != "danger", state
        if state.is_pending:
            assert pill.tone != "ok", state


def test_what_is_under_way_has_the_moving_icon_everywhere():
    moving = [
        statuses.RUN[Run.Status.RUNNING],
        statuses.STEP[RunStep.Status.RUNNING],
        statuses.STATEMENT[RunStatement.Status.RUNNING],
        statuses.REHEARSAL[Rehearsal.Status.RUNNING],
    ]
    assert {values.looks(pill) for pill in moving} == {("run", "run")}


def test_nothing_else_seems_to_move():
    still = [
        pill
        for table, pills in TABLES.values()
        for state, pill in pills.items()
        if state in table and str(state) != "running"
    ]
    assert all(pill.icon != "run" and pill.tone != "run" for pill in still)


def test_what_waits_for_somebody_is_told_from_what_is_over():
    waits = [statuses.REQUEST[ChangeRequest.Status.OPEN], statuses.RUN[Run.Status.QUEUED]]
    assert {pill.tone for pill in waits} == {"wait"}
    final = [status for status in ChangeRequest.Status if not ChangeRequest.TRANSITIONS[status]]
    assert all(statuses.REQUEST[status].tone != "wait" for status in final)


def test_a_failure_that_left_something_reads_otherwise_than_one_that_did_not():
    assert statuses.MIGRATION[State.FAILED].label != statuses.MIGRATION[State.PARTIAL].label
    assert statuses.STEP[RunStep.Status.FAILED].label != statuses.STEP[RunStep.Status.PARTIAL].label


def test_a_migration_and_its_step_read_the_same_where_they_failed():
    assert statuses.MIGRATION[State.FAILED].label == statuses.STEP[RunStep.Status.FAILED].label
    assert statuses.MIGRATION[State.PARTIAL].label == statuses.STEP[RunStep.Status.PARTIAL].label
