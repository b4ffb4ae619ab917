"""The problems of the folder: every file accounted for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.presenters.values import says
from tests.views.pages import assert_shown, error_code, is_empty, links, text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db

CASES = Path(__file__).parents[1] / "engine" / "cases" / "migrations"
URL = "/migrations/problems/"


@pytest.mark.parametrize("folder", sorted(p.name for p in CASES.iterdir() if any(p.glob("*.sql"))))
def test_every_file_of_every_kind_of_folder_is_on_it(
    folder: str, viewer: User, client_of: ClientOf, settings: SettingsWrapper
) -> None:
    settings.SOURCE = CASES / folder
    page = text(client_of(viewer).get(URL))
    listed = page.split("All files")[1]
    assert [file.name for file in settings.SOURCE.iterdir() if file.name not in listed] == []


def test_a_problem_shows_its_place_and_what_to_do(project: Project, viewer: User, client_of: ClientOf) -> None:
    project.write(_001_users="CREATE TABLE users (id int);\nCREATE TABEL oops;", test_users="SELECT 1;")
    page = client_of(viewer).get(URL)
    view = page.context["page"]
    assert (view.total, len(view.counts)) == (2, 2)
    assert_shown(page, view.counts)
    place = next(place for place in view.groups[0].places if place.problem.code == "syntax_error")
    assert (place.problem.file, place.problem.line, place.problem.column) == ("001_users.sql", 2, 8)
    assert_shown(page, place.problem.sentence, place.problem.advice)
    assert all(says(text(page), words) for words in ("001_users.sql", "line 2", "column 8"))
    assert "2 | CREATE TABEL oops; |        ^" in text(page).replace("| ^", "|        ^")
    assert "/migrations/001/users/#L2" in links(page)
    (test,) = [place for group in view.groups for place in group.places if place.problem.file == "test_users.sql"]
    assert test.problem.code == "verify_file"
    assert_shown(page, test.problem.sentence)


def test_a_problem_of_a_rollback_leads_to_its_line(project: Project, viewer: User, client_of: ClientOf) -> None:
    project.write(_001_users="CREATE TABLE users (id int);", _001_rollback="DROP TABEL users;")
    assert "/migrations/001/users/#down-L1" in links(client_of(viewer).get(URL))


def test_a_healthy_folder_says_so(two_files: Project, viewer: User, client_of: ClientOf) -> None:
    page = client_of(viewer).get(URL)
    assert is_empty(page)
    users = next(file for file in page.context["page"].files if file.file == "001_users.sql")
    assert (users.version, users.pill.tone) == ("001", "ok")
    assert_shown(page, users.file, users.role, users.version, users.pill)


def test_an_empty_folder_teaches_the_first_name(project: Project, viewer: User, client_of: ClientOf) -> None:
    page = client_of(viewer).get(URL)
    (place,) = [place for group in page.context["page"].groups for place in group.places]
    assert place.problem.code == "empty_folder"
    assert_shown(page, place.problem.sentence)
    assert (page.context["page"].files, is_empty(page)) == ((), True)


def test_a_missing_folder_is_refused_with_a_sentence(
    project: Project, viewer: User, client_of: ClientOf, settings: SettingsWrapper, tmp_path: Path
) -> None:
    settings.SOURCE = tmp_path / "nowhere"
    answer = client_of(viewer).get(URL)
    assert (answer.status_code, error_code(answer)) == (503, "source_missing")
