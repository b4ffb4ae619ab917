"""What broke off outside a transaction: what stands, what is in doubt, and which way on is open."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.engine.errors import EngineError, PlanBlocked
from dashboard.engine.plan import Action
from dashboard.models import Run
from dashboard.models.environments import Environment
from dashboard.models.roles import Role
from dashboard.presenters import settling as presenter
from dashboard.presenters.settling import Way
from dashboard.services.errors import EnvironmentOccupied
from dashboard.services.unfinished import BrokenOff, InDoubt, JournalLine, Trace, WayOn
from tests.presenters import values

DONE, DOUBTFUL, NOT_RUN, CHANGED = Trace.DONE, Trace.DOUBTFUL, Trace.NOT_RUN, Trace.CHANGED
REPAIRS = values.plan(values.step(action=Action.REPAIR))
ROLLS_BACK = values.plan(values.step(action=Action.ROLLBACK, first_statement=2))
EDITED = PlanBlocked(version="001", reason="its file was edited.", remedy="Put it back.")

SOURCE = values.STAGING.source


def doubtful(evidence: InDoubt = InDoubt.NONE, **changes: Any) -> BrokenOff:
    return values.broken_off(DONE, DOUBTFUL, NOT_RUN, evidence=evidence, **changes)


def box(broken_off: BrokenOff, run: Run | None = None) -> Any:
    return presenter.box(broken_off, values.STAGING, run)


# The statements


TRACES = {
    DONE: ("ok", "ok"),
    DOUBTFUL: ("warn", "unknown"),
    NOT_RUN: ("muted", "skip"),
    CHANGED: ("danger", "modified"),
}
EVIDENT = {
    InDoubt.NONE: ("warn", "unknown"),
    InDoubt.HAPPENED: ("ok", "ok"),
    InDoubt.DID_NOT: ("muted", "skip"),
    InDoubt.HALF: ("danger", "fail"),
}


@pytest.mark.parametrize("trace", Trace)
def test_a_statement_looks_like_its_trace(trace: Trace):
    (line,) = presenter.lines(values.broken_off(trace), SOURCE)
    assert values.looks(line.pill) == TRACES[trace]


@pytest.mark.parametrize("evidence", InDoubt)
def test_the_one_in_doubt_looks_like_what_the_catalog_made_of_it_and_no_other_does(evidence: InDoubt):
    looks = [values.looks(line.pill) for line in presenter.lines(doubtful(evidence), SOURCE)]
    assert looks == [TRACES[DONE], EVIDENT[evidence], TRACES[NOT_RUN]]


def test_statements_keep_their_numbers_and_lines_and_lead_to_them():
    first, second = presenter.lines(values.broken_off(DONE, NOT_RUN), SOURCE)
    assert [(line.number, line.line) for line in (first, second)] == [(1, 2), (2, 4)]
    assert values.page_of(second.url) == ("migration", {"version": "001", "name": "users"})
    assert second.url.endswith("#L4")


def test_a_captured_rollback_is_on_no_page_to_link_to():
    assert {line.url for line in presenter.lines(values.broken_off(action=Action.ROLLBACK), SOURCE)} == {""}


def test_a_statement_whose_text_is_gone_says_so_and_links_to_nothing():
    gone = JournalLine(number=4, line=None, summary="", trace=DONE)
    (line,) = presenter.lines(values.broken_off(lines=(gone,)), SOURCE)
    assert (line.url, line.line) == ("", None)
    assert line.summary


# The box


@pytest.mark.parametrize(
    ("traces", "words"),
    [
        pytest.param((DONE, NOT_RUN), ("Statement 1 is", "Statement 2 was"), id="one and one"),
        pytest.param((DONE, DONE, NOT_RUN, NOT_RUN), ("Statements 1 and 2 are", "Statements 3 and 4 were"), id="two"),
        pytest.param((DONE, DONE, DONE, NOT_RUN), ("Statements 1 to 3 are", "Statement 4 was"), id="three in a row"),
        pytest.param((DONE, CHANGED, NOT_RUN), ("Statements 1 and 2 are", "Statement 3 was"), id="edited since"),
        pytest.param((DONE, NOT_RUN, DONE, DONE), ("Statements 1, 3 and 4 are", "Statement 2 was"), id="with a gap"),
    ],
)
def test_what_stands_and_what_does_not_is_counted(traces: tuple[Trace, ...], words: tuple[str, ...]):
    state = box(values.broken_off(*traces)).state_now
    for each in words:
        assert values.says(state, each)


def test_what_stands_comes_first_and_what_was_not_run_last():
    state = box(doubtful()).state_now
    assert state.index("Statement 1 ") < state.index("tatement 2 ") < state.index("Statement 3 ")


@pytest.mark.parametrize("evidence", InDoubt)
def test_the_doubt_is_told_by_its_number(evidence: InDoubt):
    assert values.says(box(doubtful(evidence)).state_now.lower(), "statement 2")


def test_every_evidence_reads_differently():
    states = {box(doubtful(evidence)).state_now for evidence in InDoubt}
    steps = {box(doubtful(evidence)).next_step for evidence in InDoubt}
    assert len(states) == len(steps) == len(InDoubt)


def test_the_state_is_an_alarm_and_names_the_environment_that_is_frozen():
    made = box(doubtful())
    assert (made.state_tone, made.tone) == ("danger", "danger")
    assert "Staging" in made.state_now
    assert "Staging" in made.title


@pytest.mark.parametrize("action", [Action.APPLY, Action.ROLLBACK])
def test_the_title_names_what_broke_off(action: Action):
    title = box(values.broken_off(action=action)).title
    assert "001_users" in title
    assert ("rollback" in title.lower()) is (action is Action.ROLLBACK)


ROW = values.applied(success=False, error_message="It could not get a lock.")
RUN = values.run(Run.Status.FAILED, pk=9, failure={"sentence": "Division by zero.", "server": {"detail": "Here."}})


@pytest.mark.parametrize(
    ("broken_off", "run", "happened"),
    [
        pytest.param(values.broken_off(row=ROW), RUN, "Division by zero.", id="the run knows"),
        pytest.param(values.broken_off(row=ROW), None, "It could not get a lock.", id="the record knows"),
        pytest.param(values.broken_off(row=ROW), values.run(), "It could not get a lock.", id="the run does not"),
    ],
)
def test_why_it_broke_off(broken_off: BrokenOff, run: Run | None, happened: str):
    assert box(broken_off, run).happened == happened


def test_a_reason_nobody_kept_is_not_made_up():
    assert box(values.broken_off()).happened == box(values.broken_off(row=values.applied(success=False))).happened != ""


def test_the_run_that_left_it_so_is_linked():
    (button,) = box(values.broken_off(), RUN).actions
    assert values.page_of(button.url) == ("run", {"pk": 9})
    assert box(values.broken_off()).actions == ()


def test_only_what_helps_to_mend_the_cause_is_listed():
    server = {"sqlstate": "22012", "detail": "Here.", "hint": "There.", "context": "In it.", "line": 4}
    made = box(values.broken_off(), values.run(failure={"sentence": "x", "server": server}))
    assert [value for _, value in made.facts] == ["Here.", "There.", "In it."]


@pytest.mark.parametrize("evidence", [InDoubt.HAPPENED, InDoubt.DID_NOT, InDoubt.HALF])
def test_the_index_in_question_is_named_in_what_to_do(evidence: InDoubt):
    assert "platform.by_name" in box(doubtful(evidence)).next_step


def test_what_stands_in_the_way_of_going_on_is_what_to_do_first():
    step = box(values.broken_off(again=EDITED)).next_step
    assert step == "Its file was edited. Put it back."


def test_but_not_before_an_invalid_index_that_has_to_go_first():
    broken = doubtful(InDoubt.HALF, again=EDITED, repair=REPAIRS)
    assert box(broken).next_step == box(doubtful(InDoubt.HALF)).next_step


# The ways on


def ways(
    broken_off: BrokenOff,
    environment: Environment = values.STAGING,
    role: Role | None = Role.ADMIN,
    occupied: EngineError | None = None,
) -> list[Way]:
    return presenter.ways(broken_off, environment, values.actor(role=role), occupied=occupied)


OFFERED = {
    "nothing in doubt": (values.broken_off(), [WayOn.AGAIN, WayOn.RESET]),
    "in doubt": (doubtful(), [WayOn.AGAIN, WayOn.AFTER, WayOn.RESET]),
    "it happened": (doubtful(InDoubt.HAPPENED), [WayOn.AFTER, WayOn.RESET]),
    "it did not": (doubtful(InDoubt.DID_NOT), [WayOn.AGAIN, WayOn.RESET]),
    "an invalid index": (
        doubtful(InDoubt.HALF, repair=REPAIRS, again=EDITED),
        [WayOn.REPAIR, WayOn.AGAIN, WayOn.RESET],
    ),
}


@pytest.mark.parametrize("case", OFFERED)
def test_which_ways_there_are_and_in_which_order(case: str):
    broken, keys = OFFERED[case]
    assert [way.key for way in ways(broken)] == keys


@pytest.mark.parametrize("case", OFFERED)
def test_the_first_that_is_open_is_the_one_to_take(case: str):
    broken, _ = OFFERED[case]
    made = ways(broken)
    primary = [way for way in made if way.tone == "primary"]
    assert primary == [next(way for way in made if not way.reason)]
    assert {way.tone for way in made} <= {"primary", "plain"}


def test_a_way_that_is_closed_says_why_and_the_next_is_taken():
    again, reset = ways(values.broken_off(again=EDITED))
    assert again.reason == "Its file was edited. Put it back."
    assert (again.tone, reset.tone) == ("plain", "primary")


def test_an_error_that_is_no_obstacle_of_a_plan_speaks_for_itself():
    class Odd(EngineError):
        sentence = "it is odd."
        advice = "Look."

    assert ways(values.broken_off(again=Odd()))[0].reason == "It is odd. Look."


MAY = {
    Role.ADMIN: {WayOn.REPAIR, WayOn.AGAIN, WayOn.RESET},
    Role.APPROVER: {WayOn.AGAIN},
    Role.REQUESTER: {WayOn.AGAIN},
    Role.VIEWER: set(),
    None: set(),
}


@pytest.mark.parametrize("role", MAY, ids=str)
def test_who_may_take_which_way(role: Role | None):
    made = ways(doubtful(InDoubt.HALF, repair=REPAIRS), role=role)
    assert {way.key for way in made if not way.reason} == MAY[role]
    assert {way.key for way in made} == {WayOn.REPAIR, WayOn.AGAIN, WayOn.RESET}


def test_whom_no_way_is_open_sees_no_primary_one():
    assert {way.tone for way in ways(doubtful(), role=Role.VIEWER)} == {"plain"}


def test_while_a_run_is_under_way_no_way_is_open():
    made = ways(doubtful(), occupied=EnvironmentOccupied(environment="Staging", run=4711, status="running"))
    assert all(values.says(way.reason, "4711") for way in made)
    assert {way.tone for way in made} == {"plain"}


@pytest.mark.parametrize(
    ("traces", "first", "words"),
    [
        pytest.param((DONE, NOT_RUN), 2, "Statement 2 is", id="one"),
        pytest.param((DONE, NOT_RUN, NOT_RUN), 2, "Statements 2 and 3 are", id="two"),
        pytest.param((DONE, NOT_RUN, NOT_RUN, NOT_RUN), 2, "Statements 2 to 4 are", id="three"),
    ],
)
def test_continuing_says_what_is_sent(traces: tuple[Trace, ...], first: int, words: str):
    broken = values.broken_off(*traces, again=values.plan(values.step(first_statement=first)))
    assert values.says(ways(broken)[0].sentence, words)


def test_where_nothing_is_left_to_send_it_is_only_recorded():
    broken = values.broken_off(DONE, DONE, again=values.plan(values.step(first_statement=3)))
    sentence = ways(broken)[0].sentence
    assert "001_users" in sentence
    assert not values.says(sentence, "is sent")


def test_a_protected_environment_is_asked_and_a_free_one_is_run():
    free = [way.label for way in ways(values.broken_off())]
    asked = [way.label for way in ways(values.broken_off(), values.PRODUCTION)]
    assert all("Staging" in label for label in free)
    assert all("Production" in label for label in asked)
    assert all("approval" in label for label in asked)
    assert not any("approval" in label for label in free)


def test_what_begins_with_its_first_statement_again_is_not_called_a_plain_apply():
    again = ways(values.broken_off(NOT_RUN, again=values.plan(values.step(first_statement=1))))[0]
    assert again.label == "Run 001 again on Staging"


def test_starting_over_says_what_becomes_of_the_record():
    apply, rollback = (ways(values.broken_off(action=a))[-1].sentence for a in (Action.APPLY, Action.ROLLBACK))
    assert apply != rollback
    assert "001_users" in apply


def test_a_question_asked_of_the_person_names_the_statement():
    again, after, _ = ways(doubtful())
    assert values.says(again.title, "Statement 2")
    assert values.says(after.title, "Statement 2")
    assert again.title != after.title


def test_dropping_the_index_names_it():
    assert "platform.by_name" in ways(doubtful(InDoubt.HALF, repair=REPAIRS))[0].sentence


@pytest.mark.parametrize("case", OFFERED)
def test_every_way_has_words(case: str):
    for way in ways(OFFERED[case][0]):
        assert way.title
        assert way.label
        assert way.sentence or way.reason


# Skipping instead


@pytest.mark.parametrize(
    ("action", "role", "shown"),
    [
        (Action.APPLY, Role.ADMIN, True),
        (Action.APPLY, Role.APPROVER, False),
        (Action.APPLY, None, False),
        (Action.ROLLBACK, Role.ADMIN, False),
    ],
    ids=["apply-admin", "apply-approver", "apply-nobody", "rollback-admin"],
)
def test_only_an_administrator_may_skip_and_only_an_apply(action: Action, role: Role | None, shown: bool):
    button = presenter.skip_button(values.broken_off(action=action), values.STAGING, values.actor(role=role))
    assert button.show is shown
    assert values.page_of(button.url) == ("skip", {"slug": "staging", "version": "001"})
    values.assert_button(button)


@pytest.mark.parametrize("evidence", InDoubt)
def test_everything_is_sound(evidence: InDoubt):
    broken = doubtful(evidence)
    values.assert_sound(box(broken, RUN), presenter.lines(broken, SOURCE), ways(broken))
