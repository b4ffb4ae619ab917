"""Skipping a migration and taking that back: administrators only, always with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.forms.skips import NONE
from dashboard.models import ChangeRequest, Run
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.presenters.values import says
from tests.views.pages import assert_shown, controls, error_code, hidden, text
from tests.views.previews import again, rows_on, send
from tests.views.worker import execute_newest

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db(transaction=True)

REASON = {"reason": "Made by hand in 2024"}
ONE, RIVALS = "/environments/staging/skip/001/", "/environments/staging/skip/002/"
UNSKIP = "/environments/staging/unskip/001/users/"


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
    refused = client_of(approver).get(ONE)
    assert (refused.status_code, says(text(refused), "admin")) == (403, True)
    page = client_of(admin).get(ONE)
    assert says(text(page), "schema_migrations")
    assert "reason" in controls(page)


def test_a_skip_wants_a_reason_and_runs_nothing(two_files: Project, admin: User, client_of: ClientOf) -> None:
    client = client_of(admin)
    assert client.post(ONE, {"reason": " "}).status_code == 422
    send(client, ONE, **REASON)
    execute_newest()
    assert recorded(two_files) == [("users", "skipped")]
    assert two_files.query(two_files.staging, "SELECT to_regclass('public.users')") == [(None,)]


def test_in_a_conflict_one_file_keeps_the_number(project_of_rivals: Project, admin: User, client_of: ClientOf) -> None:
    client = client_of(admin)
    page = client.get(RIVALS)
    assert [value for value, _ in page.context["form"].fields["kept"].choices] == ["city", "phone", NONE]
    assert_shown(page, page.context["form"].fields["kept"].label)
    send(client, RIVALS, **REASON, kept="phone")
    execute_newest()
    assert recorded(project_of_rivals) == [("city", "skipped")]
    assert "ADD phone" in text(client.get("/environments/staging/apply/"))


def test_in_a_conflict_none_may_keep_it(project_of_rivals: Project, admin: User, client_of: ClientOf) -> None:
    send(client_of(admin), RIVALS, **REASON, kept=NONE)
    execute_newest()
    assert recorded(project_of_rivals) == [("city", "skipped"), ("phone", "skipped")]


def test_in_a_conflict_saying_nothing_is_no_decision(
    project_of_rivals: Project, admin: User, client_of: ClientOf
) -> None:
    answer = client_of(admin).post(RIVALS, REASON)
    assert answer.status_code == 422
    assert_shown(answer, *answer.context["form"].errors["kept"])
    assert "checked" not in answer.content.decode()


def test_a_number_the_database_gave_away_is_no_longer_to_be_had(
    project_of_rivals: Project, admin: User, client_of: ClientOf
) -> None:
    client = client_of(admin)
    send(client, RIVALS, **REASON, kept="phone")
    execute_newest()
    client.post(
        "/environments/staging/apply/", {"digest": client.get("/environments/staging/apply/").context["plan"].digest}
    )
    execute_newest()
    project_of_rivals.write(_002_zip="ALTER TABLE users ADD zip text;")
    page = client.get(RIVALS)
    assert page.context["undecided"].taken_by == "002_phone"
    assert_shown(page, "002_phone")
    assert "kept" not in controls(page)


def test_on_a_protected_environment_it_opens_a_request(two_files: Project, admin: User, client_of: ClientOf) -> None:
    answer = send(client_of(admin), "/environments/production/skip/001/", **REASON)
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
    send(client, ONE, **REASON)
    execute_newest()
    assert says(text(client.get(UNSKIP)), "pending")
    assert client.post(UNSKIP, {}).status_code == 422
    send(client, UNSKIP, reason="It was needed after all")
    execute_newest()
    assert recorded(two_files) == []


def test_a_version_nobody_has_is_refused(two_files: Project, admin: User, client_of: ClientOf) -> None:
    answer = client_of(admin).get("/environments/staging/skip/777/")
    assert (answer.status_code, error_code(answer), says(text(answer), "777")) == (422, "nothing_to_do", True)


# What is shown before it is written


def test_a_skip_shows_its_row_before_and_after(two_files: Project, admin: User, client_of: ClientOf) -> None:
    preview = client_of(admin).post(ONE, REASON)
    assert rows_on(preview) == [("001_users", "no row", "skipped")]
    assert_shown(preview, preview.context["plan"].rows)
    assert_shown(preview, REASON["reason"])
    assert not Run.objects.exists()


def test_which_file_keeps_the_number_goes_on_with_the_preview(
    project_of_rivals: Project, admin: User, client_of: ClientOf
) -> None:
    preview = client_of(admin).post(RIVALS, {**REASON, "kept": "phone"})
    assert rows_on(preview) == [("002_city", "no row", "skipped")]
    assert [hidden(preview, name) for name in ("kept", "reason")] == ["phone", REASON["reason"]]


def test_a_skip_taken_back_shows_the_row_that_goes(two_files: Project, admin: User, client_of: ClientOf) -> None:
    client = client_of(admin)
    send(client, ONE, **REASON)
    execute_newest()
    assert rows_on(client.post(UNSKIP, REASON)) == [("001_users", "skipped", "no row")]
    assert recorded(two_files) == [("users", "skipped")]


def test_a_file_that_changed_since_the_preview_is_not_skipped(
    two_files: Project, admin: User, client_of: ClientOf
) -> None:
    client = client_of(admin)
    preview = client.post(ONE, REASON)
    two_files.write(_001_users="CREATE TABLE users (id bigint);")
    answer = client.post(ONE, again(preview))
    assert (answer.status_code, error_code(answer)) == (409, "page_outdated")
    assert not Run.objects.exists()
