"""The schema of an environment: in line, drifted, never checked, unreachable; accepting; two side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from config.environments import Environment
from dashboard.models import AuditEvent, DriftCheck, Run
from dashboard.services import drift, execution, observations, plans, runs
from dashboard.services.actors import SIGNALBOX, Actor
from tests.fix_line import Line
from tests.fix_people import ClientOf
from tests.views.pages import text

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS = "/environments/staging/drift/"


@pytest.fixture(autouse=True)
def _no_jobs(db: None) -> None:
    """The queue's own tables are not emptied between tests."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


def look(environment: Environment) -> DriftCheck:
    return drift.check(environment, by=SIGNALBOX)


@pytest.fixture
def drifted(line: Line) -> Line:
    """users has a column, and a function another body, that no run made."""
    function = "CREATE OR REPLACE FUNCTION public.answer() RETURNS int LANGUAGE sql AS 'SELECT {}'"
    for environment in (line.staging, line.production):
        line.query(environment, "CREATE TABLE users (id int)")
        line.query(environment, function.format(41))
        look(environment)
    for environment in (line.staging, line.production):
        line.query(environment, "ALTER TABLE users ADD phone text")
        line.query(environment, function.format(42))
        look(environment)
    return line


def test_a_schema_nobody_looked_at_says_what_the_first_look_is_for(
    line: Line, viewer: User, client_of: ClientOf
) -> None:
    page = client_of(viewer).get(ADDRESS)
    assert "Never checked" in text(page)
    assert "The first look is kept, and later ones are compared with it." in text(page)
    assert "Nobody has looked yet." in text(client_of(viewer).get("/environments/staging/"))


def test_in_line_says_since_which_run(
    two_files: Line, requester: User, client_of: ClientOf, run_on_staging: Callable[[User], Run]
) -> None:
    run = run_on_staging(requester)
    shown = text(client_of(requester).get(ADDRESS))
    assert ("In line" in shown, f"As run {run.pk} left it." in shown) == (True, True)
    assert "Nothing differs" in shown


def test_drift_is_listed_by_table_with_what_to_do(drifted: Line, viewer: User, client_of: ClientOf) -> None:
    page = client_of(viewer).get(ADDRESS)
    shown = text(page)
    assert "2 objects were changed outside Signalbox." in shown
    assert [g.name for g in page.context["page"].diff.groups] == ["public.users", "function public.answer()"]
    assert "column public.users.phone: added" in shown
    assert "removed: " in shown
    assert "SELECT 41" in shown
    assert "write it into a new migration" in shown


def test_the_environment_and_the_overview_say_so(drifted: Line, viewer: User, client_of: ClientOf) -> None:
    observations.refresh_all()
    client = client_of(viewer)
    detail = text(client.get("/environments/staging/"))
    assert "2 objects of its schema were changed outside Signalbox. See which" in detail
    assert "Schema Drifted 2 objects were changed outside Signalbox." in detail
    overview = client.get("/")
    assert "2 objects of its schema were changed outside Signalbox." in text(overview)
    assert "Needs attention" in text(overview)
    assert f'href="{ADDRESS}"' in overview.content.decode()


