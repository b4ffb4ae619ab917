"""The page of one migration: its files, what refuses them, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from dashboard.engine.migration import Folder, Migration, MigrationId, Severity
from dashboard.engine.plan import Action
from dashboard.engine.sql.transaction import shape_of
from dashboard.engine.status import State
from dashboard.models import Rehearsal, RunStep
from dashboard.presenters import migrations as presenter
from dashboard.presenters import statuses
from dashboard.presenters.migrations import MigrationPage
from dashboard.selectors import board
from dashboard.selectors.environments import Standing
from tests.presenters import values

CONCURRENTLY = "CREATE INDEX CONCURRENTLY by_name ON users (name);"


USERS = MigrationId("001", "users")


def page(
    migration: Migration | None = None,
    *standings: Standing,
    steps: Sequence[RunStep] = (),
    findings: Mapping[str, Any] | None = None,
    folder: Folder | None = None,
    rehearsed: Mapping[str, Rehearsal] | None = None,
) -> MigrationPage | None:
    return presenter.page(
        USERS,
        folder=folder or (values.folder(migration) if migration else values.folder()),
        findings_by_file=findings or {},
        standings=standings,
        steps=steps,
        rehearsed=rehearsed or {},
    )


def shown(*args: Any, **known: Any) -> MigrationPage:
    made = page(*args, **known)
    assert made is not None
    return made


def step(status: str = RunStep.Status.COMMITTED, action: str = "apply") -> RunStep:
    return values.run_step(status, action=action, run=values.run(pk=9))


# Whether there is such a migration at all


def test_one_that_nobody_knows_has_no_page():
    assert page() is None
    assert page(None, values.standing(values.status("002", "plans"))) is None


@pytest.mark.parametrize(
    "known",
    [
        pytest.param({"migration": values.migration()}, id="a file"),
        pytest.param({"steps": [step()]}, id="a run that had it"),
    ],
)
def test_one_that_something_knows_has_one(known: dict[str, Any]):
    assert page(known.pop("migration", None), **known) is not None


def test_a_record_without_a_file_has_one():
    lost = values.standing(values.status(state=State.MISSING))
    made = shown(None, lost)
    assert (made.up, made.down, made.facts, made.no_down) == (None, None, (), ())
    assert values.looks(made.places[0].pill) == ("warn", "missing")


def test_a_record_is_enough_where_the_folder_cannot_be_read():
    unread = values.standing(look=values.look(values.history(values.applied())), known=False)
    made = presenter.page(USERS, folder=None, findings_by_file={}, standings=[unread], steps=[], rehearsed={})
    assert made is not None
    assert made.places[0].pill == statuses.NOT_SEEN
    assert made.places[0].at == values.MOMENT


# Where it stands


@pytest.mark.parametrize("state", State)
def test_each_place_looks_like_the_state_there(state: State):
    item = values.status(state=state)
    (place,) = shown(values.migration(), values.standing(item)).places
    assert place.pill == statuses.MIGRATION[state]
    assert place.sentence == item.sentence
    assert values.page_of(place.badge.url) == ("environment", {"slug": "staging"})


@pytest.mark.parametrize(
    ("state", "dated"),
    [
        (State.APPLIED, True),
        (State.SKIPPED, True),
        (State.MISSING, True),
        (State.FAILED, False),
        (State.PARTIAL, False),
    ],
)
def test_a_moment_is_told_where_something_stands(state: State, dated: bool):
    (place,) = shown(values.migration(), values.standing(values.status(state=state))).places
    assert place.at == (values.MOMENT if dated else None)


def test_places_keep_the_order_of_the_environments():
    made = shown(values.migration(), values.standing(where=values.PRODUCTION), values.standing())
    assert [place.badge.slug for place in made.places] == ["production", "staging"]


@pytest.mark.parametrize(
    "standing",
    [
        pytest.param(values.standing(look=None, known=False), id="never seen"),
        pytest.param(
            values.standing(look=values.look(history=None, failure=values.UNREACHABLE), known=False), id="no answer"
        ),
        pytest.param(values.standing(), id="seen without it"),
    ],
)
def test_where_nothing_is_known_of_it_the_pill_says_so(standing: Standing):
    (place,) = shown(values.migration(), standing).places
    assert (place.pill, place.at) == (statuses.NOT_SEEN, None)


def test_what_is_not_recorded_is_told_from_what_nobody_looked_at():
    made = shown(values.migration(), values.standing(), values.standing(look=None, known=False))
    places, unseen = made.places
    assert places.sentence != unseen.sentence
    assert "Staging" in unseen.sentence


# Its last rehearsal there


def test_each_place_shows_its_own_rehearsal_and_what_that_saw_of_this_migration():
    good = values.rehearsal(pk=4)
    bad = values.rehearsal(pk=5, result=values.report(values.proof(down=None, again=None, reversible=None)))
    made = shown(
        values.migration(),
        values.standing(),
        values.standing(where=values.PRODUCTION),
        values.standing(where=values.UNSET, look=None, known=False),
        rehearsed={"staging": good, "production": bad},
    )
    first, second, third = (place.rehearsal for place in made.places)
    assert first is not None
    assert second is not None
    assert third is None
    assert values.page_of(first.url) == ("rehearsal", {"pk": 4})
    assert values.tones(first.pills) == ["ok", "ok"]
    assert "warn" in values.tones(second.pills)


# Edited


@pytest.mark.parametrize(
    ("state", "comments_only"), [(State.MODIFIED, False), (State.ANNOTATED, True)], ids=["edited", "comments"]
)
def test_an_edited_file_is_told_with_every_place_that_has_the_old_one(state: State, comments_only: bool):
    places = [values.standing(values.status(state=state), where=e) for e in (values.STAGING, values.PRODUCTION)]
    (edited,) = shown(values.migration(), *places).edited
    assert edited.comments_only is comments_only
    assert [place.name for place in edited.places] == ["Staging", "Production"]
    assert edited.last.name == "Production"
    for place, slug in zip(edited.places, ("staging", "production"), strict=True):
        assert values.page_of(place.url) == ("edits", {"slug": slug})
        assert values.query_of(place.url) == "version=001&name=users"


def test_a_real_edit_comes_before_one_of_comments():
    made = shown(
        values.migration(),
        values.standing(values.status(state=State.ANNOTATED)),
        values.standing(values.status(state=State.MODIFIED), where=values.PRODUCTION),
    )
    assert [edited.comments_only for edited in made.edited] == [False, True]


@pytest.mark.parametrize("state", sorted(set(State) - {State.MODIFIED, State.ANNOTATED}))
def test_nothing_else_counts_as_edited(state: State):
    assert shown(values.migration(), values.standing(values.status(state=state))).edited == ()


# Runs


@pytest.mark.parametrize("status", RunStep.Status)
def test_a_run_that_had_it_shows_what_became_of_this_step(status: str):
    (passage,) = shown(values.migration(), steps=[step(status)]).passages
    assert passage.pill == statuses.STEP[status]
    assert values.page_of(passage.run.url) == ("run", {"pk": 9})


@pytest.mark.parametrize("action", Action)
def test_every_action_has_words_of_its_own(action: Action):
    (passage,) = shown(values.migration(), steps=[step(action=action.value)]).passages
    assert passage.action
    others = [shown(values.migration(), steps=[step(action=a.value)]).passages[0].action for a in Action if a != action]
    assert passage.action not in others


def test_runs_keep_their_order():
    steps = [values.run_step(run=values.run(pk=pk)) for pk in (9, 4, 7)]
    assert [p.run.number for p in shown(values.migration(), steps=steps).passages] == [9, 4, 7]


# Its files


def test_both_files_are_shown_as_they_are():
    made = shown(values.migration(sql="SELECT 1;\n", down="SELECT 0;\n"))
    assert made.up is not None
    assert made.down is not None
    assert (made.up.file, made.up.sql) == ("001_users.sql", "SELECT 1;\n")
    assert (made.down.file, made.down.sql) == ("001_users_rollback.sql", "SELECT 0;\n")
    assert not made.up.refused
    assert made.no_down == ()


@pytest.mark.parametrize(
    ("problems", "refused", "line"),
    [
        pytest.param([], False, None, id="none"),
        pytest.param([values.problem(line=3), values.problem(line=9)], True, 3, id="two errors"),
        pytest.param([values.problem(), values.problem(line=9)], True, 9, id="the first that has a line"),
        pytest.param([values.problem(Severity.WARNING, line=3)], False, None, id="a warning"),
        pytest.param([values.problem(code="duplicate_version", line=3)], False, None, id="a shared number"),
    ],
)
def test_a_file_with_an_error_of_its_own_is_refused_at_its_line(problems: Any, refused: bool, line: int | None):
    up = shown(values.migration(problems=problems)).up
    assert up is not None
    assert (up.refused, up.first_line) == (refused, line)


def test_an_error_of_the_rollback_refuses_only_the_rollback():
    broken = values.problem(file="001_users_rollback.sql", line=2)
    made = shown(values.migration(down="SELECT 0;", problems=[broken]))
    assert made.up is not None
    assert made.down is not None
    assert (made.up.refused, made.down.refused, made.down.first_line) == (False, True, 2)


def test_lint_stands_in_the_margin_of_its_own_file():
    findings = {"001_users.sql": (values.finding(line=4),), "001_users_rollback.sql": (values.finding(line=6),)}
    made = shown(values.migration(down="SELECT 0;"), findings=findings)
    assert made.up is not None
    assert made.down is not None
    assert [note.line for note in made.up.problems] == [4]
    assert [note.line for note in made.down.problems] == [6]


@pytest.mark.parametrize(
    ("migration", "count"),
    [
        pytest.param(values.migration(directives={"irreversible": "rows are merged"}), 1, id="declared"),
        pytest.param(
            values.migration(problems=[values.problem(Severity.WARNING, code="no_rollback")]), 2, id="found out"
        ),
        pytest.param(values.migration(), 0, id="nobody says"),
    ],
)
def test_why_there_is_no_rollback(migration: Migration, count: int):
    made = shown(migration)
    assert made.down is None
    assert len(made.no_down) == count


def test_the_reason_given_in_the_file_is_shown():
    (sentence,) = shown(values.migration(directives={"irreversible": "rows are merged"})).no_down
    assert "rows are merged" in sentence


# Facts


def test_facts_count_the_statements_and_name_the_checksum():
    facts = dict(shown(values.migration(sql="SELECT 1; SELECT 2;")).facts)
    assert facts["Statements"] == 2
    assert facts["sha256"] == values.script("SELECT 1; SELECT 2;").checksum


def test_directives_are_listed_in_alphabetical_order():
    made = shown(values.migration(directives={"timeout": "3s", "irreversible": "x"}))
    named = [name for name, _ in made.facts if name.startswith("signalbox")]
    assert named == sorted(named)
    assert len(named) == 2


HOW = {
    "one transaction": ("SELECT 1;", "one"),
    "its own BEGIN and COMMIT": ("BEGIN; SELECT 1; COMMIT;", "one"),
    "none": (CONCURRENTLY, "none"),
    "nothing to run": ("-- only a comment", ""),
    "faulty": ("BEGIN; SELECT 1;", ""),
}


@pytest.mark.parametrize("case", HOW)
def test_how_a_script_runs(case: str):
    sql, word = HOW[case]
    sentence = presenter.how_it_runs(shape_of(sql))
    assert sentence.startswith(word)
    assert bool(sentence) == bool(word)


def test_a_file_with_its_own_transaction_is_told_from_one_without():
    sentences = {presenter.how_it_runs(shape_of(sql)) for sql, word in HOW.values() if word}
    assert len(sentences) == 3


# The list


def rows(*states: State) -> tuple[board.Row, ...]:
    standing = values.standing(*(values.status(f"{n:03}", "x", state) for n, state in enumerate(states)))
    return board.rows([standing], None)


@pytest.mark.parametrize("state", State)
def test_a_filter_keeps_the_rows_of_that_state(state: State):
    kept = presenter.in_state(rows(*State), state.value)
    assert [row.cells[0].state for row in kept if row.cells[0]] == [state]


def test_no_filter_keeps_them_all_in_their_order():
    every = rows(*State)
    assert presenter.in_state(every, "") == every


def test_attention_keeps_what_somebody_must_decide_or_mend():
    kept = presenter.in_state(rows(*State), presenter.ATTENTION)
    states = {row.cells[0].state for row in kept if row.cells[0]}
    assert states == {
        State.FAILED,
        State.PARTIAL,
        State.ALTERED,
        State.MODIFIED,
        State.CONFLICT,
        State.MISSING,
        State.OUT_OF_ORDER,
        State.UNRECORDED,
    }


def test_attention_keeps_a_pending_file_that_is_broken():
    blocked = board.rows([values.standing(values.blocked())], None)
    assert presenter.in_state(blocked, presenter.ATTENTION) == blocked


def test_one_environment_in_that_state_is_enough():
    a = values.standing(values.status(state=State.APPLIED))
    b = values.standing(values.status(state=State.FAILED), where=values.PRODUCTION)
    every = board.rows([a, b, values.standing(where=values.UNSET, look=None, known=False)], None)
    assert presenter.in_state(every, "failed") == presenter.in_state(every, "applied") == every
    assert presenter.in_state(every, "pending") == ()


def test_everything_on_the_page_is_sound():
    made = shown(
        values.migration(down="SELECT 0;", problems=[values.problem()]),
        values.standing(values.status(state=State.MODIFIED)),
        values.standing(values.status(state=State.ANNOTATED), where=values.PRODUCTION),
        steps=[step(), step(RunStep.Status.FAILED)],
        rehearsed={"staging": values.rehearsal()},
    )
    values.assert_sound(made)
