"""The approval queue: asking, deciding, running."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from dashboard.engine.migration import AppliedMigration, History
from dashboard.models import ChangeRequest, Run
from dashboard.services import approvals, observations
from dashboard.services.actors import Actor
from tests.fix_line import Line
from tests.fix_people import ClientOf
from tests.views.pages import digest_on, text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db


# Asking


def test_the_apply_page_shows_what_would_run(two_files: Line, requester: User, client_of: ClientOf) -> None:
    page = client_of(requester).get("/environments/production/apply/")
    assert page.status_code == 200
    shown = text(page)
    assert "Apply 001 and 002 to Production" in shown
    assert "CREATE TABLE orders (id int );" in shown.replace("(id int)", "(id int )")
    assert "Request approval for 2 migrations on Production" in shown
    assert "A rollback script is captured with each migration." in shown


def test_the_apply_page_never_shows_the_url_of_the_database(
    two_files: Line, requester: User, client_of: ClientOf
) -> None:
    page = client_of(requester).get("/environments/production/apply/").content.decode()
    assert two_files.production.url not in page
    assert "postgresql://" not in page


def test_sending_it_opens_a_request_on_a_protected_environment(
    two_files: Line, requester: User, client_of: ClientOf
) -> None:
    client = client_of(requester)
    digest = digest_on(client.get("/environments/production/apply/"))
    answer = client.post("/environments/production/apply/", {"digest": digest, "reason": "December release"})
    request = ChangeRequest.objects.get()
    assert answer.headers["Location"] == f"/requests/{request.pk}/"
    assert (request.status, request.reason, Run.objects.count()) == ("open", "December release", 0)


def test_a_request_wants_a_reason(two_files: Line, requester: User, client_of: ClientOf) -> None:
    client = client_of(requester)
    digest = digest_on(client.get("/environments/production/apply/"))
    answer = client.post("/environments/production/apply/", {"digest": digest})
    assert answer.status_code == 422
    assert not ChangeRequest.objects.exists()


def test_sending_it_starts_a_run_on_a_free_environment(two_files: Line, requester: User, client_of: ClientOf) -> None:
    client = client_of(requester)
    page = client.get("/environments/staging/apply/")
    assert "Apply 2 migrations to Staging" in text(page)
    answer = client.post("/environments/staging/apply/", {"digest": digest_on(page)})
    run = Run.objects.get()
    assert (answer.headers["Location"], run.status) == (f"/runs/{run.pk}/", "queued")


def test_sending_it_twice_starts_one_run(two_files: Line, requester: User, client_of: ClientOf) -> None:
    client = client_of(requester)
    sent = {"digest": digest_on(client.get("/environments/staging/apply/"))}
    client.post("/environments/staging/apply/", sent)
    again = client.post("/environments/staging/apply/", sent)
    assert (again.status_code, Run.objects.count()) == (409, 1)
    assert "one run at a time" in text(again)


def test_a_file_edited_behind_the_page_is_refused(two_files: Line, requester: User, client_of: ClientOf) -> None:
    client = client_of(requester)
    sent = {"digest": digest_on(client.get("/environments/staging/apply/"))}
    two_files.write(_002_orders="CREATE TABLE orders (id bigint);")
    answer = client.post("/environments/staging/apply/", sent)
    assert (answer.status_code, Run.objects.count()) == (409, 0)
    assert "changed since the page was opened" in text(answer)


def test_upto_leaves_out_what_comes_later(two_files: Line, requester: User, client_of: ClientOf) -> None:
    client = client_of(requester)
    page = client.get("/environments/staging/apply/?upto=001")
    assert "Apply 1 migration to Staging" in text(page)
    client.post("/environments/staging/apply/?upto=001", {"digest": digest_on(page)})
    assert [step.version for step in Run.objects.get().steps.all()] == ["001"]


def test_the_page_says_where_the_plan_stops(two_files: Line, requester: User, client_of: ClientOf) -> None:
    two_files.write(_003_broken="CREATE TABEL x ();")
    shown = text(client_of(requester).get("/environments/staging/apply/"))
    assert "It stops here. 003_broken stands in the way" in shown


def test_nothing_to_do_is_said_and_not_an_error_page(line: Line, requester: User, client_of: ClientOf) -> None:
    answer = client_of(requester).get("/environments/staging/apply/")
    assert answer.status_code == 422
    assert "has nothing to do" in text(answer)


def test_a_viewer_cannot_start_a_run(two_files: Line, viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    sent = {"digest": digest_on(client.get("/environments/staging/apply/"))}
    assert client.post("/environments/staging/apply/", sent).status_code == 403
    assert not Run.objects.exists()


def test_an_unreachable_target_is_named_without_its_password(
    two_files: Line, unreachable: Callable[..., object], requester: User, client_of: ClientOf
) -> None:
    unreachable(two_files.production)
    answer = client_of(requester).get("/environments/production/apply/")
    assert answer.status_code == 503
    assert "cannot be reached" in text(answer)
    assert "s3cret" not in answer.content.decode()


# The queue


def test_the_queue_shows_an_approver_what_waits(
    ask: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    ask(requester)
    assert "December release" in text(client_of(approver).get("/requests/"))
    assert "Nothing waits for you" in text(client_of(requester).get("/requests/"))
    assert "December release" in text(client_of(requester).get("/requests/?tab=open"))


def test_an_approved_request_waits_for_the_one_who_asked(
    ask: Callable[[User], ChangeRequest],
    requester: User,
    approver: User,
    client_of: ClientOf,
    acting: Callable[[User], Actor],
) -> None:
    request = ask(requester)
    approvals.approve(request.pk, by=acting(approver), digest=request.digest)
    assert request.title in text(client_of(requester).get("/requests/"))


@pytest.mark.parametrize("tab", ["me", "open", "done", "nonsense", ""])
def test_every_tab_answers_everyone_who_has_a_role(line: Line, viewer: User, client_of: ClientOf, tab: str) -> None:
    assert client_of(viewer).get(f"/requests/?tab={tab}").status_code == 200


def test_the_queue_asks_the_database_no_more_for_more_requests(
    ask: Callable[[User], ChangeRequest],
    requester: User,
    approver: User,
    client_of: ClientOf,
    django_assert_max_num_queries: Callable[..., object],
) -> None:
    for _ in range(5):
        ask(requester)
    client = client_of(approver)
    with django_assert_max_num_queries(10):  # type: ignore[attr-defined]
        client.get("/requests/?tab=open")


# One request


def test_the_approver_sees_everything_on_one_screen(
    ask: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    request = ask(requester)
    shown = text(client_of(approver).get(f"/requests/{request.pk}/"))
    assert "December release" in shown
    assert "CREATE TABLE users" in shown
    assert "DROP TABLE users" in shown
    assert "Approving also approves the rollback of these migrations" in shown
    assert "3 days" in shown
    assert "Approve and apply now" in shown
    assert request.digest[:12] in shown


def test_the_requester_reads_why_they_cannot_approve(
    ask: Callable[[User], ChangeRequest], approver: User, client_of: ClientOf
) -> None:
    shown = text(client_of(approver).get(f"/requests/{ask(approver).pk}/"))
    assert "someone else has to approve it" in shown
    assert "Approve and apply now" not in shown


def test_a_viewer_reads_which_role_decides(
    ask: Callable[[User], ChangeRequest], requester: User, viewer: User, client_of: ClientOf
) -> None:
    shown = text(client_of(viewer).get(f"/requests/{ask(requester).pk}/"))
    assert "It needs the role approver" in shown


def test_approve_only_runs_nothing(
    ask: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    request = ask(requester)
    sent = {"digest": request.digest, "comment": "Looks right", "then": ""}
    client_of(approver).post(f"/requests/{request.pk}/approve/", sent)
    request.refresh_from_db()
    assert (request.status, request.decisions.get().reason, Run.objects.count()) == ("approved", "Looks right", 0)


def test_approve_and_run_starts_it(
    ask: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    request = ask(requester)
    sent = {"digest": request.digest, "then": "run", "typed_name": "production"}
    answer = client_of(approver).post(f"/requests/{request.pk}/approve/", sent)
    run = Run.objects.get()
    assert (answer.headers["Location"], run.request_id) == (f"/runs/{run.pk}/", request.pk)


def test_a_wrong_name_approves_nothing(
    ask: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    request = ask(requester)
    sent = {"digest": request.digest, "then": "run", "typed_name": "staging"}
    answer = client_of(approver).post(f"/requests/{request.pk}/approve/", sent)
    request.refresh_from_db()
    assert (answer.status_code, request.status, Run.objects.count()) == (422, "open", 0)
    assert "Type production exactly" in text(answer)


def test_where_the_run_cannot_start_nothing_is_approved(
    ask: Callable[[User], ChangeRequest],
    two_files: Line,
    requester: User,
    approver: User,
    client_of: ClientOf,
    acting: Callable[[User], Actor],
) -> None:
    first, second = ask(requester), ask(requester)
    sent = {"then": "run", "typed_name": "production"}
    client_of(approver).post(f"/requests/{first.pk}/approve/", {**sent, "digest": first.digest})
    answer = client_of(approver).post(f"/requests/{second.pk}/approve/", {**sent, "digest": second.digest})
    second.refresh_from_db()
    assert (answer.status_code, second.status, Run.objects.count()) == (409, "open", 1)


def test_the_requester_cannot_approve_by_sending_the_form(
    ask: Callable[[User], ChangeRequest], approver: User, client_of: ClientOf
) -> None:
    request = ask(approver)
    answer = client_of(approver).post(f"/requests/{request.pk}/approve/", {"digest": request.digest, "then": ""})
    request.refresh_from_db()
    assert (answer.status_code, request.status) == (403, "open")


def test_another_digest_is_not_approved(
    ask: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    request = ask(requester)
    answer = client_of(approver).post(f"/requests/{request.pk}/approve/", {"digest": "0" * 64, "then": ""})
    request.refresh_from_db()
    assert (answer.status_code, request.status) == (409, "open")


def test_rejecting_wants_a_reason(
    ask: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    request = ask(requester)
    client = client_of(approver)
    bare = client.post(f"/requests/{request.pk}/reject/", {"digest": request.digest})
    assert (bare.status_code, "Say why" in text(bare)) == (422, True)
    client.post(f"/requests/{request.pk}/reject/", {"digest": request.digest, "reason": "Too risky on a Friday"})
    request.refresh_from_db()
    assert request.status == "rejected"
    assert "Too risky on a Friday" in text(client.get(f"/requests/{request.pk}/"))


def test_the_requester_withdraws(ask: Callable[[User], ChangeRequest], requester: User, client_of: ClientOf) -> None:
    request = ask(requester)
    client = client_of(requester)
    assert "Withdraw this request" in text(client.get(f"/requests/{request.pk}/"))
    client.post(f"/requests/{request.pk}/withdraw/")
    request.refresh_from_db()
    assert request.status == "withdrawn"
    assert client.post(f"/requests/{request.pk}/withdraw/").status_code == 409


def test_an_approved_request_is_run_by_typing_the_name(
    ask: Callable[[User], ChangeRequest],
    requester: User,
    approver: User,
    client_of: ClientOf,
    acting: Callable[[User], Actor],
) -> None:
    request = ask(requester)
    approvals.approve(request.pk, by=acting(approver), digest=request.digest)
    client = client_of(requester)
    assert "Approved, and not run yet" in text(client.get(f"/requests/{request.pk}/"))
    assert client.post(f"/requests/{request.pk}/run/", {"typed_name": "prod"}).status_code == 422
    answer = client.post(f"/requests/{request.pk}/run/", {"typed_name": "production"})
    assert answer.headers["Location"] == f"/runs/{Run.objects.get().pk}/"


def test_a_banner_says_that_a_file_was_edited_since(
    ask: Callable[[User], ChangeRequest], two_files: Line, requester: User, approver: User, client_of: ClientOf
) -> None:
    request = ask(requester)
    two_files.write(_002_orders="CREATE TABLE orders (id bigint);")
    page = client_of(approver).get(f"/requests/{request.pk}/")
    assert "This plan no longer holds: 002_orders.sql was edited" in text(page)
    assert "It cannot be approved: its plan no longer holds." in text(page)
    assert f"/requests/{request.pk}/approve/" not in page.content.decode()
    assert f"/requests/{request.pk}/reject/" in page.content.decode()


def test_the_requester_reads_who_can_decide(
    ask: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    request = ask(requester)
    assert "Who can: bob" in text(client_of(requester).get(f"/requests/{request.pk}/"))
    approver.groups.clear()
    assert "Nobody else can yet" in text(client_of(requester).get(f"/requests/{request.pk}/"))


def test_a_request_outlives_the_declaration_of_its_environment(
    ask: Callable[[User], ChangeRequest],
    two_files: Line,
    requester: User,
    approver: User,
    client_of: ClientOf,
    settings: SettingsWrapper,
) -> None:
    request, client = ask(requester), client_of(approver)
    settings.ENVIRONMENTS = (two_files.staging,)
    page = client.get(f"/requests/{request.pk}/")
    assert "This plan no longer holds: no environment production is declared any more." in text(page)
    assert "CREATE TABLE" in text(page)
    assert "/environments/production/" not in page.content.decode()
    sent = {"digest": request.digest, "typed_name": "production", "then": "run", "comment": ""}
    assert client.post(f"/requests/{request.pk}/approve/", sent).status_code == 404
    assert client.post(f"/requests/{request.pk}/reject/", {**sent, "reason": "It is gone."}).status_code == 302


def test_a_banner_says_that_the_history_moved(
    ask: Callable[[User], ChangeRequest], two_files: Line, requester: User, approver: User, client_of: ClientOf
) -> None:
    request = ask(requester)
    seen = observations.refresh(two_files.production)
    row = AppliedMigration(version="009", name="x", applied_at=None, checksum="c")
    seen.history = History(exists=True, rows=(row,)).to_dict()
    seen.save()
    shown = text(client_of(approver).get(f"/requests/{request.pk}/"))
    assert "the history of Production changed (009_x was recorded since)" in shown


def test_a_look_from_before_the_request_says_nothing_about_it(
    ask: Callable[[User], ChangeRequest], two_files: Line, requester: User, approver: User, client_of: ClientOf
) -> None:
    seen = observations.refresh(two_files.production)
    row = AppliedMigration(version="009", name="x", applied_at=None, checksum="c")
    seen.history = History(exists=True, rows=(row,)).to_dict()
    seen.save()
    assert "no longer holds" not in text(client_of(approver).get(f"/requests/{ask(requester).pk}/"))


def test_a_banner_says_that_the_kept_plan_is_not_the_one_asked_for(
    ask: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    request = ask(requester)
    request.frozen_plan["steps"][0]["sql"] = "DROP TABLE users;"
    request.save()
    shown = text(client_of(approver).get(f"/requests/{request.pk}/"))
    assert "no longer has the digest that was asked for" in shown


def test_an_expired_request_offers_no_approval(
    ask: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    request = ask(requester)
    past = timezone.now() - timedelta(hours=1)
    ChangeRequest.objects.filter(pk=request.pk).update(requested_at=past - timedelta(hours=1), expires_at=past)
    shown = text(client_of(approver).get(f"/requests/{request.pk}/"))
    assert "It has expired. Open a new request." in shown
