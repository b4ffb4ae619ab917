"""The history of another tool, imported in the browser."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from config.formats import DeclaredReading
from dashboard.engine.database.doctor import CheckLevel
from dashboard.models import ChangeRequest
from dashboard.presenters import connections
from dashboard.services import checkups, imports
from tests.fix_people import ClientOf, signed_in_at
from tests.fix_project import Project
from tests.views.pages import assert_shown, error_code
from tests.views.worker import execute_newest

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.test import Client
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db(transaction=True)

STAGING = "/environments/staging/import/"
PRODUCTION = "/environments/production/import/"


@pytest.fixture
def migrated(two_files: Project) -> Project:
    """goose has applied the first of two files everywhere, and another tool keeps a table of its own there."""
    for database in two_files.databases.values():
        database.query(
            "CREATE TABLE users (id int);"
            "CREATE TABLE goose_db_version (id int, version_id bigint, is_applied boolean, tstamp timestamp);"
            "INSERT INTO goose_db_version VALUES (1, 0, true, now()), (2, 1, true, '2024-05-06 07:08');"
            "CREATE SCHEMA auth; CREATE TABLE auth.schema_migrations (version varchar PRIMARY KEY);"
            "INSERT INTO auth.schema_migrations VALUES ('20200101000000');"
            "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)"
        )
    return two_files


@pytest.fixture
def client(migrated: Project, admin: User, client_of: ClientOf) -> Client:
    return client_of(admin)


@pytest.fixture
def renamed(migrated: Project, settings: SettingsWrapper) -> Project:
    """dbmate keeps its history under a name of the team, which the source declares."""
    for database in migrated.databases.values():
        database.query(
            "DROP TABLE goose_db_version; CREATE SCHEMA ops; CREATE TABLE ops.deployed (version varchar PRIMARY KEY);"
            "INSERT INTO ops.deployed VALUES ('001')"
        )
    settings.SOURCE_READING = DeclaredReading(history_table="ops.deployed")
    return migrated


def test_what_was_found_and_what_would_be_written_is_shown(client: Client) -> None:
    page = client.get(STAGING)
    view = page.context["page"]
    assert [(table.tool, table.is_chosen, bool(table.url)) for table in view.tables] == [
        ("goose", True, False),
        ("dbmate", False, True),
        ("Alembic", False, False),
    ]
    (row,) = page.context["plan"].rows
    assert (row.label, row.before) == ("001_users", "no row")
    assert "goose" in row.note
    assert_shown(page, *view.tables, row, *page.context["plan"].certain)


def test_it_is_written_as_it_was_shown(migrated: Project, client: Client) -> None:
    plan = client.get(STAGING).context["plan"]
    answer = client.post(STAGING, {"digest": plan.digest})
    assert answer.status_code == 302, error_code(answer)
    execute_newest()
    assert migrated.query(migrated.staging, "SELECT version, kind FROM platform.schema_migrations") == [
        ("001", "baseline")
    ]
    again = client.get(STAGING)
    assert again.context["page"].refusal.tone == "info"
    assert_shown(again, again.context["page"].refusal)


def test_files_of_the_same_numbers_that_never_ran_are_not_imported_unseen(migrated: Project, client: Client) -> None:
    """goose keeps numbers only, and its own files were others."""
    migrated.query(migrated.staging, "DROP TABLE users")
    page = client.get(STAGING)
    answer = client.post(STAGING, {"digest": page.context["plan"].digest})
    assert answer.status_code == 422
    assert "users (001_users)" in answer.content.decode()


def test_of_several_a_person_can_choose(client: Client) -> None:
    page = client.get(STAGING, {"table": "auth.schema_migrations"})
    assert [table.is_chosen for table in page.context["page"].tables] == [False, True, False]
    assert "plan" not in page.context
    unread = client.get(STAGING, {"table": "public.alembic_version"})
    assert unread.context["page"].refusal.tone == "danger"


def test_on_a_protected_environment_one_request_asks_for_it(client: Client) -> None:
    plan = client.get(PRODUCTION).context["plan"]
    client.post(PRODUCTION, {"digest": plan.digest, "reason": "We move from goose"})
    request = ChangeRequest.objects.get()
    assert (request.digest, len(request.plan.steps)) == (plan.digest, 1)


def test_on_a_protected_environment_whoever_asks_shows_again_who_they_are(client: Client, admin: User) -> None:
    sent = {"digest": client.get(PRODUCTION).context["plan"].digest, "reason": "We move from goose"}
    signed_in_at(client, admin, time.time() - 3600)
    assert client.post(PRODUCTION, sent).headers["Location"].startswith("/confirm/")
    assert not ChangeRequest.objects.exists()


def test_what_the_tool_wrote_meanwhile_is_seen_first(migrated: Project, client: Client) -> None:
    digest = client.get(STAGING).context["plan"].digest
    migrated.databases["staging"].query("INSERT INTO goose_db_version VALUES (3, 2, true, now())")
    answer = client.post(STAGING, {"digest": digest})
    assert (answer.status_code, error_code(answer)) == (409, "page_outdated")


def test_the_environment_says_it_until_it_is_done(client: Client) -> None:
    client.post("/environments/staging/refresh/")
    notices = [n for n in client.get("/environments/staging/").context["page"].notices if n.url == STAGING]
    assert len(notices) == 1
    plan = client.get("/environments/staging/apply/").context["plan"]
    assert any("run again what has run" in item.sentence for item in plan.to_accept)
    client.post(STAGING, {"digest": client.get(STAGING).context["plan"].digest})
    execute_newest()
    client.post("/environments/staging/refresh/")
    assert not [n for n in client.get("/environments/staging/").context["page"].notices if n.url == STAGING]


def test_the_test_of_a_connection_says_it(migrated: Project, client: Client) -> None:
    checks = [check for check in checkups.of(migrated.staging) if check.code == imports.CODE]
    assert [(check.level.value, "1 of your 2 files" in check.finding) for check in checks] == [
        ("warning", True),
        ("note", False),
        ("note", False),
    ]
    assert connections.view(checks[0], migrated.staging).url == STAGING
    page = client.get("/environments/staging/connection/")
    assert_shown(page, *(check.finding[1:] for check in checks))


def test_a_table_that_the_source_names_is_found_without_asking(renamed: Project, client: Client) -> None:
    """By the doctor, by the page of the environment, by its plans and by the import."""
    (check,) = [c for c in checkups.of(renamed.staging) if c.code == imports.CODE and c.level is CheckLevel.WARNING]
    assert "migrated by dbmate: 1 of your 2 files, says ops.deployed" in check.finding
    client.post("/environments/staging/refresh/")
    assert [n for n in client.get("/environments/staging/").context["page"].notices if n.url == STAGING]
    assert "ops.deployed" in client.get("/").content.decode()
    plan = client.get("/environments/staging/apply/").context["plan"]
    assert any("run again what has run" in item.sentence for item in plan.to_accept)
    page = client.get(STAGING)
    assert page.context["page"].tables[0].table == "ops.deployed"
    client.post(STAGING, {"digest": page.context["plan"].digest})
    execute_newest()
    assert renamed.query(renamed.staging, "SELECT version, kind FROM platform.schema_migrations") == [
        ("001", "baseline")
    ]


def test_the_table_that_the_source_names_is_never_passed_over_for_another(renamed: Project, client: Client) -> None:
    """Another tool knows a file of the folder too, and the one that is declared cannot be read."""
    for database in renamed.databases.values():
        database.query("CREATE TABLE schema_migrations (version varchar); INSERT INTO schema_migrations VALUES ('002')")
        database.query("ALTER TABLE ops.deployed RENAME TO kept; CREATE VIEW ops.deployed AS TABLE ops.kept")
    page = client.get(STAGING)
    assert "ops.deployed is no ordinary table" in page.context["page"].refusal.sentence
    assert "plan" not in page.context


def test_a_table_that_the_source_names_and_that_is_not_there_is_said(renamed: Project, client: Client) -> None:
    renamed.databases["staging"].query("DROP TABLE ops.deployed; DROP SCHEMA auth CASCADE; DROP TABLE alembic_version")
    said = "no table ops.deployed with the columns of a tool that is known, which `history_table` names"
    assert [c.finding for c in checkups.of(renamed.staging) if c.code == imports.CODE] == [f"it has {said}."]
    assert said in str(client.get(STAGING).context["page"].refusal.sentence)


@pytest.fixture
def numbered(migrated: Project) -> Project:
    """A table that counts something in one number: tern does, and so do others. No other history is there."""
    for database in migrated.databases.values():
        database.query("DROP TABLE goose_db_version, alembic_version; DROP SCHEMA auth CASCADE")
        database.query("CREATE TABLE schema_version (version int); INSERT INTO schema_version VALUES (1)")
    return migrated


def test_a_lone_number_is_not_taken_for_the_history_of_a_tool(numbered: Project, client: Client) -> None:
    (check,) = [c for c in checkups.of(numbered.staging) if c.code == imports.CODE]
    assert check.level is CheckLevel.NOTE
    assert "it may be the history that tern keeps, or be about something else" in check.finding
    page = client.get(STAGING)
    assert "plan" not in page.context
    assert "`history_table`" in page.context["page"].refusal.sentence
    (table,) = page.context["page"].tables
    assert_shown(page, table)
    assert [row.label for row in client.get(table.url).context["plan"].rows] == ["001_users"], "a person says it"


def test_a_lone_number_is_the_history_of_the_tool_whose_folder_it_is(numbered: Project, client: Client) -> None:
    for n, name in enumerate(("001_users", "002_orders"), start=1):
        up = f"CREATE TABLE t{n} (id int);\n---- create above / drop below ----\nDROP TABLE t{n};\n"
        (numbered.folder / f"{name}.sql").write_text(up)
    for rollback in numbered.folder.glob("*_rollback.sql"):
        rollback.unlink()
    (check,) = [c for c in checkups.of(numbered.staging) if c.code == imports.CODE]
    assert "it was migrated by tern: 1 of your 2 files" in check.finding
    assert [table.is_chosen for table in client.get(STAGING).context["page"].tables] == [True]
