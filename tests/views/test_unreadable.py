"""Every page of an environment whose target cannot be read answers with what is wrong, and none of another one's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from dashboard.services import observations, targets
from tests.fix_line import Line
from tests.fix_people import ClientOf
from tests.views.pages import text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db

ROLE = "page_reader"
READ_NOW = ("edited/", "apply/", "saved/", "connection/", "rollback/001/users/")


@contextmanager
def locked(line: Line) -> Iterator[None]:
    with line.databases["staging"].connect() as other, other.transaction():
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
    two_files: Line, requester: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setitem(targets.connection.LOOKING, "lock_timeout", "200ms")
    with locked(two_files):
        observations.refresh_all()
        answer = client_of(requester).get(f"/environments/staging/{page}")
    assert answer.status_code == (503 if page else 200)
    assert "is locked, or did not answer in time" in text(answer)
    assert client_of(requester).get("/environments/production/apply/").status_code == 200


@pytest.fixture
def as_role(two_files: Line, settings: SettingsWrapper) -> Iterator[Line]:
    run = two_files.databases["staging"].query
    run(f"CREATE ROLE {ROLE} LOGIN PASSWORD 'x'")
    staging = replace(two_files.staging, url=make_conninfo(two_files.staging.url, user=ROLE, password="x"))
    settings.ENVIRONMENTS = (staging, two_files.production)
    yield replace(two_files, staging=staging)
    with two_files.databases["staging"].connect() as admin:
        admin.execute(sql.SQL("DROP OWNED BY {0} CASCADE; DROP ROLE {0}").format(sql.Identifier(ROLE)))


def test_saved_rows_of_another_role_name_the_grant(as_role: Line, requester: User, client_of: ClientOf) -> None:
    as_role.query(as_role.production, "SELECT 1")
    with as_role.databases["staging"].connect() as admin:
        admin.execute("CREATE SCHEMA signalbox_saved")
        admin.execute("CREATE TABLE signalbox_saved.saves (id int)")
    answer = client_of(requester).get("/environments/staging/saved/")
    assert answer.status_code == 503
    assert f"GRANT USAGE, CREATE ON SCHEMA signalbox_saved TO {ROLE}" in text(answer)


def test_a_history_with_times_without_zone_shows_on_the_page(
    two_files: Line, viewer: User, client_of: ClientOf
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
    two_files: Line, requester: User, client_of: ClientOf, page: str
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
