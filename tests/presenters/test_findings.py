"""What lint and the reader of the folder say of a script: each thing once, and what is allowed with its reason."""

from __future__ import annotations

import pytest

from dashboard.engine.lint import Finding
from dashboard.engine.migration import Severity
from dashboard.presenters import findings as presenter
from tests.presenters import values

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE
UP, DOWN = "001_users.sql", "001_users_rollback.sql"


# Notes in the margin


def test_a_finding_keeps_all_it_says():
    (note,) = presenter.notes([values.finding(ERROR, line=7, rule="drop-table", suppressed="meant")])
    assert (note.severity, note.line, note.rule, note.allowed) == ("error", 7, "drop-table", "meant")
    assert note.sentence == values.finding().sentence
    assert note.advice == values.finding().advice


@pytest.mark.parametrize("severity", [WARNING, NOTE])
def test_what_the_reader_found_and_lint_does_not_say_is_added(severity: Severity):
    (note,) = presenter.notes([], [values.problem(severity, code="odd_name", line=2)])
    assert (note.severity, note.line, note.rule, note.allowed) == (severity.value, 2, "", "")


def test_what_lint_says_as_well_is_not_said_twice():
    assert presenter.notes([], [values.problem(ERROR)]) == ()


def test_findings_come_before_problems_and_both_keep_their_order():
    made = presenter.notes(
        [values.finding(line=9), values.finding(line=2)],
        [values.problem(NOTE, code="odd_name", line=8), values.problem(NOTE, code="odd_name", line=1)],
    )
    assert [note.line for note in made] == [9, 2, 8, 1]


def test_a_problem_of_no_line_has_none():
    (note,) = presenter.notes([], [values.problem(NOTE, code="odd_name")])
    assert note.line is None


def test_nothing_found_is_nothing_said():
    assert presenter.notes([]) == ()


# Tallies


@pytest.mark.parametrize(
    ("severities", "expected"),
    [
        pytest.param([WARNING], [("warn", "attention", "1 warning")], id="one warning"),
        pytest.param([WARNING] * 3, [("warn", "attention", "3 warnings")], id="warnings"),
        pytest.param([ERROR], [("danger", "fail", "1 error")], id="one error"),
        pytest.param(
            [WARNING, ERROR, ERROR],
            [("danger", "fail", "2 errors"), ("warn", "attention", "1 warning")],
            id="errors first",
        ),
    ],
)
def test_a_migration_counts_what_lint_says(severities: list[Severity], expected: list[object]):
    findings = values.by_file(*(values.finding(severity, UP) for severity in severities))
    pills = presenter.tallies(values.folder(values.migration()), findings)["001", "users"]
    assert [(pill.tone, pill.icon, pill.label) for pill in pills] == expected


def test_both_files_of_a_migration_count_together():
    findings = values.by_file(values.finding(WARNING, UP), values.finding(WARNING, DOWN))
    (pill,) = presenter.tallies(values.folder(values.migration(down="SELECT 0;")), findings)["001", "users"]
    assert values.says(pill.label, "2 warnings")


@pytest.mark.parametrize(
    "finding",
    [
        pytest.param(values.finding(WARNING, UP, suppressed="meant"), id="allowed in the file"),
        pytest.param(values.finding(NOTE, UP), id="only a note"),
        pytest.param(values.finding(ERROR, "002_other.sql"), id="of another file"),
    ],
)
def test_what_asks_for_nothing_is_not_counted(finding: Finding):
    assert presenter.tallies(values.folder(values.migration()), values.by_file(finding)) == {}


def test_only_migrations_that_have_any_are_in_it():
    findings = values.by_file(values.finding(ERROR, "002_plans.sql"))
    folder = values.folder(values.migration(), values.migration("002", "plans"))
    assert set(presenter.tallies(folder, findings)) == {("002", "plans")}


def test_without_a_folder_there_is_nothing_to_count():
    assert presenter.tallies(None, values.by_file(values.finding(ERROR, UP))) == {}
