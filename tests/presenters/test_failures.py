"""How a run ended badly: what happened, what the database is now, and the next safe step."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Action
from dashboard.models import Run, RunStep
from dashboard.models.roles import Role
from dashboard.presenters import actions
from dashboard.presenters import failures as presenter
from dashboard.presenters.badges import badge
from dashboard.presenters.failures import ErrorBox
from tests.presenters import values

Status, Step = Run.Status, RunStep.Status
ENDED = [Status.FAILED, Status.CANCELLED, Status.INTERRUPTED, Status.RESOLVED, Status.UNPROVEN]


def steps(*states: str, **changes: Any) -> list[RunStep]:
    return [
        values.run_step(status, position=n, version=f"{n + 1:03}", name="x", **changes)
        for n, status in enumerate(states)
    ]


def box(run: Run, run_steps: list[RunStep] | None = None, role: Role | None = Role.ADMIN) -> ErrorBox:
    made = presenter.box(run, steps(Step.FAILED) if run_steps is None else run_steps, values.actor(role=role))
    assert made is not None
    return made


def pages(made: ErrorBox) -> list[str]:
    return [values.page_of(button.url)[0] for button in made.actions if button.show]


# Whether there is anything to explain


@pytest.mark.parametrize("status", Status)
def test_only_a_bad_end_is_explained(status: str):
    made = presenter.box(values.run(status), steps(Step.COMMITTED), values.actor())
    assert (made is not None) is (status in ENDED)


CASES = {
    "failed": (values.run(Status.FAILED), (Step.FAILED,), ("danger", "fail"), "ok"),
    "failed after one": (values.run(Status.FAILED), (Step.COMMITTED, Step.FAILED), ("danger", "fail"), "warn"),
    "left something": (values.run(Status.FAILED), (Step.PARTIAL, Step.NOT_RUN), ("danger", "fail"), "danger"),
    "cancelled": (values.run(Status.CANCELLED), (Step.CANCELLED,), ("muted", "cancel"), "ok"),
    "interrupted": (values.run(Status.INTERRUPTED), (Step.UNKNOWN,), ("warn", "unknown"), "warn"),
    "found out: all of it": (values.run(Status.RESOLVED), (Step.COMMITTED,), ("ok", "ok"), "warn"),
    "found out: a part": (values.run(Status.RESOLVED), (Step.COMMITTED, Step.NOT_RUN), ("danger", "fail"), "warn"),
    "found out: nothing": (values.run(Status.RESOLVED), (Step.FAILED,), ("danger", "fail"), "ok"),
    "ended by hand": (
        values.run(Status.UNPROVEN, ended_by=values.user("carol"), ended_because="Its tables were dropped"),
        (Step.UNKNOWN,),
        ("warn", "unknown"),
        "warn",
    ),
    "found out: half a step": (values.run(Status.RESOLVED), (Step.PARTIAL,), ("danger", "fail"), "danger"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_box_looks_like_what_happened_and_its_state_like_what_remains(case: str):
    run, states, looks, state_tone = CASES[case]
    made = box(run, steps(*states))
    assert ((made.tone, made.icon), made.state_tone) == (looks, state_tone)
    assert made.title
    assert made.happened
    assert made.state_now
    assert made.next_step
    values.assert_sound(made)


def test_no_two_outcomes_have_one_title():
    titles = {case: box(run, steps(*states)).title for case, (run, states, *_) in CASES.items()}
    del titles["failed after one"]
    assert len(set(titles.values())) == len(titles)


# What happened


def test_the_sentence_of_the_failure_is_what_happened():
    assert box(values.run(Status.FAILED, failure={"sentence": "Division by zero."})).happened == "Division by zero."


def test_who_cancelled_what_no_worker_had_taken_is_named():
    run = values.run(Status.CANCELLED, cancel_requested_by=values.user("bob"))
    assert "bob" in box(run, steps(Step.WAITING)).happened


def test_why_it_is_not_known_yet_is_told_with_what_to_do():
    unresolved = {"sentence": "It does not answer.", "next_step": "Start it."}
    made = box(values.run(Status.INTERRUPTED, failure={"unresolved": unresolved}), steps(Step.UNKNOWN))
    assert unresolved["sentence"] in made.happened
    assert unresolved["next_step"] in made.next_step
    assert pages(made) == ["environment", "run-end"]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.REQUESTER, Role.APPROVER])
def test_only_an_administrator_is_offered_to_end_what_cannot_be_found_out(role: Role):
    run = values.run(Status.INTERRUPTED, failure={"unresolved": {"sentence": "It does not answer."}})
    assert pages(box(run, steps(Step.UNKNOWN), role)) == ["environment"]


def test_what_was_ended_by_hand_names_the_person_and_is_called_nothing_else():
    unresolved = {"sentence": "Its log is gone."}
    run = values.run(
        Status.UNPROVEN,
        failure={"sentence": "Its worker has sent no sign of life.", "unresolved": unresolved},
        ended_by=values.user("carol"),
        ended_because="The schema was dropped",
    )
    made = box(run, steps(Step.COMMITTED, Step.UNKNOWN))
    assert "carol" in made.title
    assert "without proof" in made.title
    assert "Its log is gone" in made.happened
    assert "“The schema was dropped”" in made.happened
    assert "002" in made.state_now
    assert "never found out" in made.state_now
    assert pages(made) == ["environment"]


# The database now


@pytest.mark.parametrize(
    ("states", "words"),
    [
        pytest.param((Step.COMMITTED, Step.FAILED), ["001 is", "002"], id="one before it"),
        pytest.param((Step.COMMITTED, Step.COMMITTED, Step.FAILED), ["001 and 002 are", "003"], id="two before it"),
        pytest.param((Step.FAILED, Step.NOT_RUN), ["001", "002 was"], id="one after it"),
        pytest.param((Step.FAILED, Step.NOT_RUN, Step.NOT_RUN), ["001", "002 and 003 were"], id="two after it"),
        pytest.param((*[Step.COMMITTED] * 5, Step.FAILED), ["001 … 005 (5 migrations) are", "006"], id="many"),
        pytest.param((*[Step.COMMITTED] * 4, Step.FAILED), ["001, 002, 003 and 004 are", "005"], id="four"),
    ],
)
def test_it_says_what_each_migration_is_now_in_their_order(states: tuple[str, ...], words: list[str]):
    state = presenter.state_now(values.run(Status.FAILED), steps(*states, started_at=values.MOMENT))
    positions = [state.index(each) for each in words]
    assert positions == sorted(positions)


@pytest.mark.parametrize("action", Action)
def test_every_kind_of_run_has_words_for_what_is_done(action: Action):
    state = presenter.state_now(
        values.run(Status.FAILED, action=action), steps(Step.COMMITTED, Step.FAILED, action=action)
    )
    assert "001" in state
    assert "002" in state


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_one_and_several_have_their_own_words(action: Action, count: int):
    one, many = actions.WORDS[action].done
    done = steps(*[Step.COMMITTED] * count, Step.FAILED, action=action)
    state = presenter.state_now(values.run(Status.FAILED, action=action), done)
    said, other = (one, many) if count == 1 else (many, one)
    assert f" {said}." in state
    assert other not in state


@pytest.mark.parametrize(("left", "words"), [(1, "002 was not begun."), (2, "002 and 003 were not begun.")])
def test_so_has_what_was_not_begun(left: int, words: str):
    state = presenter.state_now(values.run(Status.FAILED), steps(Step.FAILED, *[Step.NOT_RUN] * left))
    assert words in state


def test_what_was_never_sent_changed_nothing():
    sent = presenter.state_now(values.run(Status.FAILED), steps(Step.FAILED, Step.NOT_RUN))
    never = presenter.state_now(values.run(Status.CANCELLED), steps(Step.WAITING, Step.NOT_RUN))
    assert "001" in sent
    assert "001" not in never
    assert "Staging" in never


def test_what_may_have_begun_is_not_called_untouched():
    begun = presenter.state_now(values.run(Status.FAILED), steps(Step.NOT_RUN, started_at=values.MOMENT))
    assert "Staging" not in begun


@pytest.mark.parametrize("states", [(Step.UNKNOWN,), (Step.UNKNOWN, Step.WAITING)], ids=["one", "and what follows"])
def test_while_nothing_is_known_the_environment_is_frozen(states: tuple[str, ...]):
    state = presenter.state_now(values.run(Status.INTERRUPTED), steps(*states))
    assert "001" in state
    assert "Staging" in state
    assert "as it was before" not in state


# What to do next


def test_what_is_left_half_done_is_settled_first():
    made = box(values.run(Status.FAILED), steps(Step.COMMITTED, Step.PARTIAL, Step.NOT_RUN))
    assert pages(made) == ["settle", "environment"]
    assert values.page_of(made.actions[0].url)[1] == {"slug": "staging", "version": "002", "name": "x"}
    assert made.actions[0].tone == "primary"
    assert "002" in made.next_step


@pytest.mark.parametrize(
    ("role", "expected"),
    [(Role.ADMIN, ["apply", "environment", "skip"]), (Role.REQUESTER, ["apply", "environment"])],
    ids=["admin", "requester"],
)
def test_a_failed_apply_can_be_tried_again_or_skipped(role: Role, expected: list[str]):
    made = box(values.run(Status.FAILED), role=role)
    assert pages(made) == expected
    assert made.actions[0].tone == "primary"


@pytest.mark.parametrize(
    ("sqlstate", "tone"),
    [("23505", "plain"), ("22012", "plain"), ("42P01", "plain"), ("55P03", "primary"), ("53100", "primary")],
)
def test_what_must_fail_again_is_not_the_first_thing_to_press(sqlstate: str, tone: str):
    failure = {"sentence": "It failed.", "server": {**SERVER, "sqlstate": sqlstate}}
    again = box(values.run(Status.FAILED, failure=failure), steps(Step.FAILED)).actions[0]
    assert (values.page_of(again.url)[0], again.tone) == ("apply", tone)


def test_who_may_not_try_again_is_told_why():
    again = box(values.run(Status.FAILED), role=Role.VIEWER).actions[0]
    assert again.disabled
    assert Role.REQUESTER.value in again.reason


@pytest.mark.parametrize(
    ("run", "states", "expected"),
    [
        pytest.param(values.run(Status.FAILED, action=Action.ROLLBACK), (Step.FAILED,), ["environment"], id="rollback"),
        pytest.param(values.run(Status.RESOLVED), (Step.COMMITTED,), ["environment"], id="all committed"),
        pytest.param(values.run(Status.INTERRUPTED), (Step.UNKNOWN,), [], id="nothing but to wait"),
        pytest.param(values.run(Status.FAILED, environment="gone"), (Step.FAILED,), [], id="its environment is gone"),
        pytest.param(values.run(Status.CANCELLED), (Step.CANCELLED,), ["apply", "environment"], id="cancelled"),
    ],
)
def test_where_it_leads(run: Run, states: tuple[str, ...], expected: list[str]):
    assert pages(box(run, steps(*states))) == expected


def test_a_protected_environment_is_asked_anew_and_a_free_one_is_run():
    free = box(values.run(Status.FAILED)).actions[0].label
    asked = box(values.run(Status.FAILED, environment="production")).actions[0].label
    assert "request" in asked
    assert "request" not in free


# What the server said


SERVER = {"sqlstate": "22012", "message": "division by zero", "line": 4, "excerpt": "4 | SELECT 1/0", "statement": 0}


def told(action: str = "apply", **changes: Any) -> ErrorBox:
    failure = {"sentence": "It failed.", "server": {**SERVER, **changes}}
    return box(values.run(Status.FAILED, failure=failure), steps(Step.COMMITTED, Step.FAILED, action=action))


def test_the_line_that_failed_is_shown_and_linked():
    made = told()
    assert values.page_of(made.url) == ("migration", {"version": "002", "name": "x"})
    assert made.url.endswith("#L4")
    assert values.says(made.url_label, "4")
    assert made.excerpt == SERVER["excerpt"]


def test_without_a_line_the_file_is_linked():
    made = told(line=None)
    assert "#" not in made.url
    assert made.url_label


def test_a_captured_rollback_is_in_no_file_to_link_to():
    assert told(action="rollback").url == ""


def test_facts_come_in_the_order_of_the_server_and_a_statement_of_none_is_none():
    made = told()
    assert [value for _, value in made.facts if value] == ["22012", "division by zero", 4]
    assert box(values.run(Status.FAILED)).facts == ()


# What was kept of it, and what may be otherwise by now


@pytest.mark.parametrize(
    ("kept", "left", "correction"),
    [
        pytest.param({}, "", "", id="nothing"),
        pytest.param(
            {"left": "An index.", "correction": "Drop it.", "passing": False}, "An index.", "Drop it.", id="stays"
        ),
        pytest.param(
            {"left": "An index.", "correction": "Drop it.", "passing": True},
            "Found when it failed: An index.",
            "",
            id="seen in the catalog then",
        ),
        pytest.param(
            {"left": "An index.", "correction": "Drop it."}, "Found when it failed: An index.", "", id="kept long ago"
        ),
        pytest.param({"correction": "Drop it."}, "", "Drop it.", id="nothing was left"),
    ],
)
def test_what_the_catalog_said_then_is_never_said_of_now(kept: dict[str, Any], left: str, correction: str):
    assert (presenter.left_then(kept), presenter.correction(kept)) == (left, correction)
    assert presenter.is_passing(kept) is left.startswith("Found")


def test_why_nothing_could_be_found_out_is_told_once_it_was_tried():
    tried = {"unresolved": {"code": "target_unreachable", "sentence": "Nobody answers."}}
    assert presenter.why_unresolved(values.run(Status.INTERRUPTED)) == ""
    assert presenter.why_unresolved(values.run(Status.INTERRUPTED, failure=tried)) == "Nobody answers."


def test_what_the_server_said_keeps_its_order_and_its_names():
    said = {"message": "division by zero", "sqlstate": "22012", "line": 3, "statement": ""}
    told = [(name, value) for name, value in presenter.server_facts(said) if value is not None]
    assert told == [("SQLSTATE", "22012"), ("Message", "division by zero"), ("Line", 3)]


def test_buttons_of_a_failure_lead_to_where_it_is_settled_and_to_its_environment():
    settle = presenter.settle_button("staging", MigrationId("012", "index_users"))
    assert values.page_of(settle.url) == ("settle", {"slug": "staging", "version": "012", "name": "index_users"})
    assert values.says(settle.label, "012")
    see = presenter.environment_button(badge(values.STAGING))
    assert values.page_of(see.url) == ("environment", {"slug": "staging"})
