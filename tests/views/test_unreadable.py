"""Every page of an environment whose target cannot be read answers with what is wrong, and none of another one's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from dashboard.models import Observation
from dashboard.services import observations, targets
from tests.fix_people import ClientOf
from tests.fix_project import PLAIN_ROLE, Project
from tests.views.pages import alerts, assert_shown, error_code, text

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db

READ_NOW = ("edited/", "apply/", "saved/", "connection/", "rollback/001/users/")


@contextmanager
def locked(project: Project) -> Iterator[None]:
    with project.databases["staging"].connect() as other, other.transaction():
        other.execute("CREATE SCHEMA platform")
        other.execute(
            "CREATE TABLE platform.schema_migrations (version text PRIMARY KEY, name text, checksum text, "
            "success boolean, applied_at timestamptz)"
        )
        other.execute("COMMIT")
        other.execute("BEGIN")
        other.execute("LOCK TABLE platform.schema_migrations IN ACCESS EXCLUSIVE MODE")
        yield


@pytest.mark.parametrize("page", ["apply/", ""])
def test_a_locked_history_is_no_crash(
    two_files: Project, requester: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setitem(targets.connection.LOOKING, "lock_timeout", "200ms")
    with locked(two_files):
        observations.refresh_all()
        answer = client_of(requester).get(f"/environments/staging/{page}")
        if page:
            assert (answer.status_code, error_code(answer)) == (503, "tracking_locked")
        else:
            failure = Observation.objects.get(pk="staging").failure
            assert (answer.status_code, failure["code"]) == (200, "tracking_locked")
            assert_shown(answer, answer.context["page"].card.trouble, answer.context["page"].card.next_step)
            assert alerts(answer) == [answer.context["page"].card.pill.tone]
    assert client_of(requester).get("/environments/production/apply/").status_code == 200


def test_saved_rows_of_another_role_name_the_grant(
    as_plain_role: Project, requester: User, client_of: ClientOf
) -> None:
    as_plain_role.query(as_plain_role.production, "SELECT 1")
    with as_plain_role.databases["staging"].connect() as admin:
        admin.execute("CREATE SCHEMA signalbox_saved")
        admin.execute("CREATE TABLE signalbox_saved.saves (id int)")
    answer = client_of(requester).get("/environments/staging/saved/")
    assert answer.status_code == 503
    assert f"GRANT USAGE, CREATE ON SCHEMA signalbox_saved TO {PLAIN_ROLE}" in text(answer)


def test_a_history_with_times_without_zone_shows_on_the_page(
    two_files: Project, viewer: User, client_of: ClientOf
) -> None:
    with two_files.databases["staging"].connect() as admin:
        admin.execute("CREATE SCHEMA platform")
        admin.execute(
            "CREATE TABLE platform.schema_migrations (version text PRIMARY KEY, name text, checksum text, "
            "success boolean, applied_at timestamp)"
        )
        admin.execute("INSERT INTO platform.schema_migrations VALUES ('001', 'users', 'manual', true, '2024-05-01')")
    observations.refresh_all()
    page = client_of(viewer).get("/environments/staging/")
    assert page.status_code == 200
    assert "Applied" in text(page)


@pytest.mark.parametrize("page", READ_NOW)
def test_a_table_that_is_no_history_is_no_crash(
    two_files: Project, requester: User, client_of: ClientOf, page: str
) -> None:
    with two_files.databases["staging"].connect() as admin:
        admin.execute("CREATE SCHEMA platform")
        admin.execute(
            "CREATE TABLE platform.schema_migrations (version integer PRIMARY KEY, name text, checksum text, "
            "success boolean, applied_at date)"
        )
        admin.execute("INSERT INTO platform.schema_migrations VALUES (1, NULL, 'manual', true, '2024-05-01')")
    answer = client_of(requester).get(f"/environments/staging/{page}")
    assert answer.status_code in {200, 422}
    if page != "saved/":
        assert "ALTER COLUMN version TYPE text" in text(answer)
