"""Skipping a migration and taking that back: administrators only, always with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.forms.skips import NONE
from dashboard.models import ChangeRequest
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.presenters.values import says
from tests.views.pages import assert_shown, controls, error_code, text
from tests.views.worker import execute_newest

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db(transaction=True)

REASON = {"reason": "Made by hand in 2024"}


@pytest.fixture
def project_of_rivals(project: Project) -> Project:
    """Two files call themselves 002."""
    project.write(
        _001_users="CREATE TABLE users (id int);",
        _002_city="ALTER TABLE users ADD city text;",
        _002_phone="ALTER TABLE users ADD phone text;",
    )
    return project


def recorded(project: Project) -> list[tuple[object, ...]]:
    return project.query(project.staging, "SELECT name, kind FROM platform.schema_migrations ORDER BY name")


def test_only_an_administrator_sees_the_page(
    two_files: Project, approver: User, admin: User, client_of: ClientOf
) -> None:
    refused = client_of(approver).get("/environments/staging/skip/001/")
    assert (refused.status_code, says(text(refused), "admin")) == (403, True)
    page = client_of(admin).get("/environments/staging/skip/001/")
    assert says(text(page), "schema_migrations")
    assert "reason" in controls(page)


def test_a_skip_wants_a_reason_and_runs_nothing(two_files: Project, admin: User, client_of: ClientOf) -> None:
    client = client_of(admin)
    assert client.post("/environments/staging/skip/001/", {"reason": " "}).status_code == 422
    client.post("/environments/staging/skip/001/", REASON)
    execute_newest()
    assert recorded(two_files) == [("users", "skipped")]
    assert two_files.query(two_files.staging, "SELECT to_regclass('public.users')") == [(None,)]


def test_in_a_conflict_one_file_keeps_the_number(project_of_rivals: Project, admin: User, client_of: ClientOf) -> None:
    client = client_of(admin)
    page = client.get("/environments/staging/skip/002/")
    assert [value for value, _ in page.context["form"].fields["kept"].choices] == ["city", "phone", NONE]
    assert_shown(page, page.context["form"].fields["kept"].label)
    client.post("/environments/staging/skip/002/", {**REASON, "kept": "phone"})
    execute_newest()
    assert recorded(project_of_rivals) == [("city", "skipped")]
    assert "ADD phone" in text(client.get("/environments/staging/apply/"))


def test_in_a_conflict_none_may_keep_it(project_of_rivals: Project, admin: User, client_of: ClientOf) -> None:
    client_of(admin).post("/environments/staging/skip/002/", {**REASON, "kept": NONE})
    execute_newest()
    assert recorded(project_of_rivals) == [("city", "skipped"), ("phone", "skipped")]


def test_in_a_conflict_saying_nothing_is_no_decision(
    project_of_rivals: Project, admin: User, client_of: ClientOf
) -> None:
    answer = client_of(admin).post("/environments/staging/skip/002/", REASON)
    assert answer.status_code == 422
    assert_shown(answer, *answer.context["form"].errors["kept"])
    assert "checked" not in answer.content.decode()


def test_a_number_the_database_gave_away_is_no_longer_to_be_had(
    project_of_rivals: Project, admin: User, client_of: ClientOf
) -> None:
    client = client_of(admin)
    client.post("/environments/staging/skip/002/", {**REASON, "kept": "phone"})
    execute_newest()
    client.post(
        "/environments/staging/apply/", {"digest": client.get("/environments/staging/apply/").context["plan"].digest}
    )
    execute_newest()
    project_of_rivals.write(_002_zip="ALTER TABLE users ADD zip text;")
    page = client.get("/environments/staging/skip/002/")
    assert page.context["undecided"].taken_by == "002_phone"
    assert_shown(page, "002_phone")
    assert "kept" not in controls(page)


def test_on_a_protected_environment_it_opens_a_request(two_files: Project, admin: User, client_of: ClientOf) -> None:
    answer = client_of(admin).post("/environments/production/skip/001/", REASON)
    request = ChangeRequest.objects.get()
    assert (answer.headers["Location"], request.action, request.reason) == (
        f"/requests/{request.pk}/",
        "skip",
        REASON["reason"],
    )
    page = client_of(admin).get(f"/requests/{request.pk}/")
    assert [step.sql for step in page.context["plan"].steps] == [""]
    assert_shown(page, page.context["plan"].certain)


def test_a_skip_is_taken_back(two_files: Project, admin: User, client_of: ClientOf) -> None:
    client = client_of(admin)
    client.post("/environments/staging/skip/001/", REASON)
    execute_newest()
    assert says(text(client.get("/environments/staging/unskip/001/users/")), "pending")
    assert client.post("/environments/staging/unskip/001/users/", {}).status_code == 422
    client.post("/environments/staging/unskip/001/users/", {"reason": "It was needed after all"})
    execute_newest()
    assert recorded(two_files) == []


def test_a_version_nobody_has_is_refused(two_files: Project, admin: User, client_of: ClientOf) -> None:
    answer = client_of(admin).get("/environments/staging/skip/777/")
    assert (answer.status_code, error_code(answer), says(text(answer), "777")) == (422, "nothing_to_do", True)
