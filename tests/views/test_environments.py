"""The list of environments, the page of one, and a fresh look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from config.environments import Environment
from dashboard.engine.migration import MigrationId
from dashboard.engine.status import State
from dashboard.models import Observation
from dashboard.presenters.environment_history import CHECKSUMS
from dashboard.presenters.statuses import BLOCKED, MIGRATION
from dashboard.services import observations, plans, runs
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.presenters.values import says
from tests.views.pages import alerts, assert_refused, assert_shown, is_empty, links, text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

    from dashboard.models import ChangeRequest, Run
    from dashboard.services.actors import Actor

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/environments/staging/"


@pytest.fixture
def skip_on_staging(project: Project, admin: User, acting: Callable[[User], Actor]) -> Callable[..., None]:
    from dashboard.services import execution

    def skip(version: str, name: str, reason: str) -> None:
        plan = plans.skip(project.staging, [MigrationId(version, name)], reason=reason)
        execution.execute(runs.start(plan, environment=project.staging, by=acting(admin)).pk)
        observations.refresh(project.staging)

    return skip


def test_the_list_shows_each_environment(two_files: Project, viewer: User, client_of: ClientOf) -> None:
    observations.refresh_all()
    page = client_of(viewer).get("/environments/")
    cards = page.context["cards"]
    assert [(card.badge.slug, card.known, card.pending) for card in cards] == [
        ("staging", True, 2),
        ("production", True, 2),
    ]
    assert_shown(page, *(card.badge for card in cards), *(card.pill for card in cards))


def test_the_page_lists_what_is_for_other_environments(two_files: Project, viewer: User, client_of: ClientOf) -> None:
    two_files.write(_003_seeds="-- signalbox: environments=production\nINSERT INTO users VALUES (1);")
    observations.refresh_all()
    page = client_of(viewer).get(PAGE)
    (entry,) = page.context["page"].excepted
    assert [shown.version for shown in page.context["page"].waiting] == ["001", "002"]
    assert entry.url in links(page)
    assert "003_seeds is not for this environment: it is for production only." in text(page)
    assert page.context["page"].card.pending == 2
    there = client_of(viewer).get("/environments/production/").context["page"]
    assert (there.excepted, there.card.pending) == ((), 3)


def test_a_folder_that_lacks_many_files_is_told_in_one_sentence(
    project: Project, requester: User, acting: Callable[[User], Actor], client_of: ClientOf
) -> None:
    from dashboard.services import execution

    names = [f"00{number}_t{number}" for number in range(1, 5)]
    project.write(**{f"_{name}": f"CREATE TABLE {name[4:]} (id int);" for name in names})
    execution.execute(runs.start(plans.apply(project.staging), environment=project.staging, by=acting(requester)).pk)
    for name in names:
        (project.folder / f"{name}.sql").unlink()
    observations.refresh(project.staging)
    page = client_of(requester).get(PAGE)
    (notice,) = page.context["page"].notices
    assert says(notice.sentence, "4 migrations")
    assert_shown(page, notice)


def test_what_is_pending_stands_in_order_with_the_button_that_runs_it(
    two_files: Project, requester: User, client_of: ClientOf
) -> None:
    observations.refresh_all()
    page = client_of(requester).get(PAGE)
    apply = page.context["page"].apply
    assert (apply.url, says(apply.label, "2 migrations")) == ("/environments/staging/apply/", True)
    assert [(entry.version, entry.pill) for entry in page.context["page"].waiting] == [
        ("001", MIGRATION[State.PENDING]),
        ("002", MIGRATION[State.PENDING]),
    ]
    assert_shown(page, apply)
    assert text(page).index("001 users") < text(page).index("002 orders")
    production = client_of(requester).get("/environments/production/")
    request = production.context["page"].apply
    assert (says(request.label, "2 migrations"), request.label != apply.label) == (True, True)
    assert_shown(production, request)


def test_the_button_of_someone_who_may_not_says_why(two_files: Project, viewer: User, client_of: ClientOf) -> None:
    observations.refresh_all()
    page = client_of(viewer).get(PAGE)
    apply = page.context["page"].apply
    assert_refused(page, apply, "requester")


def test_while_a_run_is_under_way_the_button_names_it(
    two_files: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    observations.refresh_all()
    run = run_on_staging(requester, execute=False)
    page = client_of(requester).get(PAGE)
    apply = page.context["page"].apply
    assert_refused(page, apply, f"Run {run.pk}")


def test_the_button_counts_only_what_would_run(project: Project, requester: User, client_of: ClientOf) -> None:
    project.write(_001_users="CREATE TABLE users (id int);", _002_broken="CREATE TABEL oops;", _003_city="SELECT 1;")
    observations.refresh_all()
    page = client_of(requester).get(PAGE)
    view = page.context["page"]
    assert says(view.apply.label, "1 migration")
    assert says(view.stops, "002")
    assert [(entry.pill.tone, entry.runs_next) for entry in view.waiting[:2]] == [
        (MIGRATION[State.PENDING].tone, True),
        (BLOCKED.tone, False),
    ]
    problem = next(problem for problem in view.waiting[1].files[0].problems if problem.code == "syntax_error")
    assert '"TABEL"' in problem.sentence
    assert_shown(page, view.apply, view.stops, view.waiting[1].pill, problem.sentence)


def test_files_with_one_number_are_one_entry_that_an_admin_decides(
    project: Project, viewer: User, admin: User, client_of: ClientOf
) -> None:
    project.write(_001_users="CREATE TABLE users (id int);", _001_orders="CREATE TABLE orders (id int);")
    observations.refresh_all()
    page = client_of(admin).get(PAGE)
    (entry,) = page.context["page"].waiting
    assert (len(entry.files), entry.pill, entry.runs_next) == (2, MIGRATION[State.CONFLICT], False)
    assert says(entry.sentence, "2 files")
    assert_shown(page, entry.sentence, entry.pill)
    assert "/environments/staging/skip/001/" in links(page)
    assert "/environments/staging/skip/001/" not in links(client_of(viewer).get(PAGE))


def test_history_offers_the_way_back(
    two_files: Project, requester: User, viewer: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = run_on_staging(requester)
    observations.refresh_all()
    page = client_of(requester).get(PAGE)
    row = page.context["page"].history[-1]
    assert (row.identity, row.pill, row.checksum) == (
        MigrationId("001", "users"),
        MIGRATION[State.APPLIED],
        CHECKSUMS[State.APPLIED],
    )
    assert (row.duration_ms, row.by, row.run_url) == (_took(two_files), "alice", f"/runs/{run.pk}/")
    assert_shown(page, *row.identity, row.pill, row.by, row.checksum[1])
    assert {row.url, row.run_url} <= set(links(page))
    assert "/environments/staging/rollback/001/users/" in links(page)
    assert not [url for url in links(client_of(viewer).get(PAGE)) if "/rollback/" in url]


def test_history_says_where_the_way_back_ends(
    project: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    project.write(_001_users="CREATE TABLE users (id int);", _001_rollback="DROP TABLE users;")
    project.write(_002_orders="CREATE TABLE orders (id int);")
    project.write(_003_city="CREATE TABLE city (id int);", _003_rollback="DROP TABLE city;")
    run_on_staging(requester)
    observations.refresh_all()
    page = client_of(requester).get(PAGE)
    assert [url for url in links(page) if "/rollback/" in url] == ["/environments/staging/rollback/003/city/"]
    reasons = [row.roll_back.reason for row in page.context["page"].history if row.roll_back.show]
    assert [bool(reason) for reason in reasons] == [False, True]
    assert text(page).count(reasons[1]) == 1


def test_a_failure_tells_what_happened_what_remains_and_what_next(
    project: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    project.write(_001_users="CREATE TABLE users (id int);\nINSERT INTO users VALUES ('x');")
    run = run_on_staging(requester)
    observations.refresh_all()
    page = client_of(requester).get(PAGE)
    (mishap,) = page.context["page"].mishaps
    assert ("001_users" in mishap.happened, mishap.state_tone) == (True, "ok")
    assert dict(mishap.facts)["SQLSTATE"] == "22P02"
    assert mishap.url == "/migrations/001/users/#L2"
    assert_shown(page, mishap)
    assert f"/runs/{run.pk}/" in links(page)
    (entry,) = page.context["page"].waiting
    assert (entry.version, entry.pill) == ("001", MIGRATION[State.FAILED])


def test_a_failure_another_tool_recorded_is_told_too(project: Project, viewer: User, client_of: ClientOf) -> None:
    project.write(_001_users="CREATE TABLE users (id int);")
    project.query(
        project.staging,
        "CREATE SCHEMA platform; CREATE TABLE platform.schema_migrations (version text PRIMARY KEY, name text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now(), execution_time_ms integer, checksum text NOT NULL,"
        " success boolean NOT NULL DEFAULT true, error_message text, rollback_script text);"
        "INSERT INTO platform.schema_migrations (version, name, checksum, success, error_message)"
        " VALUES ('001', 'users', 'manual', false, 'disk full')",
    )
    observations.refresh_all()
    page = client_of(viewer).get(PAGE)
    (mishap,) = page.context["page"].mishaps
    assert "001_users" in mishap.title
    assert "disk full" in text(page)
    assert_shown(page, mishap)


def test_an_edited_file_is_said_at_the_top_and_stops_the_button(
    two_files: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    two_files.write(_001_users="CREATE TABLE users (id bigint);", _003_city="SELECT 1;")
    observations.refresh_all()
    page = client_of(requester).get(PAGE)
    view = page.context["page"]
    (notice,) = view.notices
    assert ("001_users" in notice.sentence, notice.tone) == (True, "danger")
    assert view.apply.disabled
    row = next(row for row in view.history if row.identity.version == "001")
    assert row.checksum == CHECKSUMS[State.MODIFIED]
    assert_shown(page, notice, view.apply, row.checksum[1])


def test_a_skip_shows_its_reason_and_an_admin_can_take_it_back(
    two_files: Project, viewer: User, admin: User, skip_on_staging: Callable[..., None], client_of: ClientOf
) -> None:
    skip_on_staging("001", "users", "Lives in another database")
    page = client_of(admin).get(PAGE)
    (row,) = page.context["page"].history
    assert (row.pill, row.reason) == (MIGRATION[State.SKIPPED], "Lives in another database")
    assert_shown(page, row.pill, row.reason)
    assert "/environments/staging/unskip/001/users/" in links(page)
    assert not [url for url in links(client_of(viewer).get(PAGE)) if "/unskip/" in url]


def test_open_requests_and_the_policy_stand_beside_it(
    open_request: Callable[[User], ChangeRequest], requester: User, client_of: ClientOf
) -> None:
    request = open_request(requester)
    page = client_of(requester).get("/environments/production/")
    assert f"/requests/{request.pk}/" in links(page)
    facts = dict(page.context["page"].facts)
    assert says(facts["To run"], "second person")
    assert says(facts["An approval"], "3 days")
    assert_shown(page, page.context["page"].facts)


def test_a_database_without_a_tracking_table_is_explained(project: Project, viewer: User, client_of: ClientOf) -> None:
    observations.refresh_all()
    page = client_of(viewer).get(PAGE)
    view = page.context["page"]
    assert (view.history_exists, view.history, view.waiting, view.card.known) == (False, (), (), True)
    assert page.content.decode().count('class="empty-state"') == 2, "neither a history nor anything to come"
    assert says(text(page), "no tracking table")


def test_an_unreachable_one_shows_the_reason_and_what_was_seen(
    two_files: Project,
    requester: User,
    run_on_staging: Callable[..., Run],
    unreachable: Callable[[Environment], Environment],
    client_of: ClientOf,
) -> None:
    run_on_staging(requester)
    observations.refresh_all()
    observations.refresh(unreachable(two_files.staging))
    page = client_of(requester).get(PAGE)
    view = page.context["page"]
    assert "127.0.0.1:1/gone as nobody" in view.card.trouble
    assert "URL_OF_STAGING" in view.card.next_step
    assert_shown(page, view.card.trouble, view.card.next_step)
    assert alerts(page) == [view.card.pill.tone]
    assert [row.identity.version for row in view.history] == ["002", "001"]
    assert_shown(page, *(row.pill for row in view.history), *(row.identity for row in view.history))
    assert "s3cret" not in page.content.decode()


def test_a_page_never_asks_the_target(
    two_files: Project, viewer: User, client_of: ClientOf, settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dashboard.services import targets

    def never(*args: object, **options: object) -> None:
        raise AssertionError("a page asked the target")

    observations.refresh_all()
    monkeypatch.setattr(targets, "look", never)
    for url in ("/", "/environments/", PAGE, "/migrations/", "/migrations/001/users/", "/migrations/problems/"):
        assert client_of(viewer).get(url).status_code == 200


def test_without_the_folder_the_history_still_shows(
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
    page = client_of(requester).get(PAGE)
    view = page.context["page"]
    assert page.context["failure"].code == "source_missing"
    assert_shown(page, page.context["failure"].sentence)
    assert [(row.identity.version, row.checksum[0]) for row in view.history] == [("002", "unknown"), ("001", "unknown")]
    assert_shown(page, *(row.checksum[1] for row in view.history))
    assert (view.card.known, view.waiting, is_empty(page)) == (False, (), True)


def test_refresh_looks_and_returns_to_where_it_was_asked(two_files: Project, viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    answer = client.post("/environments/staging/refresh/", {"back": "overview"}, follow=True)
    assert answer.redirect_chain == [("/", 302)]
    assert [message.level_tag for message in answer.context["messages"]] == ["success"]
    assert Observation.objects.get(pk="staging").ok
    assert client.post("/environments/staging/refresh/", {"back": "//evil.example"}).url == PAGE


def test_a_refresh_that_gets_no_answer_says_so(
    two_files: Project, viewer: User, unreachable: Callable[[Environment], Environment], client_of: ClientOf
) -> None:
    unreachable(two_files.staging)
    answer = client_of(viewer).post("/environments/staging/refresh/", follow=True)
    (message,) = answer.context["messages"]
    assert (message.level_tag, "Staging" in message.message) == ("warning", True)
    assert_shown(answer, message.message, answer.context["page"].card.trouble)


def test_an_environment_without_a_database_says_which_variable(
    two_files: Project, viewer: User, client_of: ClientOf, settings: SettingsWrapper
) -> None:
    settings.ENVIRONMENTS = (replace(two_files.staging, url=""),)
    page = client_of(viewer).get(PAGE)
    card = page.context["page"].card
    assert "URL_OF_STAGING" in card.next_step
    assert_shown(page, card.trouble, card.next_step)


def _took(project: Project) -> int:
    """Milliseconds, as the target has them."""
    sql = "SELECT execution_time_ms FROM platform.schema_migrations WHERE version = '001'"
    return project.query(project.staging, sql)[0][0]
