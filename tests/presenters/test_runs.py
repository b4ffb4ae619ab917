"""Runs as people watch them, and the log they keep."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from dashboard.engine.migration import History, LoggedSuccess
from dashboard.engine.plan import Action
from dashboard.engine.planner import rollback_reach
from dashboard.models import Run, RunStatement, RunStep
from dashboard.models.roles import Role
from dashboard.presenters import runs as presenter
from dashboard.presenters import statuses
from dashboard.presenters.buttons import ActionButton
from dashboard.presenters.runs import RunStepView
from tests.presenters import values

Status, Step, Statement = Run.Status, RunStep.Status, RunStatement.Status
OVER = sorted(set(Status) - Run.ACTIVE)


def shown(step: RunStep, *others: RunStep) -> RunStepView:
    return presenter.steps([step, *others])[0]


# The pill of a run


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.RESOLVED}))
def test_a_run_looks_like_its_state(status: str):
    assert presenter.verdict(values.run(status), {Step.COMMITTED}) == statuses.RUN[status]


@pytest.mark.parametrize("status", OVER)
def test_what_it_left_half_done_outweighs_its_state(status: str):
    pill = presenter.verdict(values.run(status), {Step.COMMITTED, Step.PARTIAL})
    assert pill == statuses.STEP[Step.PARTIAL]


RESOLVED = {
    "all committed": ({Step.COMMITTED}, ("ok", "ok")),
    "some committed": ({Step.COMMITTED, Step.NOT_RUN}, ("danger", "fail")),
    "nothing committed": ({Step.FAILED, Step.NOT_RUN}, ("danger", "fail")),
    "nothing begun": ({Step.NOT_RUN}, ("danger", "fail")),
    "no steps": (set(), ("danger", "fail")),
}


@pytest.mark.parametrize("case", RESOLVED)
def test_after_a_crash_what_was_found_out_decides(case: str):
    states, looks = RESOLVED[case]
    assert values.looks(presenter.verdict(values.run(Status.RESOLVED), states)) == looks


def test_after_a_crash_the_words_tell_what_remains():
    labels = [presenter.verdict(values.run(Status.RESOLVED), RESOLVED[case][0]).label for case in list(RESOLVED)[:3]]
    assert len(set(labels)) == 3
    assert statuses.RUN[Status.SUCCEEDED].label not in labels


def test_a_row_asks_its_steps_where_they_decide():
    half = values.run(Status.FAILED, steps=[values.run_step(Step.PARTIAL)])
    assert presenter.row(half).pill == statuses.STEP[Step.PARTIAL]
    done = values.run(Status.SUCCEEDED, steps=[values.run_step(Step.PARTIAL)])
    assert presenter.row(done).pill == statuses.RUN[Status.SUCCEEDED]


def test_a_row_names_its_run():
    row = presenter.row(values.run(pk=9, title="Apply 001", environment="production"))
    assert (row.number, row.title, row.by, row.at) == (9, "Apply 001", "alice", values.MOMENT)
    assert row.place.protected
    assert values.page_of(row.url) == ("run", {"pk": 9})
    values.assert_sound(row)


def test_a_hostile_title_stays_text():
    values.assert_sound(presenter.row(values.run(title=values.HOSTILE, started_by=values.user(values.HOSTILE))))


# How long


@pytest.mark.parametrize(
    ("started", "finished", "elapsed"),
    [
        pytest.param(None, None, None, id="waiting"),
        pytest.param(values.MOMENT, values.MOMENT + timedelta(seconds=2.5), 2500, id="over"),
        pytest.param(values.MOMENT, values.MOMENT - timedelta(seconds=1), 0, id="clocks that disagree"),
    ],
)
def test_elapsed_time(started: Any, finished: Any, elapsed: int | None):
    run = values.run(started_at=started, finished_at=finished)
    assert presenter.elapsed_ms(run) == presenter.row(run).duration_ms == elapsed


def test_while_it_runs_time_goes_on():
    elapsed = presenter.elapsed_ms(values.run(Status.RUNNING, started_at=values.ago(seconds=30)))
    assert elapsed is not None
    assert 30_000 <= elapsed < 40_000


# Progress


@pytest.mark.parametrize(
    ("states", "action", "words"),
    [
        ([Step.COMMITTED], Action.APPLY, "1 of 1 migration"),
        ([Step.COMMITTED, Step.RUNNING, Step.WAITING], Action.APPLY, "1 of 3 migrations"),
        ([Step.FAILED, Step.NOT_RUN], Action.ROLLBACK, "0 of 2 migrations"),
        ([Step.COMMITTED, Step.WAITING], Action.SKIP, "1 of 2"),
    ],
)
def test_progress_counts_what_is_committed(states: list[str], action: Action, words: str):
    steps = [values.run_step(status) for status in states]
    assert values.says(presenter.progress(values.run(action=action), steps), words)


@pytest.mark.parametrize("action", sorted(set(Action) - {Action.APPLY, Action.ROLLBACK}))
def test_what_runs_no_migration_counts_no_migrations(action: Action):
    assert "migration" not in presenter.progress(values.run(action=action), [values.run_step()])


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
    assert [(s.number, s.label) for s in presenter.steps(steps)] == [
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
    error = presenter.page(values.run(Run.Status.FAILED), [step], values.actor(), worker_alive=True)["error"]
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


# Cancel


def cancel(run: Run, by: str = "alice", role: Role | None = Role.REQUESTER) -> ActionButton:
    return presenter.cancel_button(run, values.actor(by, role))


@pytest.mark.parametrize("status", Status)
def test_a_run_can_be_cancelled_until_it_is_over(status: str):
    button = cancel(values.run(status))
    assert button.show is (status in {Status.QUEUED, Status.RUNNING})
    assert (button.method, button.tone, button.icon) == ("post", "danger", "cancel")
    assert values.page_of(button.url) == ("run-cancel", {"pk": 7})


@pytest.mark.parametrize(
    ("by", "role", "may"),
    [
        pytest.param("alice", Role.REQUESTER, True, id="who started it"),
        pytest.param("bob", Role.REQUESTER, False, id="another requester"),
        pytest.param("bob", Role.VIEWER, False, id="a viewer"),
        pytest.param("bob", Role.APPROVER, True, id="an approver"),
    ],
)
def test_who_may_not_cancel_is_told_why(by: str, role: Role, may: bool):
    button = cancel(values.run(Status.RUNNING), by, role)
    assert button.disabled is not may
    assert may or Role.APPROVER.value in button.reason


def test_where_somebody_asked_for_it_already_they_are_named():
    button = cancel(values.run(Status.RUNNING, cancel_requested_by=values.user("bob")))
    assert button.disabled
    assert "bob" in button.reason


# Roll back


PLAN = values.plan(values.step("001", "a"), values.step("002", "b"), values.step("003", "c"))
NO_WAY_BACK = values.plan(values.step("001", "a"), values.step("002", "b", down_sql=None), values.step("003", "c"))


def committed(*positions: int) -> list[RunStep]:
    return [values.run_step(Step.COMMITTED if n in positions else Step.FAILED, position=n) for n in range(3)]


def roll_back(
    plan: Any = PLAN, steps: Sequence[RunStep] = (), role: Role | None = Role.REQUESTER, **changes: Any
) -> ActionButton:
    run, steps = values.run(**{"plan": plan, **changes}), steps or committed(0, 1, 2)
    return presenter.rollback_button(run, steps, values.actor(role=role), rollback_reach(recorded(run, steps)))


def recorded(run: Run, steps: Sequence[RunStep], **changes: Any) -> History:
    """The history of a target in which the committed steps of this run were the last to be applied."""
    rows = (
        values.applied(*step.identity, has_rollback=bool(step.down_sql))
        for step, row in zip(run.plan.steps, steps, strict=False)
        if row.status == Step.COMMITTED
    )
    return values.history(*rows, **changes)


@pytest.mark.parametrize(
    ("plan", "positions", "version"),
    [
        pytest.param(PLAN, (0, 1, 2), "001", id="all of it"),
        pytest.param(PLAN, (0, 1), "001", id="what was committed"),
        pytest.param(PLAN, (0,), "001", id="one"),
        pytest.param(NO_WAY_BACK, (0, 1, 2), "003", id="as far as scripts were captured"),
        pytest.param(NO_WAY_BACK, (0,), "001", id="before the one that has none"),
    ],
)
def test_it_leads_as_far_back_as_there_are_scripts(plan: Any, positions: tuple[int, ...], version: str):
    button = roll_back(plan, committed(*positions))
    assert values.page_of(button.url)[0] == "rollback"
    assert values.page_of(button.url)[1]["version"] == version
    assert version in button.label
    assert (button.icon, button.show, button.reason) == ("rollback", True, "")


def test_of_one_migration_and_of_several_it_reads_differently():
    one, several = roll_back(PLAN, committed(0)).label, roll_back(PLAN).label
    assert one != several


def test_where_the_last_has_no_script_it_is_disabled_and_says_why():
    button = roll_back(NO_WAY_BACK, committed(0, 1))
    assert button.show
    assert button.disabled
    assert "002" in button.reason


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"status": Status.FAILED}, id="it failed"),
        pytest.param({"status": Status.RUNNING}, id="it runs"),
        pytest.param({"action": Action.ROLLBACK}, id="it rolled back"),
        pytest.param({"steps": [values.run_step(Step.FAILED)]}, id="nothing was committed"),
        pytest.param({"environment": "gone"}, id="its environment is gone"),
    ],
)
def test_where_nothing_can_be_taken_back_there_is_no_button(changes: dict[str, Any]):
    assert not roll_back(**{"status": Status.SUCCEEDED, **changes}).show


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.RESOLVED])
def test_what_stands_can_be_taken_back(status: str):
    assert roll_back(status=status).show


def test_who_may_not_ask_for_it_is_told_why():
    button = roll_back(role=Role.VIEWER)
    assert button.disabled
    assert Role.REQUESTER.value in button.reason


def test_below_a_record_that_is_gone_nothing_is_offered():
    """The planner would refuse it."""
    run, steps = values.run(plan=PLAN), committed(0, 1, 2)
    gone = LoggedSuccess(version="004", name="d", at=values.MOMENT)
    reach = rollback_reach(recorded(run, steps, contradicted=(gone,)))
    button = presenter.rollback_button(run, steps, values.actor(), reach)
    assert button.disabled
    assert "004_d" in button.reason


def test_what_is_not_recorded_any_more_is_not_offered():
    reach = rollback_reach(values.history())
    assert not presenter.rollback_button(values.run(plan=PLAN), committed(0, 1, 2), values.actor(), reach).show


# Where to go from here


def onward(run: Run, *steps: RunStep) -> list[str]:
    committed_steps = steps or [values.run_step()]
    reach = rollback_reach(recorded(run, committed_steps))
    buttons = presenter.onward_buttons(run, committed_steps, values.actor(), reach)
    values.assert_sound(*buttons)
    return [values.page_of(button.url)[0] for button in buttons if button.show]


SAVED = values.run_step(copied=[{"what": "platform.users", "saved": "u", "rows": 1}])


@pytest.mark.parametrize(
    ("run", "steps", "pages"),
    [
        pytest.param(values.run(), [], ["rollback"], id="an apply"),
        pytest.param(values.run(), [SAVED], ["saved", "rollback"], id="rows were saved"),
        pytest.param(values.run(action=Action.ROLLBACK), [], [], id="a rollback"),
        pytest.param(values.run(action=Action.ROLLBACK), [SAVED], ["saved"], id="a rollback that saved rows"),
        pytest.param(values.run(action=Action.REPAIR), [], ["settle"], id="an index was dropped"),
        pytest.param(values.run(action=Action.RESET), [], ["environment"], id="it starts over"),
        pytest.param(values.run(action=Action.UNSKIP), [], ["environment"], id="a skip was taken back"),
        pytest.param(values.run(action=Action.SKIP), [], [], id="a skip"),
        pytest.param(values.run(action=Action.ACCEPT), [], [], id="comments accepted"),
        pytest.param(values.run(action=Action.BRING_BACK), [SAVED], ["environment"], id="rows came back"),
        pytest.param(values.run(Status.FAILED, action=Action.REPAIR), [], [], id="it failed"),
        pytest.param(values.run(action=Action.REPAIR, environment="gone"), [], [], id="its environment is gone"),
        pytest.param(values.run(environment="gone"), [SAVED], [], id="rows were saved where nothing is left"),
    ],
)
def test_where_a_run_leads(run: Run, steps: list[RunStep], pages: list[str]):
    assert onward(run, *steps) == pages


# The page


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("worker_alive", [True, False], ids=["a worker", "no worker"])
def test_that_no_worker_is_there_is_said_of_what_waits_for_one(status: str, worker_alive: bool):
    page = presenter.page(values.run(status), [values.run_step()], values.actor(), worker_alive=worker_alive)
    assert page["waits_for_worker"] is (status == Status.QUEUED and not worker_alive)
    values.assert_sound(page["steps"], page["pill"], page["environment"], page["cancel"], page["onward"])


@pytest.mark.parametrize("worker_alive", [True, False], ids=["a worker", "no worker"])
@pytest.mark.parametrize(("seconds", "is_lost"), [(-1, True), (60, False)])
def test_that_nobody_has_heard_of_its_worker_is_said_at_once(seconds: int, is_lost: bool, worker_alive: bool):
    lease = timezone.now() + timedelta(seconds=seconds)
    page = presenter.page(
        values.run(Status.RUNNING, lease_until=lease), [values.run_step()], values.actor(), worker_alive=worker_alive
    )
    assert bool(page["lost"]) is is_lost
    assert ("No other worker is up." in page["lost"]) is (is_lost and not worker_alive)


def test_what_is_not_written_down_yet_is_not_called_not_run():
    step = values.run_step(Step.WAITING)
    (queued,), (running,) = presenter.steps([step]), presenter.steps([step], has_begun=True)
    assert queued.empty == "No statement has run yet."
    assert running.empty == "No statement of it is written down yet."


def test_the_scripts_are_those_that_were_sent_each_with_its_anchor():
    plan = values.plan(
        values.step("001", "a"),
        values.step("002", "b", sql="", action=Action.SKIP),
        values.step("003", "c", Action.ROLLBACK),
    )
    scripts = presenter.scripts(values.run(plan=plan))
    assert [(label, sql) for label, _, sql in scripts] == [("001_a.sql", "SELECT 1;"), ("003_c", "SELECT 1;")]
    assert [anchor for _, anchor, _ in scripts] == ["s1-", "s3-"]


# The log


def log(run: Run, *steps: RunStep) -> list[str]:
    return "".join(presenter.log_text(run, steps)).splitlines()


def test_the_log_begins_with_the_run_and_who_started_it():
    lines = log(values.run(pk=9, title="Apply 001", started_at=values.MOMENT), values.run_step())
    assert "9" in lines[0]
    assert "Apply 001" in lines[0]
    heading = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:8])}
    assert heading["Started by"] == "alice"
    assert heading["Started"] == "2026-03-05 14:30:15 UTC"
    assert heading["Finished"] == "-"


@pytest.mark.parametrize(("request_id", "logged"), [(None, False), (3, True)], ids=["none", "one"])
def test_the_request_stands_in_the_log_where_there_is_one(request_id: int | None, logged: bool):
    assert any(line.startswith("Request:") for line in log(values.run(request_id=request_id))) is logged


def test_the_log_holds_each_step_in_order_with_its_statements():
    first = values.run_step(
        duration_ms=12,
        latest=[values.run_statement(tag="INSERT 0 3", duration_ms=4, notices=["careful"])],
        copied=[{"what": "platform.users", "saved": "u", "rows": 1}],
    )
    second = values.run_step(Step.FAILED, position=1, version="002", latest=[values.run_statement(Statement.FAILED)])
    text = "\n".join(log(values.run(), first, second))
    order = [
        "[1/2] apply 001_users: committed (12 ms)",
        "1 row",
        "INSERT 0 3, 4 ms",
        "careful",
        "[2/2] apply 002_users: failed",
    ]
    positions = [text.index(each) for each in order]
    assert positions == sorted(positions)
    assert "failed, failed" in text


def test_the_log_ends_with_the_failure_and_the_place_in_the_text():
    server = {
        "sqlstate": "22012",
        "message": "division by zero",
        "hint": None,
        "excerpt": "  1 | SELECT 1/0\n        ^",
    }
    failure = {"sentence": "It failed.", "next_step": "Mend it.", "server": server}
    lines = log(values.run(Status.FAILED, failure=failure), values.run_step(Step.FAILED))
    assert lines[-1] == "Mend it."
    assert "  sqlstate: 22012" in lines
    assert "  1 | SELECT 1/0" in lines
    assert not any("hint" in line for line in lines)
    assert not any("excerpt:" in line for line in lines)


def test_the_log_of_a_good_run_names_no_failure():
    assert log(values.run(), values.run_step())[-1].startswith("[1/1]")
