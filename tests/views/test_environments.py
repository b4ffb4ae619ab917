"""The list of environments, the page of one, and a fresh look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from config.environments import Environment
from dashboard.engine.migration import MigrationId
from dashboard.models import Observation
from dashboard.services import observations, plans, runs
from tests.fix_line import Line
from tests.fix_people import ClientOf
from tests.views.pages import text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

    from dashboard.models import ChangeRequest, Run
    from dashboard.services.actors import Actor

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/environments/staging/"


@pytest.fixture
def skipping(line: Line, admin: User, acting: Callable[[User], Actor]) -> Callable[..., None]:
    from dashboard.services import execution

    def skip(version: str, name: str, reason: str) -> None:
        plan = plans.skip(line.staging, [MigrationId(version, name)], reason=reason)
        execution.execute(runs.start(plan, environment=line.staging, by=acting(admin)).pk)
        observations.refresh(line.staging)

    return skip


def test_the_list_shows_each_environment(two_files: Line, viewer: User, client_of: ClientOf) -> None:
    observations.refresh_all()
    page = text(client_of(viewer).get("/environments/"))
    assert "Staging 2 pending" in page
    assert "Production 2 pending" in page


def test_a_folder_that_lacks_many_files_is_told_in_one_sentence(
    line: Line, requester: User, acting: Callable[[User], Actor], client_of: ClientOf
) -> None:
    from dashboard.services import execution

    names = [f"00{number}_t{number}" for number in range(1, 5)]
    line.write(**{f"_{name}": f"CREATE TABLE {name[4:]} (id int);" for name in names})
    execution.execute(runs.start(plans.apply(line.staging), environment=line.staging, by=acting(requester)).pk)
    for name in names:
        (line.folder / f"{name}.sql").unlink()
    observations.refresh(line.staging)
    page = text(client_of(requester).get(PAGE))
    assert "4 migrations are recorded here, but their files are gone from the folder." in page
    assert "001_t1 was applied here" not in page


def test_what_is_pending_stands_in_order_with_the_button_that_runs_it(
    two_files: Line, requester: User, client_of: ClientOf
) -> None:
    observations.refresh_all()
    page = client_of(requester).get(PAGE)
    assert "Apply 2 migrations to Staging" in text(page)
    assert 'href="/environments/staging/apply/"' in page.content.decode()
    assert text(page).index("001 users Pending") < text(page).index("002 orders Pending")
    assert "Request approval for 2 migrations" in text(client_of(requester).get("/environments/production/"))


def test_the_button_of_someone_who_may_not_says_why(two_files: Line, viewer: User, client_of: ClientOf) -> None:
    observations.refresh_all()
    page = client_of(viewer).get(PAGE)
    assert "Your role does not allow you to ask for a run. It needs the role requester." in text(page)
    assert 'href="/environments/staging/apply/"' not in page.content.decode()


def test_while_a_run_is_under_way_the_button_names_it(
    two_files: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    observations.refresh_all()
    run = run_on_staging(requester, execute=False)
    assert f"Run {run.pk} of Staging is queued; one run at a time." in text(client_of(requester).get(PAGE))


def test_the_button_counts_only_what_would_run(line: Line, requester: User, client_of: ClientOf) -> None:
    line.write(_001_users="CREATE TABLE users (id int);", _002_broken="CREATE TABEL oops;", _003_city="SELECT 1;")
    observations.refresh_all()
    page = text(client_of(requester).get(PAGE))
    assert "Apply 1 migration to Staging" in page
    assert "It stops before 002, which cannot run: see below." in page
    assert "Pending, cannot run" in page
    assert 'syntax error at or near "TABEL"' in page


def test_files_with_one_number_are_one_entry_that_an_admin_decides(
    line: Line, viewer: User, admin: User, client_of: ClientOf
) -> None:
    line.write(_001_users="CREATE TABLE users (id int);", _001_orders="CREATE TABLE orders (id int);")
    observations.refresh_all()
    page = client_of(admin).get(PAGE)
    assert "2 files have the number 001, so it is not clear which should run, and none does." in text(page)
    assert 'href="/environments/staging/skip/001/"' in page.content.decode()
    assert "/skip/001/" not in client_of(viewer).get(PAGE).content.decode()


def test_history_offers_the_way_back(
    two_files: Line, requester: User, viewer: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = run_on_staging(requester)
    observations.refresh_all()
    page = client_of(requester).get(PAGE)
    assert f"001 users Applied same as the file just now {_took(two_files)} by alice, run {run.pk}" in text(page)
    assert 'href="/environments/staging/rollback/001/users/"' in page.content.decode()
    assert "/rollback/" not in client_of(viewer).get(PAGE).content.decode()


def test_history_says_where_the_way_back_ends(
    line: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    line.write(_001_users="CREATE TABLE users (id int);", _001_rollback="DROP TABLE users;")
    line.write(_002_orders="CREATE TABLE orders (id int);")
    line.write(_003_city="CREATE TABLE city (id int);", _003_rollback="DROP TABLE city;")
    run_on_staging(requester)
    observations.refresh_all()
    page = client_of(requester).get(PAGE)
    assert "/rollback/003/city/" in page.content.decode()
    assert "/rollback/002/" not in page.content.decode()
    assert "/rollback/001/" not in page.content.decode()
    assert text(page).count("No rollback was captured, so neither this nor anything before it") == 1


def test_a_failure_tells_what_happened_what_remains_and_what_next(
    line: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    line.write(_001_users="CREATE TABLE users (id int);\nINSERT INTO users VALUES ('x');")
    run = run_on_staging(requester)
    observations.refresh_all()
    page = client_of(requester).get(PAGE)
    assert "001_users failed on Staging" in text(page)
    assert "Nothing of this attempt at 001_users remains: PostgreSQL undid it." in text(page)
    assert "SQLSTATE 22P02" in text(page)
    assert 'href="/migrations/001/users/#L2"' in page.content.decode()
    assert f'href="/runs/{run.pk}/"' in page.content.decode()
    assert "001 users Failed, nothing changed" in text(page)


def test_a_failure_another_tool_recorded_is_told_too(line: Line, viewer: User, client_of: ClientOf) -> None:
    line.write(_001_users="CREATE TABLE users (id int);")
    line.query(
        line.staging,
        "CREATE SCHEMA platform; CREATE TABLE platform.schema_migrations (version text PRIMARY KEY, name text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now(), execution_time_ms integer, checksum text NOT NULL,"
        " success boolean NOT NULL DEFAULT true, error_message text, rollback_script text);"
        "INSERT INTO platform.schema_migrations (version, name, checksum, success, error_message)"
        " VALUES ('001', 'users', 'manual', false, 'disk full')",
    )
    observations.refresh_all()
    page = text(client_of(viewer).get(PAGE))
    assert "001_users failed on Staging" in page
    assert "disk full" in page


def test_an_edited_file_is_said_at_the_top_and_stops_the_button(
    two_files: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    two_files.write(_001_users="CREATE TABLE users (id bigint);", _003_city="SELECT 1;")
    observations.refresh_all()
    page = text(client_of(requester).get(PAGE))
    assert "001_users was edited after it was applied here" in page
    assert "its file was edited after it was applied. Restore the file as it was" in page
    assert "the file was edited" in page


def test_a_skip_shows_its_reason_and_an_admin_can_take_it_back(
    two_files: Line, viewer: User, admin: User, skipping: Callable[..., None], client_of: ClientOf
) -> None:
    skipping("001", "users", "Lives in another database")
    page = client_of(admin).get(PAGE)
    assert "Skipped Lives in another database" in text(page)
    assert 'href="/environments/staging/unskip/001/users/"' in page.content.decode()
    assert "/unskip/" not in client_of(viewer).get(PAGE).content.decode()


def test_open_requests_and_the_policy_stand_beside_it(
    ask: Callable[[User], ChangeRequest], requester: User, client_of: ClientOf
) -> None:
    request = ask(requester)
    page = client_of(requester).get("/environments/production/")
    assert f'href="/requests/{request.pk}/"' in page.content.decode()
    assert "A request, approved by a second person" in text(page)
    assert "is used within 3 days, or expires" in text(page)


def test_a_database_without_a_tracking_table_is_explained(line: Line, viewer: User, client_of: ClientOf) -> None:
    observations.refresh_all()
    page = text(client_of(viewer).get(PAGE))
    assert "No history yet This database has no tracking table." in page
    assert "Nothing is pending" in page


def test_an_unreachable_one_shows_the_reason_and_what_was_seen(
    two_files: Line,
    requester: User,
    run_on_staging: Callable[..., Run],
    unreachable: Callable[[Environment], Environment],
    client_of: ClientOf,
) -> None:
    run_on_staging(requester)
    observations.refresh_all()
    observations.refresh(unreachable(two_files.staging))
    page = text(client_of(requester).get(PAGE))
    assert "Staging cannot be reached at 127.0.0.1:1/gone as nobody" in page
    assert "Check that the database is up and that the URL in URL_OF_STAGING is right." in page
    assert "Below is what was seen there" in page
    assert "001 users Applied" in page
    assert "s3cret" not in page


def test_a_page_never_asks_the_target(
    two_files: Line, viewer: User, client_of: ClientOf, settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dashboard.services import targets

    def never(*args: object, **options: object) -> None:
        raise AssertionError("a page asked the target")

    observations.refresh_all()
    monkeypatch.setattr(targets, "look", never)
    for url in ("/", "/environments/", PAGE, "/migrations/", "/migrations/001/users/", "/migrations/problems/"):
        assert client_of(viewer).get(url).status_code == 200


def test_without_the_folder_the_history_still_shows(
    two_files: Line,
    requester: User,
    run_on_staging: Callable[..., Run],
    client_of: ClientOf,
    settings: SettingsWrapper,
    tmp_path: Path,
) -> None:
    run_on_staging(requester)
    observations.refresh_all()
    settings.SOURCE = tmp_path / "nowhere"
    page = text(client_of(requester).get(PAGE))
    assert "There is no migrations folder at" in page
    assert "001 users Applied not compared" in page
    assert "What is pending shows once both the folder and this database could be read." in page


def test_refresh_looks_and_returns_to_where_it_was_asked(two_files: Line, viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    answer = client.post("/environments/staging/refresh/", {"back": "overview"}, follow=True)
    assert answer.redirect_chain == [("/", 302)]
    assert "Looked at Staging just now." in text(answer)
    assert Observation.objects.get(pk="staging").ok
    assert client.post("/environments/staging/refresh/", {"back": "//evil.example"}).url == PAGE


def test_a_refresh_that_gets_no_answer_says_so(
    two_files: Line, viewer: User, unreachable: Callable[[Environment], Environment], client_of: ClientOf
) -> None:
    unreachable(two_files.staging)
    answer = client_of(viewer).post("/environments/staging/refresh/", follow=True)
    assert "Staging did not answer." in text(answer)
    assert "cannot be reached" in text(answer)


def test_an_environment_without_a_database_says_which_variable(
    two_files: Line, viewer: User, client_of: ClientOf, settings: SettingsWrapper
) -> None:
    settings.ENVIRONMENTS = (replace(two_files.staging, url=""),)
    assert "Set URL_OF_STAGING to its PostgreSQL URL" in text(client_of(viewer).get(PAGE))


def _took(line: Line) -> str:
    milliseconds = line.query(
        line.staging, "SELECT execution_time_ms FROM platform.schema_migrations WHERE version = '001'"
    )[0][0]
    return f"{milliseconds} ms"
