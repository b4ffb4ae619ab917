"""The track diagram: which version is where, newest first, and where each train stands."""

from __future__ import annotations

import pytest
from django.template.loader import render_to_string

from dashboard.engine.migration import Kind, Severity
from dashboard.engine.status import State
from dashboard.presenters import matrix as presenter
from dashboard.presenters import statuses
from dashboard.presenters.findings import tallies
from dashboard.presenters.matrix import Cell, Matrix
from dashboard.selectors import board
from dashboard.selectors.environments import Standing
from tests.presenters import values


def drawn(*standings: Standing, limit: int | None = None) -> Matrix:
    return presenter.matrix(standings, board.rows(standings, None), limit=limit)


def cell(state: State) -> Cell:
    (row,) = drawn(values.standing(values.status(state=state))).rows
    return row.cells[0]


# Cells


LAID = {
    State.APPLIED: True,
    State.ANNOTATED: True,
    State.ALTERED: True,
    State.MODIFIED: True,
    State.OUTDATED: True,
    State.BASELINED: True,
    State.MISSING: True,
    State.SKIPPED: True,
    State.NARROWED: True,
    State.ELSEWHERE: True,
    State.PENDING: False,
    State.OUT_OF_ORDER: False,
    State.ROLLED_BACK: False,
    State.UNRECORDED: False,
    State.FAILED: False,
    State.PARTIAL: False,
    State.CONFLICT: False,
}


#: Nothing is left to run, because nothing of it runs there.
NOT_RUN = {State.SKIPPED, State.ELSEWHERE}


@pytest.mark.parametrize("state", State)
def test_track_is_laid_where_nothing_is_left_to_run(state: State):
    assert cell(state).settled is LAID[state]


@pytest.mark.parametrize("state", State)
def test_a_cell_looks_like_its_state(state: State):
    assert cell(state).pill == statuses.MIGRATION[state]


@pytest.mark.parametrize("state", State)
def test_a_moment_is_told_of_what_stands_only(state: State):
    stands = LAID[state] and state not in NOT_RUN
    assert cell(state).at == (values.MOMENT if stands else None)


@pytest.mark.parametrize("state", State)
def test_the_train_is_at_what_stands(state: State):
    assert cell(state).head is (LAID[state] and state not in NOT_RUN)


def test_a_file_that_cannot_run_is_no_plain_pending():
    item = values.blocked()
    assert presenter.state_pill(item) == statuses.BLOCKED
    assert presenter.state_pill(values.status()) == statuses.MIGRATION[State.PENDING]


def test_a_row_that_lost_its_file_and_never_succeeded_does_not_stand():
    lost = values.status(state=State.MISSING, applied=values.applied(success=False))
    (row,) = drawn(values.standing(lost)).rows
    assert (row.cells[0].settled, row.cells[0].head, row.cells[0].at) == (False, False, None)


@pytest.mark.parametrize(
    ("known", "pill"), [(True, presenter.NOT_THERE), (False, statuses.NOT_SEEN)], ids=["seen", "not seen"]
)
def test_what_an_environment_does_not_have_is_told_from_what_nobody_knows(known: bool, pill: object):
    here, there = values.standing(values.status()), values.standing(where=values.PRODUCTION, known=known)
    (row,) = drawn(here, there).rows
    assert row.cells[1] == Cell(pill=pill, settled=False, head=False, at=None)  # type: ignore[arg-type]


# Rows


def test_rows_are_newest_first_and_counted_by_number():
    standing = values.standing(*(values.status(version, "x") for version in ("9", "010", "1", "0100")))
    assert [row.identity.version for row in drawn(standing).rows] == ["0100", "010", "9", "1"]


def test_two_files_of_one_number_stand_side_by_side():
    standing = values.standing(values.status("006", "a", State.CONFLICT), values.status("006", "b", State.CONFLICT))
    assert [row.identity for row in drawn(standing).rows] == [("006", "b"), ("006", "a")]


def test_each_row_has_a_cell_for_each_environment_in_their_order():
    a = values.standing(values.status("001", state=State.APPLIED))
    b = values.standing(values.status("001"), values.status("002"), where=values.PRODUCTION)
    made = drawn(a, b)
    assert [column.name for column in made.environments] == ["Staging", "Production"]
    assert all(len(row.cells) == 2 for row in made.rows)
    assert [c.settled for c in made.rows[1].cells] == [True, False]
    assert made.rows[0].cells[0].pill == presenter.NOT_THERE


def test_a_row_leads_to_its_migration():
    (row,) = drawn(values.standing(values.status("007", "add plans"))).rows
    assert values.page_of(row.url) == ("migration", {"version": "007", "name": "add plans"})


