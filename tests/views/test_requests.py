"""The approval queue: asking, deciding, running."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.environments import Environment
from dashboard.engine.migration import AppliedMigration, History
from dashboard.models import ChangeRequest, Run
from dashboard.services import observations
from dashboard.services.actors import Actor
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.presenters.values import says
from tests.services.workflow import expire
from tests.views.pages import alerts, assert_refused, assert_shown, digest_on, error_code, is_empty, posts, text
from tests.views.worker import execute_newest

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db


# Asking


def test_the_apply_page_shows_what_would_run(two_files: Project, requester: User, client_of: ClientOf) -> None:
    page = client_of(requester).get("/environments/production/apply/")
    plan = page.context["plan"]
    assert (page.status_code, page.context["asks"], plan.place.slug) == (200, True, "production")
    assert [(step.label, step.lacks_rollback) for step in plan.steps] == [("001_users", False), ("002_orders", False)]
    assert "CREATE TABLE orders (id int );" in text(page).replace("(id int)", "(id int )")
    assert says(page.context["label"], "2 migrations")
    assert_shown(page, plan.title, page.context["label"], plan.certain)


def test_the_apply_page_never_shows_the_url_of_the_database(
    two_files: Project, requester: User, client_of: ClientOf
) -> None:
    page = client_of(requester).get("/environments/production/apply/").content.decode()
    assert two_files.production.url not in page
    assert "postgresql://" not in page


def test_sending_it_opens_a_request_on_a_protected_environment(
    two_files: Project, requester: User, client_of: ClientOf
) -> None:
    client = client_of(requester)
    digest = digest_on(client.get("/environments/production/apply/"))
    answer = client.post("/environments/production/apply/", {"digest": digest, "reason": "December release"})
    request = ChangeRequest.objects.get()
    assert answer.headers["Location"] == f"/requests/{request.pk}/"
    assert (request.status, request.reason, Run.objects.count()) == ("open", "December release", 0)


def test_a_request_wants_a_reason(two_files: Project, requester: User, client_of: ClientOf) -> None:
    client = client_of(requester)
    digest = digest_on(client.get("/environments/production/apply/"))
    answer = client.post("/environments/production/apply/", {"digest": digest})
    assert answer.status_code == 422
    assert not ChangeRequest.objects.exists()


def test_sending_it_starts_a_run_on_a_free_environment(
    two_files: Project, requester: User, client_of: ClientOf
) -> None:
    client = client_of(requester)
    page = client.get("/environments/staging/apply/")
    assert (page.context["asks"], says(page.context["label"], "2 migrations")) == (False, True)
    answer = client.post("/environments/staging/apply/", {"digest": digest_on(page)})
    run = Run.objects.get()
    assert (answer.headers["Location"], run.status) == (f"/runs/{run.pk}/", "queued")
    execute_newest()
    assert not list(client.get(f"/runs/{run.pk}/").context["messages"]), "a message would outlive what it says"


def test_sending_it_twice_starts_one_run(two_files: Project, requester: User, client_of: ClientOf) -> None:
    client = client_of(requester)
    sent = {"digest": digest_on(client.get("/environments/staging/apply/"))}
    client.post("/environments/staging/apply/", sent)
    again = client.post("/environments/staging/apply/", sent)
    assert (again.status_code, Run.objects.count()) == (409, 1)
    assert error_code(again) == "environment_occupied"


def test_a_file_edited_behind_the_page_is_refused(two_files: Project, requester: User, client_of: ClientOf) -> None:
    client = client_of(requester)
    sent = {"digest": digest_on(client.get("/environments/staging/apply/"))}
    two_files.write(_002_orders="CREATE TABLE orders (id bigint);")
    answer = client.post("/environments/staging/apply/", sent)
    assert (answer.status_code, Run.objects.count()) == (409, 0)
    assert error_code(answer) == "page_outdated"


def test_upto_leaves_out_what_comes_later(two_files: Project, requester: User, client_of: ClientOf) -> None:
    client = client_of(requester)
    page = client.get("/environments/staging/apply/?upto=001")
    assert says(page.context["label"], "1 migration")
    client.post("/environments/staging/apply/?upto=001", {"digest": digest_on(page)})
    assert [step.version for step in Run.objects.get().steps.all()] == ["001"]


def test_the_page_says_where_the_plan_stops(two_files: Project, requester: User, client_of: ClientOf) -> None:
    two_files.write(_003_broken="CREATE TABEL x ();")
    page = client_of(requester).get("/environments/staging/apply/")
    assert says(page.context["plan"].stops_before, "003_broken")
    assert_shown(page, page.context["plan"].stops_before)


def test_nothing_to_do_is_said_and_not_an_error_page(project: Project, requester: User, client_of: ClientOf) -> None:
    answer = client_of(requester).get("/environments/staging/apply/")
    assert (answer.status_code, error_code(answer)) == (422, "nothing_to_do")


def test_a_viewer_cannot_start_a_run(two_files: Project, viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    sent = {"digest": digest_on(client.get("/environments/staging/apply/"))}
    assert client.post("/environments/staging/apply/", sent).status_code == 403
    assert not Run.objects.exists()


def test_an_unreachable_target_is_named_without_its_password(
    two_files: Project, unreachable: Callable[..., object], requester: User, client_of: ClientOf
) -> None:
    unreachable(two_files.production)
    answer = client_of(requester).get("/environments/production/apply/")
    assert (answer.status_code, error_code(answer)) == (503, "unreachable")
    assert "s3cret" not in answer.content.decode()


# The queue


def test_the_queue_shows_an_approver_what_waits(
    open_request: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    open_request(requester)
    for who, url in ((approver, "/requests/"), (requester, "/requests/?tab=open")):
        page = client_of(who).get(url)
        (row,) = page.context["rows"]
        assert row.reason == "December release"
        assert_shown(page, row.reason, row.title, row.pill)
    assert is_empty(client_of(requester).get("/requests/"))


def test_an_approved_request_waits_for_the_one_who_asked(
    approved_request: ChangeRequest, requester: User, client_of: ClientOf
) -> None:
    assert approved_request.title in text(client_of(requester).get("/requests/"))


@pytest.mark.parametrize("tab", ["me", "open", "done", "nonsense", ""])
def test_every_tab_answers_everyone_who_has_a_role(
    project: Project, viewer: User, client_of: ClientOf, tab: str
) -> None:
    assert client_of(viewer).get(f"/requests/?tab={tab}").status_code == 200


def test_the_queue_asks_the_database_no_more_for_more_requests(
    open_request: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    client = client_of(approver)
    counts = []
    for _ in range(2):
        for _ in range(3):
            open_request(requester)
        with CaptureQueriesContext(connection) as queries:
            client.get("/requests/?tab=open")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 15


# One request


def test_the_approver_sees_everything_on_one_screen(
    open_request: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    request = open_request(requester)
    page = client_of(approver).get(f"/requests/{request.pk}/")
    for words in ("December release", "CREATE TABLE users", "DROP TABLE users", request.digest[:12]):
        assert words in text(page)
    assert says(page.context["promise"], "rollback")
    assert says(page.context["promise"], "3 days")
    assert_shown(page, page.context["promise"], page.context["then"])
    assert f"/requests/{request.pk}/approve/" in posts(page)


def test_the_requester_reads_why_they_cannot_approve(
    open_request: Callable[[User], ChangeRequest], approver: User, client_of: ClientOf
) -> None:
    page = client_of(approver).get(f"/requests/{open_request(approver).pk}/")
    approve = page.context["actions"].approve
    assert_refused(page, approve, "someone else")


def test_a_viewer_reads_which_role_decides(
    open_request: Callable[[User], ChangeRequest], requester: User, viewer: User, client_of: ClientOf
) -> None:
    page = client_of(viewer).get(f"/requests/{open_request(requester).pk}/")
    approve = page.context["actions"].approve
    assert_refused(page, approve, "approver")


def test_approve_only_runs_nothing(
    open_request: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    request = open_request(requester)
    sent = {"digest": request.digest, "comment": "Looks right", "then": ""}
    client_of(approver).post(f"/requests/{request.pk}/approve/", sent)
    request.refresh_from_db()
    assert (request.status, request.decisions.get().reason, Run.objects.count()) == ("approved", "Looks right", 0)


def test_approve_and_run_starts_it(
    open_request: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    request = open_request(requester)
    sent = {"digest": request.digest, "then": "run", "typed_name": "production"}
    answer = client_of(approver).post(f"/requests/{request.pk}/approve/", sent)
    run = Run.objects.get()
    assert (answer.headers["Location"], run.request_id) == (f"/runs/{run.pk}/", request.pk)


def test_a_wrong_name_approves_nothing(
    open_request: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    request = open_request(requester)
    sent = {"digest": request.digest, "then": "run", "typed_name": "staging"}
    answer = client_of(approver).post(f"/requests/{request.pk}/approve/", sent)
    request.refresh_from_db()
    assert (answer.status_code, request.status, Run.objects.count()) == (422, "open", 0)
    (error,) = answer.context["approve_form"].errors["typed_name"]
    assert says(error, "production")
    assert_shown(answer, error)


def test_where_the_run_cannot_start_nothing_is_approved(
    open_request: Callable[[User], ChangeRequest],
    two_files: Project,
    requester: User,
    approver: User,
    client_of: ClientOf,
    acting: Callable[[User], Actor],
) -> None:
    first, second = open_request(requester), open_request(requester)
    sent = {"then": "run", "typed_name": "production"}
    client_of(approver).post(f"/requests/{first.pk}/approve/", {**sent, "digest": first.digest})
    answer = client_of(approver).post(f"/requests/{second.pk}/approve/", {**sent, "digest": second.digest})
    second.refresh_from_db()
    assert (answer.status_code, second.status, Run.objects.count()) == (409, "open", 1)


def test_the_requester_cannot_approve_by_sending_the_form(
    open_request: Callable[[User], ChangeRequest], approver: User, client_of: ClientOf
) -> None:
    request = open_request(approver)
    answer = client_of(approver).post(f"/requests/{request.pk}/approve/", {"digest": request.digest, "then": ""})
    request.refresh_from_db()
    assert (answer.status_code, request.status) == (403, "open")


def test_another_digest_is_not_approved(
    open_request: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    request = open_request(requester)
    answer = client_of(approver).post(f"/requests/{request.pk}/approve/", {"digest": "0" * 64, "then": ""})
    request.refresh_from_db()
    assert (answer.status_code, request.status) == (409, "open")


def test_rejecting_wants_a_reason(
    open_request: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    request = open_request(requester)
    client = client_of(approver)
    bare = client.post(f"/requests/{request.pk}/reject/", {"digest": request.digest})
    assert bare.status_code == 422
    assert_shown(bare, *bare.context["reject_form"].errors["reason"])
    client.post(f"/requests/{request.pk}/reject/", {"digest": request.digest, "reason": "Too risky on a Friday"})
    request.refresh_from_db()
    assert request.status == "rejected"
    assert "Too risky on a Friday" in text(client.get(f"/requests/{request.pk}/"))


def test_the_requester_withdraws(
    open_request: Callable[[User], ChangeRequest], requester: User, client_of: ClientOf
) -> None:
    request = open_request(requester)
    client = client_of(requester)
    assert f"/requests/{request.pk}/withdraw/" in posts(client.get(f"/requests/{request.pk}/"))
    client.post(f"/requests/{request.pk}/withdraw/")
    request.refresh_from_db()
    assert request.status == "withdrawn"
    assert client.post(f"/requests/{request.pk}/withdraw/").status_code == 409


def test_an_approved_request_is_run_by_typing_the_name(
    approved_request: ChangeRequest, requester: User, client_of: ClientOf
) -> None:
    client, address = client_of(requester), f"/requests/{approved_request.pk}/"
    assert f"{address}run/" in posts(client.get(address))
    assert client.post(f"{address}run/", {"typed_name": "prod"}).status_code == 422
    answer = client.post(f"{address}run/", {"typed_name": "production"})
    assert answer.headers["Location"] == f"/runs/{Run.objects.get().pk}/"


def test_a_banner_says_that_a_file_was_edited_since(
    open_request: Callable[[User], ChangeRequest],
    two_files: Project,
    requester: User,
    approver: User,
    client_of: ClientOf,
) -> None:
    request = open_request(requester)
    two_files.write(_002_orders="CREATE TABLE orders (id bigint);")
    page = client_of(approver).get(f"/requests/{request.pk}/")
    actions = page.context["actions"]
    assert says(actions.objection, "002_orders.sql was edited")
    assert actions.approve.disabled
    assert_shown(page, actions.objection, actions.approve)
    assert alerts(page) == ["danger"]
    assert f"/requests/{request.pk}/approve/" not in posts(page)
    assert f"/requests/{request.pk}/reject/" in posts(page)


def test_the_requester_reads_who_can_decide(
    open_request: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    request = open_request(requester)
    page = client_of(requester).get(f"/requests/{request.pk}/")
    assert page.context["deciders"] == "bob"
    assert says(text(page), "bob")
    approver.groups.clear()
    page = client_of(requester).get(f"/requests/{request.pk}/")
    assert not page.context["deciders"]
    assert says(text(page), "Nobody else")


def test_a_request_outlives_the_declaration_of_its_environment(
    open_request: Callable[[User], ChangeRequest],
    two_files: Project,
    requester: User,
    approver: User,
    client_of: ClientOf,
    settings: SettingsWrapper,
) -> None:
    request, client = open_request(requester), client_of(approver)
    settings.ENVIRONMENTS = (two_files.staging,)
    page = client.get(f"/requests/{request.pk}/")
    assert says(page.context["actions"].objection, "production")
    assert_shown(page, page.context["actions"].objection)
    assert "CREATE TABLE" in text(page)
    assert "/environments/production/" not in page.content.decode()
    sent = {"digest": request.digest, "typed_name": "production", "then": "run", "comment": ""}
    assert client.post(f"/requests/{request.pk}/approve/", sent).status_code == 404
    assert client.post(f"/requests/{request.pk}/reject/", {**sent, "reason": "It is gone."}).status_code == 302


def record_another_migration(environment: Environment) -> None:
    """The last look at it saw 009, which Signalbox has not applied."""
    observation = observations.refresh(environment)
    row = AppliedMigration(version="009", name="x", applied_at=None, checksum="c")
    observation.history = History(exists=True, rows=(row,)).to_dict()
    observation.save()


def test_a_banner_says_that_the_history_moved(
    open_request: Callable[[User], ChangeRequest],
    two_files: Project,
    requester: User,
    approver: User,
    client_of: ClientOf,
) -> None:
    request = open_request(requester)
    record_another_migration(two_files.production)
    page = client_of(approver).get(f"/requests/{request.pk}/")
    assert says(page.context["actions"].objection, "009_x")
    assert_shown(page, page.context["actions"].objection)


def test_a_look_from_before_the_request_says_nothing_about_it(
    open_request: Callable[[User], ChangeRequest],
    two_files: Project,
    requester: User,
    approver: User,
    client_of: ClientOf,
) -> None:
    record_another_migration(two_files.production)
    page = client_of(approver).get(f"/requests/{open_request(requester).pk}/")
    assert (page.context["actions"].objection, alerts(page)) == ("", [])


def test_a_banner_says_that_the_kept_plan_is_not_the_one_asked_for(
    open_request: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    request = open_request(requester)
    request.frozen_plan["steps"][0]["sql"] = "DROP TABLE users;"
    request.save()
    page = client_of(approver).get(f"/requests/{request.pk}/")
    assert says(page.context["actions"].objection, "digest")
    assert_shown(page, page.context["actions"].objection)


def test_an_expired_request_offers_no_approval(
    open_request: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    request = open_request(requester)
    expire(request)
    page = client_of(approver).get(f"/requests/{request.pk}/")
    approve = page.context["actions"].approve
    assert_refused(page, approve, "expired")
