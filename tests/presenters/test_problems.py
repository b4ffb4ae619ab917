"""The health of the folder: every file accounted for, the worst first, each problem where it can be seen."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dashboard.engine.migration import FileEntry, FileRole, Folder, Problem, Severity
from dashboard.presenters import problems as presenter
from dashboard.presenters.problems import FileLine, ProblemGroup
from tests.presenters import values

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


def entry(file: str, role: FileRole = FileRole.PROBLEM) -> FileEntry:
    return FileEntry(file=file, role=role)


def pill_of(problems: Sequence[Problem]) -> tuple[str, str, str]:
    folder = values.folder(values.migration(), problems=problems)
    (line,) = presenter.page(folder).files
    return line.pill.tone, line.pill.icon, line.pill.label


def groups(*problems: Problem, folder: Folder | None = None) -> tuple[ProblemGroup, ...]:
    return presenter.page(folder or values.folder(values.migration(down="SELECT 0;"), problems=problems)).groups


# Groups


def test_the_worst_come_first_and_every_severity_has_its_group():
    assert [group.severity for group in groups()] == ["error", "warning", "note"]
    assert set(presenter.SEVERITIES) == set(Severity)


def test_each_group_has_a_title_and_a_meaning_of_its_own():
    made = groups()
    assert len({group.title for group in made}) == len({group.meaning for group in made}) == 3
    assert all(group.title and group.meaning for group in made)


def test_problems_stand_in_their_group_in_the_order_they_were_found():
    problems = [
        values.problem(NOTE, sentence="n"),
        values.problem(ERROR, sentence="b"),
        values.problem(WARNING, sentence="w"),
        values.problem(ERROR, sentence="a"),
    ]
    by_severity = {group.severity: [place.problem.sentence for place in group.places] for group in groups(*problems)}
    assert by_severity == {"error": ["b", "a"], "warning": ["w"], "note": ["n"]}


@pytest.mark.parametrize(
    ("file", "line", "fragment"),
    [
        pytest.param("001_users.sql", 3, "L3", id="a line of the migration"),
        pytest.param("001_users_rollback.sql", 3, "down-L3", id="a line of its rollback"),
        pytest.param("001_users.sql", None, "", id="the file as a whole"),
    ],
)
def test_a_problem_leads_to_its_line(file: str, line: int | None, fragment: str):
    (place,) = groups(values.problem(file=file, line=line))[0].places
    assert values.page_of(place.url) == ("migration", {"version": "001", "name": "users"})
    assert place.url.partition("#")[2] == fragment


def test_a_problem_of_a_file_that_no_page_shows_leads_nowhere():
    (place,) = groups(values.problem(file="notes.txt", line=3))[0].places
    assert place.url == ""


# Files


@pytest.mark.parametrize(
    ("severities", "tone", "icon", "words"),
    [
        pytest.param([], "ok", "ok", "", id="nothing"),
        pytest.param([NOTE], "muted", "info", "1 note", id="a note"),
        pytest.param([NOTE, NOTE], "muted", "info", "2 notes", id="notes"),
        pytest.param([NOTE, WARNING], "warn", "attention", "1 warning", id="a warning outweighs a note"),
        pytest.param([WARNING, WARNING, NOTE], "warn", "attention", "2 warnings", id="warnings"),
        pytest.param([WARNING, ERROR], "danger", "fail", "1 error", id="an error outweighs a warning"),
        pytest.param([ERROR, NOTE, ERROR], "danger", "fail", "2 errors", id="errors"),
    ],
)
def test_a_file_shows_the_worst_of_it_and_how_often(severities: list[Severity], tone: str, icon: str, words: str):
    problems = pill_of([values.problem(severity) for severity in severities])
    assert problems[:2] == (tone, icon)
    assert not words or values.says(problems[2], words)


def test_what_is_wrong_with_another_file_does_not_count():
    assert pill_of([values.problem(file="002_other.sql")])[:2] == ("ok", "ok")


def lines() -> dict[str, FileLine]:
    files = [
        FileEntry(file="001_users.sql", role=FileRole.MIGRATION, version="001", name="users"),
        FileEntry(file="001_users_rollback.sql", role=FileRole.ROLLBACK, version="001", name="users"),
        FileEntry(file="test_users.sql", role=FileRole.VERIFY),
        FileEntry(file="notes.txt", role=FileRole.PROBLEM),
    ]
    folder = values.folder(values.migration(down="SELECT 0;"), files=files)
    return {line.file: line for line in presenter.page(folder).files}


def test_every_file_is_listed_once_in_the_order_of_the_folder():
    assert list(lines()) == ["001_users.sql", "001_users_rollback.sql", "test_users.sql", "notes.txt"]


def test_every_role_has_words_of_its_own():
    assert len({line.role for line in lines().values()}) == len(FileRole)
    assert set(presenter.ROLES) == set(FileRole)


@pytest.mark.parametrize("file", ["001_users.sql", "001_users_rollback.sql"])
def test_the_files_of_a_migration_lead_to_its_page(file: str):
    line = lines()[file]
    assert values.page_of(line.url) == ("migration", {"version": "001", "name": "users"})
    assert (line.version, line.name) == ("001", "users")


@pytest.mark.parametrize("file", ["test_users.sql", "notes.txt"])
def test_other_files_lead_nowhere(file: str):
    line = lines()[file]
    assert (line.url, line.version, line.name) == ("", "", "")


# Counts


@pytest.mark.parametrize("role", FileRole)
@pytest.mark.parametrize("count", [1, 2, 11])
def test_files_are_counted_by_their_role(role: FileRole, count: int):
    folder = values.folder(files=[entry(f"{n}.sql", role) for n in range(count)])
    page = presenter.page(folder)
    one, many = presenter.ROLES[role]
    assert page.counts == (f"{count} {one if count == 1 else many}",)
    assert page.total == count


def test_the_words_of_one_and_of_many_differ():
    assert all(one != many for one, many in presenter.ROLES.values())


def test_roles_that_no_file_has_are_not_counted():
    files = [entry("a", FileRole.PROBLEM), entry("b", FileRole.MIGRATION), entry("c", FileRole.MIGRATION)]
    assert len(presenter.page(values.folder(files=files)).counts) == 2


def test_migrations_are_counted_first():
    files = [entry("a", FileRole.PROBLEM), entry("b", FileRole.MIGRATION)]
    assert presenter.page(values.folder(files=files)).counts[0].endswith(presenter.ROLES[FileRole.MIGRATION][0])


def test_an_empty_folder_is_told_as_it_is():
    page = presenter.page(values.folder())
    assert (page.total, page.counts, page.files) == (0, (), ())
    assert [len(group.places) for group in page.groups] == [0, 0, 0]


def test_a_hostile_file_name_stays_text():
    folder = values.folder(values.migration("001", "<b>"), problems=[values.problem(file="001_<b>.sql", line=1)])
    page = presenter.page(folder)
    values.assert_sound(page)
    assert "<" not in page.groups[0].places[0].url
