"""The list of migrations and the page of one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dashboard.engine.status import State
from dashboard.models import RunStep
from dashboard.presenters.statuses import MIGRATION, STEP
from dashboard.services import observations
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.presenters.values import says
from tests.views.pages import alerts, assert_shown, is_empty, links, text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

    from dashboard.models import Run

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_list_shows_every_migration_in_every_environment(
    two_files: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    observations.refresh_all()
    page = client_of(requester).get("/migrations/")
    rows = page.context["matrix"].rows
    assert [(row.identity.version, [cell.pill for cell in row.cells]) for row in rows] == [
        (version, [MIGRATION[State.APPLIED], MIGRATION[State.PENDING]]) for version in ("002", "001")
    ]
    assert_shown(page, MIGRATION[State.APPLIED], MIGRATION[State.PENDING])
    assert text(page).index("002 orders") < text(page).index("001 users")


def test_the_list_says_where_a_migration_is_not_for(two_files: Project, viewer: User, client_of: ClientOf) -> None:
    two_files.write(_003_seeds="-- signalbox: except=production\nINSERT INTO users VALUES (1);")
    observations.refresh_all()
    rows = client_of(viewer).get("/migrations/").context["matrix"].rows
    assert [cell.pill for cell in rows[0].cells] == [MIGRATION[State.PENDING], MIGRATION[State.ELSEWHERE]]
    page = client_of(viewer).get("/migrations/003/seeds/")
    assert "003_seeds is not for this environment: it is for every environment but production." in text(page)


def test_the_list_is_searched_by_number_name_and_sql(two_files: Project, viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    assert "001 users" not in text(client.get("/migrations/?q=ORDERS"))
    assert "002 orders" in text(client.get("/migrations/?q=ORDERS"))
    for words in ("table users (id", "TABLE   users  (id"):
        assert "001 users" in text(client.get("/migrations/", {"q": words}))
    assert is_empty(client.get("/migrations/?q=nonsense"))


def test_the_list_is_filtered_by_state(
    two_files: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
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
    two_files: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = run_on_staging(requester)
    observations.refresh_all()
    page = client_of(requester).get("/migrations/001/users/")
    html, view = page.content.decode(), page.context["page"]
    facts = dict(view.facts)
    assert facts["Statements"] == 1
    assert_shown(page, view.facts)
    assert 'id="L1"' in html
    assert 'id="down-L1"' in html
    assert [(place.badge.slug, place.pill) for place in view.places] == [
        ("staging", MIGRATION[State.APPLIED]),
        ("production", MIGRATION[State.PENDING]),
    ]
    (passage,) = view.passages
    assert (passage.run.number, passage.run.by, passage.pill) == (run.pk, "alice", STEP[RunStep.Status.COMMITTED])
    assert_shown(page, *(place.pill for place in view.places), passage.action, passage.pill)
    assert passage.run.url in links(page)


def test_a_problem_stands_at_its_line(project: Project, viewer: User, client_of: ClientOf) -> None:
    project.write(_001_users="CREATE TABLE users (id int);\n\nCREATE TABEL oops;")
    page = client_of(viewer).get("/migrations/001/users/")
    up = page.context["page"].up
    assert (up.refused, up.first_line) == (True, 3)
    assert alerts(page) == ["danger"]
    assert "#L3" in links(page)
    third_line = page.content.decode().split('id="L3"')[1].split("</li>")[0]
    assert "syntax error at or near &quot;TABEL&quot;" in third_line


def test_a_shared_number_does_not_make_a_file_unusable(project: Project, viewer: User, client_of: ClientOf) -> None:
    project.write(_001_users="CREATE TABLE users (id int);", _001_orders="CREATE TABLE orders (id int);")
    page = client_of(viewer).get("/migrations/001/users/")
    up = page.context["page"].up
    assert (up.refused, alerts(page)) == (False, [])
    (note,) = [note for note in up.problems if "001_orders.sql" in note.sentence]
    assert_shown(page, note.sentence, note.advice)


def test_its_own_transaction_is_told_to_be_absorbed(project: Project, viewer: User, client_of: ClientOf) -> None:
    project.write(_001_users="BEGIN;\nCREATE TABLE users (id int);\nCOMMIT;")
    page = client_of(viewer).get("/migrations/001/users/")
    facts = page.context["page"].facts
    assert any(says(str(value), "BEGIN and COMMIT are not sent") for _, value in facts)
    assert_shown(page, facts)


def test_a_file_outside_a_transaction_says_what_a_failure_leaves(
    project: Project, viewer: User, client_of: ClientOf
) -> None:
    project.write(_001_index="CREATE INDEX CONCURRENTLY users_id ON users (id);")
    page = client_of(viewer).get("/migrations/001/index/")
    facts = page.context["page"].facts
    assert any(says(str(value), "committed by itself") for _, value in facts)
    assert_shown(page, facts)


def test_no_rollback_is_explained(project: Project, viewer: User, client_of: ClientOf) -> None:
    project.write(
        _001_users="CREATE TABLE users (id int);", _002_city="-- signalbox: irreversible=data is gone\nSELECT 1;"
    )
    client = client_of(viewer)
    for url, words in (("/migrations/001/users/", "001_users_rollback.sql"), ("/migrations/002/city/", "data is gone")):
        page = client.get(url)
        sentences = page.context["page"].no_down
        assert says(" ".join(sentences), words)
        assert_shown(page, sentences)


def test_a_rollback_that_cannot_run_is_said_to_be_none(project: Project, viewer: User, client_of: ClientOf) -> None:
    project.write(_001_users="CREATE TABLE users (id int);", _001_rollback="DROP TABEL users;")
    page = client_of(viewer).get("/migrations/001/users/")
    assert page.context["page"].down.refused
    assert page.content.decode().split('id="down-title"')[1].count('class="notice" data-tone="danger"') == 1
    assert "syntax error" in page.content.decode().split('id="down-L1"')[1].split("</li>")[0]


def test_a_migration_whose_file_is_gone_is_still_a_page(
    two_files: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    observations.refresh_all()
    (two_files.folder / "002_orders.sql").unlink()
    page = client_of(requester).get("/migrations/002/orders/")
    view = page.context["page"]
    assert (page.status_code, view.up, alerts(page)) == (200, None, ["warn"])
    staging, production = view.places
    assert (staging.pill, production.pill.icon) == (MIGRATION[State.MISSING], "unknown")
    assert_shown(page, staging.pill, staging.sentence, production.pill, production.sentence)


def test_without_the_folder_a_page_tells_what_is_recorded(
    two_files: Project,
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
    page = client.get("/migrations/002/orders/")
    staging = page.context["page"].places[0]
    assert says(staging.sentence, "recorded")
    assert_shown(page, staging.pill, staging.sentence)
    page = client.get("/migrations/")
    assert page.context["failure"].code == "source_missing"
    assert_shown(page, page.context["failure"].sentence)


def test_sql_on_the_page_is_text_and_never_markup(project: Project, viewer: User, client_of: ClientOf) -> None:
    project.write(_001_users="SELECT '<script>alert(1)</script>';")
    assert "<script>alert" not in client_of(viewer).get("/migrations/001/users/").content.decode()


def test_a_migration_nobody_knows_is_not_found(two_files: Project, viewer: User, client_of: ClientOf) -> None:
    assert client_of(viewer).get("/migrations/999/nothing/").status_code == 404
