"""The list of migrations and the page of one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dashboard.services import observations
from tests.fix_line import Line
from tests.fix_people import ClientOf
from tests.views.pages import text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

    from dashboard.models import Run

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_list_shows_every_migration_in_every_environment(
    two_files: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    observations.refresh_all()
    page = text(client_of(requester).get("/migrations/"))
    assert "002 orders Applied · just now Pending" in page.replace(" just now", " · just now")
    assert page.index("002 orders") < page.index("001 users")


def test_the_list_is_searched_by_number_name_and_sql(two_files: Line, viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    assert "001 users" not in text(client.get("/migrations/?q=ORDERS"))
    assert "002 orders" in text(client.get("/migrations/?q=ORDERS"))
    assert "001 users" in text(client.get("/migrations/?q=table users (id"))
    assert "No migration is like that" in text(client.get("/migrations/?q=nonsense"))


def test_the_list_is_filtered_by_state(
    two_files: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    two_files.write(_001_users="CREATE TABLE users (id bigint);", _003_city="SELECT 1;")
    observations.refresh_all()
    client = client_of(requester)
    assert "001 users" in text(client.get("/migrations/?state=modified"))
    assert "002 orders" not in text(client.get("/migrations/?state=modified"))
    assert "001 users" in text(client.get("/migrations/?state=attention"))
    assert "003 city" not in text(client.get("/migrations/?state=attention"))
    assert "003 city" in text(client.get("/migrations/?state=nonsense&page=99"))


def test_a_migration_shows_its_sql_its_rollback_and_where_it_stands(
    two_files: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = run_on_staging(requester)
    observations.refresh_all()
    page = client_of(requester).get("/migrations/001/users/")
    html = page.content.decode()
    assert "Statements 1" in text(page)
    assert "all of it is committed, or nothing" in text(page)
    assert 'id="L1"' in html
    assert 'id="down-L1"' in html
    assert "Staging Applied" in text(page)
    assert "Production Pending" in text(page)
    assert f"Apply, run {run.pk} Staging Committed alice" in text(page)


def test_a_problem_stands_at_its_line(line: Line, viewer: User, client_of: ClientOf) -> None:
    line.write(_001_users="CREATE TABLE users (id int);\n\nCREATE TABEL oops;")
    page = client_of(viewer).get("/migrations/001/users/")
    assert "001_users.sql is not run anywhere until it is mended. See line 3" in text(page)
    third_line = page.content.decode().split('id="L3"')[1].split("</li>")[0]
    assert "syntax error at or near &quot;TABEL&quot;" in third_line


def test_a_shared_number_does_not_make_a_file_unusable(line: Line, viewer: User, client_of: ClientOf) -> None:
    line.write(_001_users="CREATE TABLE users (id int);", _001_orders="CREATE TABLE orders (id int);")
    page = text(client_of(viewer).get("/migrations/001/users/"))
    assert "The number 001 is also used by 001_orders.sql." in page
    assert "is not run anywhere" not in page


def test_its_own_transaction_is_told_to_be_absorbed(line: Line, viewer: User, client_of: ClientOf) -> None:
    line.write(_001_users="BEGIN;\nCREATE TABLE users (id int);\nCOMMIT;")
    page = text(client_of(viewer).get("/migrations/001/users/"))
    assert "BEGIN and COMMIT are not sent" in page


def test_a_file_outside_a_transaction_says_what_a_failure_leaves(line: Line, viewer: User, client_of: ClientOf) -> None:
    line.write(_001_index="CREATE INDEX CONCURRENTLY users_id ON users (id);")
    page = text(client_of(viewer).get("/migrations/001/index/"))
    assert "each statement is committed by itself" in page


def test_no_rollback_is_explained(line: Line, viewer: User, client_of: ClientOf) -> None:
    line.write(
        _001_users="CREATE TABLE users (id int);", _002_city="-- signalbox: irreversible=data is gone\nSELECT 1;"
    )
    client = client_of(viewer)
    assert "Write 001_users_rollback.sql" in text(client.get("/migrations/001/users/"))
    assert "Declared irreversible: data is gone" in text(client.get("/migrations/002/city/"))


def test_a_rollback_that_cannot_run_is_said_to_be_none(line: Line, viewer: User, client_of: ClientOf) -> None:
    line.write(_001_users="CREATE TABLE users (id int);", _001_rollback="DROP TABEL users;")
    page = client_of(viewer).get("/migrations/001/users/")
    assert "This rollback is not usable." in text(page)
    assert "syntax error" in page.content.decode().split('id="down-L1"')[1].split("</li>")[0]


def test_a_migration_whose_file_is_gone_is_still_a_page(
    two_files: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    observations.refresh_all()
    (two_files.folder / "002_orders.sql").unlink()
    page = client_of(requester).get("/migrations/002/orders/")
    assert page.status_code == 200
    assert "Its file is gone from the folder." in text(page)
    assert "Staging Missing file" in text(page)
    assert "Production Unknown It is not recorded there." in text(page)


def test_without_the_folder_a_page_tells_what_is_recorded(
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
    client = client_of(requester)
    assert "It is recorded there. The folder cannot be read" in text(client.get("/migrations/002/orders/"))
    assert "There is no migrations folder at" in text(client.get("/migrations/"))


def test_sql_on_the_page_is_text_and_never_markup(line: Line, viewer: User, client_of: ClientOf) -> None:
    line.write(_001_users="SELECT '<script>alert(1)</script>';")
    assert "<script>alert" not in client_of(viewer).get("/migrations/001/users/").content.decode()


def test_a_migration_nobody_knows_is_not_found(two_files: Line, viewer: User, client_of: ClientOf) -> None:
    assert client_of(viewer).get("/migrations/999/nothing/").status_code == 404
