"""The problems of the folder: every file accounted for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fix_line import Line
from tests.fix_people import ClientOf
from tests.views.pages import text

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


def test_a_problem_shows_its_place_and_what_to_do(line: Line, viewer: User, client_of: ClientOf) -> None:
    line.write(_001_users="CREATE TABLE users (id int);\nCREATE TABEL oops;", test_users="SELECT 1;")
    page = client_of(viewer).get(URL)
    assert "2 files: 1 migration, 1 test, never applied" in text(page)
    assert "001_users.sql, line 2, column 8" in text(page)
    assert "2 | CREATE TABEL oops; |        ^" in text(page).replace("| ^", "|        ^")
    assert "Correct the statement the caret points at." in text(page)
    assert 'href="/migrations/001/users/#L2"' in page.content.decode()
    assert "test_users.sql is a test; it is never applied." in text(page)


def test_a_problem_of_a_rollback_leads_to_its_line(line: Line, viewer: User, client_of: ClientOf) -> None:
    line.write(_001_users="CREATE TABLE users (id int);", _001_rollback="DROP TABEL users;")
    assert 'href="/migrations/001/users/#down-L1"' in client_of(viewer).get(URL).content.decode()


def test_a_healthy_folder_says_so(two_files: Line, viewer: User, client_of: ClientOf) -> None:
    page = text(client_of(viewer).get(URL))
    assert "Nothing is wrong with the folder" in page
    assert "001_users.sql migration 001 Nothing found" in page.replace("Read as", "")


def test_an_empty_folder_teaches_the_first_name(line: Line, viewer: User, client_of: ClientOf) -> None:
    page = text(client_of(viewer).get(URL))
    assert "holds no migration" in page
    assert "The folder is empty" in page


def test_a_missing_folder_is_refused_with_a_sentence(
    line: Line, viewer: User, client_of: ClientOf, settings: SettingsWrapper, tmp_path: Path
) -> None:
    settings.SOURCE = tmp_path / "nowhere"
    answer = client_of(viewer).get(URL)
    assert answer.status_code == 503
    assert "There is no migrations folder at" in text(answer)