def test_a_check_is_asked_for_and_its_result_shows_by_itself(line: Line, viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    answer = client.post(f"{ADDRESS}check/")
    assert answer.headers["Location"] == ADDRESS
    assert ProcrastinateJob.objects.filter(task_name="check_drift", args__environment="staging").count() == 1
    waiting = client.get(ADDRESS)
    assert "A check waits for the worker, or is under way." in text(waiting)
    assert 'hx-trigger="every 2s"' in waiting.content.decode()
    assert "Check now" not in text(waiting)


def test_an_unreachable_target_says_why_and_what_was_known(
    drifted: Line, viewer: User, client_of: ClientOf, unreachable: Callable[[Environment], Environment]
) -> None:
    look(unreachable(drifted.staging))
    shown = text(client_of(viewer).get(ADDRESS))
    assert "Unreachable" in shown
    assert "Staging cannot be reached at 127.0.0.1:1/gone as nobody" in shown
    assert "from the last time it answered" in shown
    assert "column public.users.phone: added" in shown
    assert "s3cret" not in shown


def test_a_late_look_after_a_run_says_what_it_cannot_tell(
    two_files: Line,
    requester: User,
    acting: Callable[[User], Actor],
    client_of: ClientOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    look(two_files.staging)
    monkeypatch.setattr(drift, "after_run", lambda run: None)
    run = runs.start(plans.apply(two_files.staging), environment=two_files.staging, by=acting(requester))
    execution.execute(run.pk)
    run.refresh_from_db()
    Run.objects.filter(pk=run.pk).update(finished_at=run.finished_at - drift.LATE * 2)
    DriftCheck.objects.update(at=run.finished_at - drift.LATE * 3)
    look(two_files.staging)
    assert f"could not be read right after run {run.pk}" in text(client_of(requester).get(ADDRESS))


def test_only_an_administrator_accepts(drifted: Line, approver: User, client_of: ClientOf) -> None:
    client = client_of(approver)
    shown = text(client.get(ADDRESS))
    assert "Your role does not allow you to accept a changed schema." in shown
    fingerprint = DriftCheck.objects.filter(environment="staging")[0].fingerprint
    assert client.post(f"{ADDRESS}accept/", {"fingerprint": fingerprint, "reason": "because"}).status_code == 403


def test_accepting_wants_a_reason_and_is_in_the_audit_log(drifted: Line, admin: User, client_of: ClientOf) -> None:
    client = client_of(admin)
    fingerprint = client.get(ADDRESS).context["page"].fingerprint
    assert client.post(f"{ADDRESS}accept/", {"fingerprint": fingerprint}).status_code == 422
    answer = client.post(f"{ADDRESS}accept/", {"fingerprint": fingerprint, "reason": "Hotfix of Tuesday"}, follow=True)
    assert "From now on this is the expected schema of Staging." in text(answer)
    assert "As carol accepted it." in text(answer)
    log = text(client.get("/audit/"))
    assert "carol accepted the schema of Staging as it was found, with 2 objects changed outside Signalbox" in log
    assert "“Hotfix of Tuesday”" in log


def test_on_a_protected_environment_the_name_is_typed(drifted: Line, admin: User, client_of: ClientOf) -> None:
    client, address = client_of(admin), "/environments/production/drift/"
    given = {"fingerprint": client.get(address).context["page"].fingerprint, "reason": "Hotfix"}
    refused = client.post(f"{address}accept/", given | {"typed_name": "staging"})
    assert (refused.status_code, "The name you typed is not production." in text(refused)) == (422, True)
    assert client.post(f"{address}accept/", given | {"typed_name": "production"}).status_code == 302


def test_what_moved_on_since_the_page_is_not_accepted(drifted: Line, admin: User, client_of: ClientOf) -> None:
    client = client_of(admin)
    fingerprint = client.get(ADDRESS).context["page"].fingerprint
    drifted.query(drifted.staging, "DROP TABLE users")
    look(drifted.staging)
    answer = client.post(f"{ADDRESS}accept/", {"fingerprint": fingerprint, "reason": "Hotfix"})
    assert (answer.status_code, "Nothing was accepted." in text(answer)) == (409, True)
    assert not AuditEvent.objects.filter(kind="drift.accepted").exists()


# Side by side


def test_the_last_two_environments_are_compared_unless_others_are_asked_for(
    line: Line, viewer: User, client_of: ClientOf
) -> None:
    client = client_of(viewer)
    page = client.get("/compare/")
    assert [s.place.slug for s in page.context["page"].sides] == ["staging", "production"]
    assert text(page).count("Nobody has looked at its schema yet.") == 2
    page = client.get("/compare/?a=production&b=staging")
    assert [s.place.slug for s in page.context["page"].sides] == ["production", "staging"]
    assert client.get("/compare/?a=staging&b=staging").context["page"] is None
    assert client.get("/compare/?a=nowhere").status_code == 200


def test_a_difference_that_a_migration_makes_is_explained_by_it(
    two_files: Line, requester: User, client_of: ClientOf, run_on_staging: Callable[[User], Run]
) -> None:
    look(two_files.production)
    run_on_staging(requester)
    observations.refresh_all()
    page = client_of(requester).get("/compare/?a=staging&b=production")
    shown = text(page)
    assert "Explained by migrations" in shown
    assert "001_users" in shown
    assert "By 001_users and 002_orders, applied in Staging only" in shown
    assert "table public.users: only in Staging, with 1 column" in shown
    two_files.query(two_files.production, "CREATE TABLE by_hand (id int)")
    look(two_files.production)
    shown = text(client_of(requester).get("/compare/?a=staging&b=production"))
    assert "2 of them not explained by a migration" in shown
    assert shown.count("Not explained by a migration") == 1


def test_another_order_of_columns_is_named_as_such(line: Line, viewer: User, client_of: ClientOf) -> None:
    line.query(line.staging, "CREATE TABLE users (id int, name text)")
    line.query(line.production, "CREATE TABLE users (name text, id int)")
    look(line.staging)
    look(line.production)
    shown = text(client_of(viewer).get("/compare/"))
    assert "Another order of columns" in shown
    assert "Only the order of columns differs, in 1 table." in shown


def test_equal_schemas_are_the_same(line: Line, viewer: User, client_of: ClientOf) -> None:
    look(line.staging)
    look(line.production)
    assert "The two schemas are the same, object by object." in text(client_of(viewer).get("/compare/"))