def test_only_the_highest_that_stands_has_the_train():
    standing = values.standing(
        values.status("001", state=State.APPLIED),
        values.status("002", state=State.APPLIED),
        values.status("003", state=State.SKIPPED),
        values.status("004", state=State.FAILED),
        values.status("005"),
    )
    made = drawn(standing)
    assert [row.identity.version for row in made.rows if row.cells[0].head] == ["002"]
    assert made.environments[0].at == "002"


def test_of_two_with_one_number_the_one_that_stands_has_the_train():
    standing = values.standing(
        values.status("006", "kept", State.APPLIED),
        values.status("006", "other", State.SKIPPED, applied=values.applied("006", "other", kind=Kind.SKIPPED)),
    )
    assert [row.identity.name for row in drawn(standing).rows if row.cells[0].head] == ["kept"]


def test_of_two_that_stand_with_one_number_only_one_has_the_train():
    standing = values.standing(values.status("006", "a", State.APPLIED), values.status("006", "b", State.APPLIED))
    assert [row.identity.name for row in drawn(standing).rows if row.cells[0].head] == ["b"]


# How many


@pytest.mark.parametrize(
    ("count", "limit", "shown", "more"),
    [(3, None, 3, False), (3, 3, 3, False), (3, 2, 2, True), (30, 12, 12, True), (0, 12, 0, False)],
)
def test_more_than_the_limit_lead_to_all_of_them(count: int, limit: int | None, shown: int, more: bool):
    made = drawn(values.standing(*(values.status(f"{n:03}", "x") for n in range(count))), limit=limit)
    assert len(made.rows) == shown
    assert bool(made.more_url) is bool(made.more_label) is more
    if more:
        assert values.page_of(made.more_url) == ("migrations", {})
        assert values.says(made.more_label, str(count))


def test_without_a_limit_all_of_them_are_shown():
    standings = [values.standing(*(values.status(f"{n:03}", "x") for n in range(40)))]
    made = presenter.matrix(standings, board.rows(standings, None))
    assert (len(made.rows), made.more_url) == (40, "")


def test_the_newest_are_those_that_are_shown():
    made = drawn(values.standing(*(values.status(f"{n:03}", "x") for n in range(5))), limit=2)
    assert [row.identity.version for row in made.rows] == ["004", "003"]


# Columns


@pytest.mark.parametrize(
    ("standing", "at", "is_seen"),
    [
        pytest.param(values.standing(values.status("003", state=State.APPLIED)), "003", True, id="something applied"),
        pytest.param(values.standing(values.status("003")), "", True, id="nothing applied"),
        pytest.param(values.standing(look=None, known=False), "", False, id="never seen"),
        pytest.param(
            values.standing(look=values.look(history=None, failure=values.UNREACHABLE), known=False),
            "",
            False,
            id="never answered",
        ),
    ],
)
def test_a_column_says_how_far_its_environment_is(standing: Standing, at: str, is_seen: bool):
    (column,) = drawn(standing).environments
    assert (column.at, column.seen) == (at, is_seen)


def test_a_column_carries_the_badge_and_the_pill_of_its_environment():
    (column,) = drawn(values.standing(values.status(), where=values.PRODUCTION)).environments
    assert (column.protected, column.colour) == (True, "red")
    assert values.page_of(column.url) == ("environment", {"slug": "production"})
    assert values.looks(column.pill) == ("info", "pending")


# Lint and markup


def test_lint_stands_beside_the_migration_it_speaks_of():
    findings = values.by_file(
        values.finding(Severity.WARNING, "001_users.sql"),
        values.finding(Severity.ERROR, "001_users.sql"),
        values.finding(Severity.WARNING, "002_plans.sql", suppressed="meant"),
    )
    folder = values.folder(values.migration("001", "users"), values.migration("002", "plans"))
    standings = (values.standing(values.status("001", "users"), values.status("002", "plans")),)
    made = presenter.matrix(standings, board.rows(standings, folder), lint=tallies(folder, findings))
    assert {row.identity.version: values.tones(row.lint) for row in made.rows} == {"001": ["danger", "warn"], "002": []}


def test_where_lint_was_not_asked_it_says_nothing():
    assert all(row.lint == () for row in drawn(values.standing(values.status())).rows)


def test_everything_in_it_is_sound():
    standings = [
        values.standing(*(values.status(f"{n:03}", "x", state) for n, state in enumerate(State))),
        values.standing(values.blocked("020", "y"), where=values.PRODUCTION),
        values.standing(where=values.UNSET, look=None, known=False),
    ]
    values.assert_sound(drawn(*standings, limit=4))


def test_a_hostile_name_is_text_in_the_diagram():
    where = values.environment(name=values.HOSTILE)
    made = drawn(values.standing(values.status("001", "<script>alert(1)<script>"), where=where))
    html = render_to_string("_components/matrix.html", {"matrix": made})
    assert "<script>" not in html
    assert values.HOSTILE not in html
