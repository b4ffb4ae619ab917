"""A plan as people read it before they let it run: every step, its exact SQL, and what is certain about it."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.engine.migration import Severity
from dashboard.engine.plan import Action, Copy, Plan
from dashboard.engine.run.executor import Approval
from dashboard.presenters import plans as presenter
from dashboard.presenters.plans import PlanStepView, PlanView
from tests.presenters import values

CONCURRENTLY = "CREATE INDEX CONCURRENTLY a ON t (b); CREATE INDEX CONCURRENTLY c ON t (d);"
ONE, TWO = values.step("001", "a"), values.step("002", "b")


def view(plan: Plan, where: Any = values.STAGING, **known: Any) -> PlanView:
    made = presenter.view(values.detail(plan, **known), where)
    values.assert_sound(made)
    return made


def only(**changes: Any) -> PlanStepView:
    (made,) = view(values.plan(values.step(**changes))).steps
    return made


# Steps


def test_steps_keep_their_order_are_numbered_from_one_and_only_the_first_is_open():
    made = view(values.plan(TWO, ONE)).steps
    assert [(step.number, step.label, step.open) for step in made] == [(1, "002_b", True), (2, "001_a", False)]
    assert [step.anchor for step in made] == ["s1-", "s2-"]
    assert values.page_of(made[0].url) == ("migration", {"version": "002", "name": "b"})


def test_a_step_carries_the_exact_sql_of_both_directions():
    step = only(sql="SELECT 1; -- <b>", down_sql="SELECT 0;")
    assert (step.sql, step.down_sql) == ("SELECT 1; -- <b>", "SELECT 0;")
    assert only(down_sql=None).down_sql == ""


def test_what_is_repeatable_lacks_no_rollback_and_says_how_to_go_back():
    again = values.step("R__names", "names", down_sql=None)
    made = view(values.plan(values.step(down_sql="DROP TABLE t;"), again))
    assert [step.lacks_rollback for step in made.steps] == [False, False]
    assert any(values.says(note, "Repeatable: it runs again") for note in made.steps[1].notes)
    assert any(values.says(line, "each migration that runs once") for line in made.certain)
    assert any(values.says(line, "repeatable migrations have none") for line in view(values.plan(again)).certain)


def test_every_action_has_a_verb_of_its_own():
    verbs = {only(action=action).does for action in Action}
    assert len(verbs) == len(Action)
    assert all(verbs)


def test_what_goes_on_after_it_broke_off_has_another_verb_and_says_what_is_done():
    onward, after_two = (only(sql=CONCURRENTLY, first_statement=n) for n in (2, 3))
    assert onward.does not in {only(action=action).does for action in Action}
    assert any(values.says(note, "Statement 1 is") for note in onward.notes)
    assert any(values.says(note, "Statements 1 to 2 are") for note in after_two.notes)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT 1;", "1 statement in one transaction"),
        ("SELECT 1; SELECT 2;", "2 statements in one transaction"),
        ("BEGIN; SELECT 1; COMMIT;", "1 statement in one transaction"),
        (CONCURRENTLY, "2 statements, each committed"),
    ],
    ids=["one", "two", "its own transaction", "outside a transaction"],
)
def test_a_step_is_summed_up_by_its_statements(sql: str, words: str):
    assert values.says(only(sql=sql).summary, words)


def test_what_is_left_of_a_step_is_counted():
    assert values.says(only(sql=CONCURRENTLY, first_statement=2).summary, "1 statement")
    assert "statement" not in only(sql=CONCURRENTLY, first_statement=3).summary


@pytest.mark.parametrize("action", sorted(set(Action) - {Action.APPLY, Action.ROLLBACK}))
def test_what_sends_no_sql_counts_no_statements_and_says_so(action: Action):
    step = only(action=action)
    assert "statement" not in step.summary
    assert step.empty


def test_bringing_rows_back_is_not_called_nothing():
    assert only(action=Action.BRING_BACK).summary != only(action=Action.SKIP).summary
    assert only(action=Action.BRING_BACK).empty != only(action=Action.SKIP).empty


def test_whoever_decides_on_bringing_rows_back_reads_what_gives_way_to_them():
    def certain(**changes: Any) -> str:
        copy = Copy(schema="app", table="users", saved="users_1", **changes)
        step = values.step(action=Action.BRING_BACK, copies=(copy,))
        return presenter.certain(values.detail(values.plan(step)))[-1]

    assert "app.users" in certain(overwrite=True)
    assert "overwritten" in certain(overwrite=True)
    assert "overwritten" not in certain()


def test_a_script_that_does_not_parse_is_shown_all_the_same():
    step = only(action=Action.ROLLBACK, sql="DROP TABEL x;")
    assert step.sql == "DROP TABEL x;"


# Notes


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        pytest.param({}, 0, id="nothing"),
        pytest.param({"reason": "It ran by hand."}, 1, id="a reason"),
        pytest.param({"sql": "BEGIN; SELECT 1; COMMIT;"}, 1, id="its own BEGIN and COMMIT"),
        pytest.param({"copies": (values.copy(),)}, 1, id="rows saved first"),
        pytest.param({"sql": "-- signalbox: statement_timeout = 5s\nSELECT 1;"}, 1, id="a directive"),
        pytest.param({"reason": "x", "copies": (values.copy(),), "sql": "BEGIN; SELECT 1; COMMIT;"}, 3, id="all"),
    ],
)
def test_what_is_special_about_a_step_is_noted(changes: dict[str, Any], count: int):
    assert len(only(**changes).notes) == count


def test_what_is_saved_first_is_named_and_when():
    copies = (values.copy("users"), values.copy("plans", columns=("a",)))
    (inside,) = only(copies=copies).notes
    (outside,) = only(copies=copies, sql=CONCURRENTLY).notes
    assert "platform.users, platform.plans (a)" in inside
    assert inside != outside


# Warnings


def test_warnings_are_told_apart_and_what_the_step_says_is_not_repeated():
    ask, know = values.warning("odd"), values.warning("note", needs_acceptance=False)
    said = values.warning(presenter.SAID_AT_THE_STEP, needs_acceptance=False)
    made = view(values.plan(warnings=(know, ask, said)))
    assert (made.to_accept, made.to_know) == ((ask,), (know,))


def test_one_that_has_to_be_accepted_is_never_hidden():
    must = values.warning(presenter.SAID_AT_THE_STEP)
    assert view(values.plan(warnings=(must,))).to_accept == (must,)


# What is certain


CERTAIN = {
    "one transaction": (values.plan(ONE), ["1 statement in one transaction", ""]),
    "two": (values.plan(ONE, TWO), ["2 statements in 2 transactions", ""]),
    "none": (values.plan(values.step(sql=CONCURRENTLY)), ["2 statements", ""]),
    "both": (values.plan(ONE, values.step("002", "b", sql=CONCURRENTLY)), ["1 statement in", "002_b", ""]),
    "a rollback": (values.plan(values.step(action=Action.ROLLBACK)), ["1 statement in one transaction", ""]),
}


@pytest.mark.parametrize("case", CERTAIN)
def test_what_a_failure_leaves_comes_first(case: str):
    plan, words = CERTAIN[case]
    sentences = presenter.certain(values.detail(plan))
    assert len(sentences) == len(words)
    assert all(not each or values.says(sentence, each) for sentence, each in zip(sentences, words, strict=True))


@pytest.mark.parametrize("action", sorted(set(Action) - {Action.APPLY, Action.ROLLBACK}))
def test_something_is_certain_of_every_action(action: Action):
    assert all(presenter.certain(values.detail(values.plan(values.step(action=action)))))


def bare(version: str) -> Any:
    return values.step(version, "x", down_sql=None)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        pytest.param((ONE, bare("002")), "002 has", id="one"),
        pytest.param((ONE, bare("002"), bare("003")), "002, 003 have", id="two"),
    ],
)
def test_what_has_no_way_back_is_named(steps: Any, words: str):
    assert values.says(presenter.certain(values.detail(values.plan(*steps)))[-1], words)


def test_all_none_and_some_read_differently():
    plans = (values.plan(ONE), values.plan(bare("001")), values.plan(ONE, bare("002")))
    assert len({presenter.certain(values.detail(plan))[-1] for plan in plans}) == 3


# Facts and labels


def test_facts_name_the_database_and_never_the_secret():
    made = view(values.plan())
    sentences = [value for _, value in made.facts]
    assert "app" in sentences
    assert "7301" in sentences
    assert any("db.example" in each for each in sentences)
    assert not any("s3cret" in each for each in sentences)
    assert any(made.digest[: presenter.SHORT_DIGEST] in each for each in sentences)


def test_an_environment_without_a_database_has_no_address():
    assert presenter.address(values.UNSET)
    assert "db.example" not in presenter.address(values.UNSET)


@pytest.mark.parametrize(("steps", "words"), [((ONE,), "1 migration"), ((ONE, TWO), "2 migrations")])
def test_buttons_count_what_they_apply_and_name_where(steps: Any, words: str):
    plan = values.plan(*steps)
    for label in (presenter.button_label(plan, values.STAGING), presenter.request_label(plan, values.STAGING)):
        assert values.says(label, words)
        assert "Staging" in label


@pytest.mark.parametrize("action", Action)
def test_running_and_asking_are_told_apart(action: Action):
    plan = values.plan(values.step(action=action))
    assert presenter.button_label(plan, values.PRODUCTION) != presenter.request_label(plan, values.PRODUCTION)
    assert "approval" in presenter.request_label(plan, values.PRODUCTION)


def test_an_apply_can_stop_before_each_but_its_first_migration():
    assert presenter.upto_links(values.plan(ONE, TWO, values.step("003", "c"))) == ("001", "002")
    assert presenter.upto_links(values.plan(ONE)) == ()


def test_what_goes_besides_the_one_that_was_asked_for_is_named_in_its_order():
    assert presenter.others(values.plan(values.step("003", "c"), TWO, ONE), "001") == ("003_c", "002_b")


# Lint


def test_lint_stands_beside_the_text_it_speaks_of():
    finding = values.finding(Severity.WARNING, "001_users.sql", line=2)
    folder = values.folder(values.migration(sql="SELECT 1;"))
    plans = [values.plan(values.step(sql=sql)) for sql in ("SELECT 1;", "SELECT 2;")]
    (same,), (other,) = (view(plan, folder=folder, findings=[finding]).steps for plan in plans)
    assert [note.line for note in same.margin] == [2]
    assert other.margin == ()


# Who has agreed already


def approval(plan: Plan) -> Approval:
    return Approval(digest=plan.digest, requested_by="alice", approved_by=("bob", "carol"), expires_at=values.MOMENT)


def test_who_agreed_to_this_very_plan_is_named_with_how_long_it_holds():
    plan = values.plan(values.step())
    said = presenter.consent(plan, (values.request(digest=plan.digest, pk=3), approval(plan)))
    assert all(each in said for each in ("bob and carol", "alice", "2026-03-05 14:30 UTC"))
    assert not values.says(said, "request 3")


def test_a_rollback_that_was_approved_with_its_apply_names_that_request():
    plan = values.plan(values.step(action=Action.ROLLBACK))
    assert values.says(presenter.consent(plan, (values.request(digest="another", pk=3), approval(plan))), "request 3")


def test_where_nobody_has_agreed_nothing_is_said():
    assert presenter.consent(values.plan(values.step()), None) == ""


@pytest.mark.parametrize(("first", "goes_on"), [(1, False), (2, True)])
def test_what_begins_behind_its_first_statement_goes_on(first: int, goes_on: bool):
    assert presenter.continues(values.plan(values.step(first_statement=first))) is goes_on
