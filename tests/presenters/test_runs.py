"""Runs as people watch them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from dashboard.engine.migration import History, LoggedSuccess
from dashboard.engine.plan import Action
from dashboard.engine.planner import rollback_reach
from dashboard.models import Run, RunStep
from dashboard.models.roles import Role
from dashboard.presenters import runs as presenter
from dashboard.presenters import statuses
from dashboard.presenters.buttons import ActionButton
from tests.presenters import values

Status, Step = Run.Status, RunStep.Status
OVER = sorted(set(Status) - Run.ACTIVE)


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


# Erase


@pytest.mark.parametrize("status", Status)
def test_messages_can_be_erased_once_a_run_is_over(status: str):
    button = presenter.erase_button(values.run(status, pk=9), values.actor(role=Role.ADMIN))
    assert button.show is (status in OVER)
    assert (button.method, values.page_of(button.url)) == ("get", ("run-erase", {"pk": 9})), "a page that asks first"


@pytest.mark.parametrize("role", [*Role, None])
def test_only_who_may_erase_sees_that_it_can_be_done(role: Role | None):
    button = presenter.erase_button(values.run(Status.FAILED), values.actor(role=role))
    assert button.show is (role is Role.ADMIN)


# Digests


def test_a_run_has_one_digest():
    run = values.run(plan=PLAN)
    assert [digest for _, digest in presenter.digests(run)] == [run.digest]


def test_where_rows_are_saved_first_the_digest_that_the_plan_showed_stands_behind_it():
    first = PLAN.steps[0]
    saving = PLAN.saving({first.identity: (values.copy(),)})
    (label, own), (other_label, bare) = presenter.digests(values.run(plan=saving))
    assert (own, bare) == (saving.digest, PLAN.digest)
    assert own != bare
    assert label != other_label


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
    assert ("Cancelling" in page["lost"]) is is_lost


def test_the_scripts_are_those_that_were_sent_each_with_its_anchor():
    plan = values.plan(
        values.step("001", "a"),
        values.step("002", "b", sql="", action=Action.SKIP),
        values.step("003", "c", Action.ROLLBACK),
    )
    scripts = presenter.scripts(values.run(plan=plan))
    assert [(label, sql) for label, _, sql in scripts] == [("001_a.sql", "SELECT 1;"), ("003_c", "SELECT 1;")]
    assert [anchor for _, anchor, _ in scripts] == ["s1-", "s3-"]
