"""The folder as pages see it: read once, and anew after every change."""

from __future__ import annotations

import pytest

from dashboard.engine.files import discovery
from dashboard.models import sources
from dashboard.selectors import folders
from tests.fix_project import Project

pytestmark = pytest.mark.django_db


def names() -> list[str]:
    folder = folders.of_source_now(sources.default()).folder
    assert folder
    return [migration.name for migration in folder.migrations]


def test_it_is_read_once_while_nothing_changes(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write(_001_users="SELECT 1;")
    assert names() == ["users"]
    monkeypatch.setattr(discovery, "read", lambda *args: pytest.fail("it was read again"))
    assert names() == ["users"]


def test_every_change_is_seen(project: Project) -> None:
    project.write(_001_users="SELECT 1;")
    assert names() == ["users"]
    project.write(_002_orders="SELECT 1;")
    assert names() == ["users", "orders"]
    (project.folder / "001_users.sql").rename(project.folder / "001_people.sql")
    assert names() == ["people", "orders"]
    project.write(_001_people="SELECT 2;")
    folder = folders.of_source_now(sources.default()).folder
    assert folder
    assert folder.migrations[0].up.sql == "SELECT 2;"


def test_a_folder_that_goes_and_comes_back(project: Project) -> None:
    project.write(_001_users="SELECT 1;")
    away = project.folder.rename(project.folder.with_name("away"))
    failure = folders.of_source_now(sources.default()).failure
    assert failure
    assert failure.code == "source_missing"
    away.rename(project.folder)
    assert names() == ["users"]
