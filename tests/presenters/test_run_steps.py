"""What became of each step of a run, and of its statements."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.engine.plan import Action
from dashboard.models import Run, RunStatement, RunStep
from dashboard.presenters import run_steps, runs, statuses
from dashboard.presenters.run_steps import RunStepView
from tests.presenters import values

Status, Step, Statement = Run.Status, RunStep.Status, RunStatement.Status


def shown(step: RunStep, *others: RunStep) -> RunStepView:
    return run_steps.steps([step, *others])[0]


# Steps


@pytest.mark.parametrize("status", Step)
def test_a_step_looks_like_its_state(status: str):
    assert shown(values.run_step(status)).pill == statuses.STEP[status]


OPEN = {Step.RUNNING, Step.FAILED, Step.CANCELLED, Step.UNKNOWN, Step.PARTIAL}


@pytest.mark.parametrize("status", Step)
def test_what_a_run_stopped_at_is_open_and_a_single_step_always_is(status: str):
    assert shown(values.run_step(status), values.run_step()).open is (status in OPEN)
    assert shown(values.run_step(status)).open


def test_a_step_that_saved_rows_is_open():
    copied = [{"what": "platform.users", "saved": "signalbox_saved.u", "rows": 1}]
    assert shown(values.run_step(copied=copied), values.run_step()).open


def test_steps_are_numbered_from_one_and_keep_their_order():
    steps = [values.run_step(position=n, version=f"00{n}") for n in (0, 1, 2)]
    assert [(s.number, s.label) for s in run_steps.steps(steps)] == [
        (1, "000_users"),
        (2, "001_users"),
        (3, "002_users"),
    ]


@pytest.mark.parametrize("action", Action)
def test_only_an_apply_leads_to_its_migration_and_all_others_say_what_they_do(action: Action):
    view = shown(values.run_step(action=action.value))
    assert bool(view.url) is (action is Action.APPLY)
    if action not in {Action.APPLY, Action.SKIP, Action.UNSKIP}:
        assert view.does
    if action is Action.APPLY:
        assert values.page_of(view.url) == ("migration", {"version": "001", "name": "users"})
        assert view.does == ""


def test_no_two_actions_are_said_alike():
    said = [d for a in Action if (d := shown(values.run_step(action=a.value)).does)]
    assert len(said) == len(set(said))


@pytest.mark.parametrize("status", Step)
@pytest.mark.parametrize("action", Action)
def test_where_nothing_is_listed_something_is_said(action: Action, status: str):
    assert shown(values.run_step(status, action=action.value)).empty


def test_what_sends_no_sql_says_so_whatever_became_of_it():
    sentences = {shown(values.run_step(status, action="skip")).empty for status in Step}
    assert len(sentences) == 1


@pytest.mark.parametrize(("said", "left_out"), [(1, 0), (2, 1), (500, 499)])
def test_statements_that_are_not_listed_are_counted(said: int, left_out: int):
    assert shown(values.run_step(latest=[values.run_statement()], said=said)).left_out == left_out


@pytest.mark.parametrize(("retries", "words"), [(0, ""), (1, "once"), (2, "twice"), (3, "3 times"), (12, "12 times")])
def test_how_often_it_was_begun_again(retries: int, words: str):
    sentences = shown(values.run_step(retries=retries, retry_reason="A deadlock.")).retried
    assert bool(sentences) is bool(retries)
    assert words in sentences
    assert ("A deadlock." in sentences) is bool(retries)


@pytest.mark.parametrize(
    ("state", "said", "words"),
    [(Step.RUNNING, 2, "2 of 5"), (Step.RUNNING, 0, ""), (Step.COMMITTED, 5, ""), (Step.FAILED, 2, "")],
)
def test_how_far_it_has_come_is_told_while_it_runs(state: str, said: int, words: str):
    reached = shown(values.run_step(state, said=said, statements_total=5)).reached
    assert bool(reached) is bool(words)
    assert words in reached


def test_how_far_an_index_build_is_stands_beside_the_statement_while_it_runs():
    told = {"said": 2, "statements_total": 5, "progress": "Building index: scanning table, 34 %."}
    assert shown(values.run_step(Step.RUNNING, **told)).reached.endswith(
        "2 of 5. Building index: scanning table, 34 %."
    )
    assert shown(values.run_step(Step.COMMITTED, **told)).reached == ""


def test_whom_it_waits_for_is_named_each_for_itself():
    waiting = shown(values.run_step(Step.RUNNING, blockers=["pid 7 of bob", "pid 9 of carol"])).waiting
    assert [("bob" in each, "carol" in each) for each in waiting] == [(True, False), (False, True)]


@pytest.mark.parametrize("state", [Step.FAILED, Step.PARTIAL, Step.CANCELLED])
def test_who_held_the_lock_is_still_named_once_it_has_failed(state: str):
    step = values.run_step(state, blockers=["bob in psql (backend 7)"])
    (waited,) = shown(step).waiting
    assert "bob in psql" in waited
    assert waited != shown(values.run_step(Step.RUNNING, blockers=step.blockers)).waiting[0]
    error = runs.page(values.run(Run.Status.FAILED), [step], values.actor(), worker_alive=True)["error"]
    assert "bob in psql (backend 7)" in error.happened


# Rows saved and brought back


USERS = "platform.users"
PLANS = {"what": "platform.users (plan)", "columns": ["plan"]}


def copied(action: str = "apply", **changes: Any) -> str:
    """`columns` are those that were saved; none are named where it was the whole table."""
    facts = {"what": USERS, "columns": [], "saved": "signalbox_saved.u", "rows": 2, "gone": 0, "kept": 0, **changes}
    (sentences,) = shown(values.run_step(action=action, copied=[facts])).copied
    return sentences


@pytest.mark.parametrize(("rows", "words"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1_234, "1,234 rows")])
def test_saved_rows_are_counted(rows: int, words: str):
    sentences = copied(rows=rows)
    assert values.says(sentences, words)
    assert "signalbox_saved.u" in sentences


@pytest.mark.parametrize(
    ("saved", "rows", "words"),
    [({}, 1, "1 row"), ({}, 1_234, "1,234 rows"), (PLANS, 1, "1 value"), (PLANS, 2, "2 values")],
)
def test_rows_come_back_as_rows_and_columns_as_values(saved: dict[str, Any], rows: int, words: str):
    assert values.says(copied("bring_back", **saved, rows=rows), words)


@pytest.mark.parametrize(("gone", "words"), [(1, "1 row"), (3, "3 rows")])
def test_rows_without_a_place_are_counted(gone: int, words: str):
    assert values.says(copied("bring_back", rows=9, gone=gone), words)


@pytest.mark.parametrize(
    ("saved", "kept", "words"),
    [
        ({}, 1, "1 row was"),
        ({}, 4, "4 rows were"),
        (PLANS, 1, "1 value was"),
        (PLANS, 4, "4 values were"),
    ],
)
def test_what_was_left_as_it_is_is_counted(saved: dict[str, Any], kept: int, words: str):
    assert values.says(copied("bring_back", **saved, rows=9, kept=kept), words)


def test_where_all_came_back_nothing_else_is_counted():
    assert not values.says(copied("bring_back", rows=9), "0 rows")


# Statements


def statement(status: str, step: str) -> Any:
    (view,) = shown(values.run_step(step, latest=[values.run_statement(status)])).statements
    return view


OK, FAILED, RUNNING, UNKNOWN = ("ok", "ok"), ("danger", "fail"), ("run", "run"), ("warn", "unknown")
UNDONE, STOPPED = ("muted", "rollback"), ("muted", "cancel")  # neither done nor an alarm
STATEMENTS = [
    (Statement.OK, Step.COMMITTED, OK),
    (Statement.OK, Step.RUNNING, OK),
    (Statement.OK, Step.PARTIAL, OK),
    (Statement.OK, Step.UNKNOWN, OK),
    (Statement.OK, Step.FAILED, UNDONE),
    (Statement.OK, Step.CANCELLED, UNDONE),
    (Statement.FAILED, Step.FAILED, FAILED),
    (Statement.FAILED, Step.PARTIAL, FAILED),
    (Statement.FAILED, Step.CANCELLED, STOPPED),
    (Statement.RUNNING, Step.RUNNING, RUNNING),
    (Statement.RUNNING, Step.COMMITTED, OK),
    (Statement.RUNNING, Step.FAILED, UNDONE),
    (Statement.RUNNING, Step.CANCELLED, UNDONE),
    (Statement.RUNNING, Step.PARTIAL, UNKNOWN),
    (Statement.RUNNING, Step.UNKNOWN, UNKNOWN),
]


@pytest.mark.parametrize(("status", "step", "looks"), STATEMENTS)
def test_what_became_of_its_step_outweighs_what_was_told_of_a_statement(status: str, step: str, looks: tuple[str, str]):
    assert values.looks(statement(status, step).pill) == looks


@pytest.mark.parametrize(
    ("tag", "rows"),
    [("INSERT 0 3", 3), ("UPDATE 2", 2), ("DELETE 0", 0), ("SELECT 12", 12), ("CREATE TABLE", None), ("", None)],
)
def test_touched_rows_are_read_from_the_tag(tag: str, rows: int | None):
    (view,) = shown(values.run_step(latest=[values.run_statement(tag=tag)])).statements
    assert view.rows == rows


def test_a_statement_keeps_what_was_told_of_it():
    sentences = values.run_statement(number=3, line=9, summary="DROP", duration_ms=4, notices=["careful"])
    (view,) = shown(values.run_step(latest=[sentences])).statements
    assert (view.number, view.line, view.summary, view.duration_ms) == (3, 9, "DROP", 4)
    assert view.notices == ("careful",)


def test_what_is_not_written_down_yet_is_not_called_not_run():
    step = values.run_step(Step.WAITING)
    (queued,), (running,) = run_steps.steps([step]), run_steps.steps([step], has_begun=True)
    assert queued.empty == "No statement has run yet."
    assert running.empty == "No statement of it is written down yet."
