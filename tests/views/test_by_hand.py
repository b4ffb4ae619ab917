"""The pages say what was done by hand, and lead on."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from dashboard.models import ChangeRequest, Installation, Rehearsal, Run
from dashboard.selectors import workers
from dashboard.selectors.workers import WorkerState
from dashboard.services import approvals, execution, observations, plans, runs
from dashboard.services.actors import Actor
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.views.pages import text
from tests.views.worker import execute_newest

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db(transaction=True)

ENVIRONMENT, MIGRATION = "/environments/staging/", "/migrations/001/users/"
REASON = {"reason": "The table is there, with its rows"}


@pytest.fixture
def applied(two_files: Project, requester: User, run_on_staging: Callable[..., Run]) -> Project:
    run_on_staging(requester)
    return two_files


def look(project: Project) -> None:
    observations.refresh(project.staging)


def forget(project: Project) -> None:
    project.query(project.staging, "DELETE FROM platform.schema_migrations WHERE version = '001'")
    look(project)


# A row that is gone


def test_every_page_says_that_the_log_knows_it(applied: Project, admin: User, client_of: ClientOf) -> None:
    forget(applied)
    client = client_of(admin)
    for page in (ENVIRONMENT, MIGRATION):
        shown = text(client.get(page))
        assert "The log of this database says that 001_users was applied here" in shown
        assert "has not run here yet" not in shown
    assert "Restore its record…" in text(client.get(ENVIRONMENT))
    assert "001_users is in the log of the database" in text(client.get("/"))
    assert "This plan runs it a second time." in text(client.get("/environments/staging/apply/"))


def test_to_apply_it_again_has_to_be_accepted(applied: Project, requester: User, client_of: ClientOf) -> None:
    forget(applied)
    client, before = client_of(requester), Run.objects.count()
    assert client.post("/environments/staging/apply/", {}).status_code == 422
    assert Run.objects.count() == before


def test_an_administrator_restores_the_record(applied: Project, admin: User, client_of: ClientOf) -> None:
    forget(applied)
    client, address = client_of(admin), "/environments/staging/records/?version=001&name=users"
    assert "Its row says again that it was applied" in text(client.get(address))
    assert client.post(address, {"reason": ""}).status_code == 422
    assert client.post(address, REASON).status_code == 302
    run = execute_newest()
    assert (run.action, run.status) == ("restore_record", "succeeded")
    assert "001_users" in text(client.get(f"/runs/{run.pk}/"))
    assert "001 users Applied" in text(client.get(ENVIRONMENT))


def test_others_see_it_and_may_not(applied: Project, requester: User, client_of: ClientOf) -> None:
    forget(applied)
    client = client_of(requester)
    assert "Restore its record…" not in text(client.get(ENVIRONMENT))
    assert client.get("/environments/staging/records/").status_code == 403


def test_where_history_and_log_agree_there_is_nothing_to_restore(
    applied: Project, admin: User, client_of: ClientOf
) -> None:
    answer = client_of(admin).get("/environments/staging/records/")
    assert (answer.status_code, "its history and its log agree" in text(answer)) == (422, True)


def test_a_protected_environment_asks_a_second_person(
    two_files: Project, admin: User, client_of: ClientOf, run_on_production: Callable[[], Run]
) -> None:
    run_on_production()
    two_files.query(two_files.production, "DELETE FROM platform.schema_migrations WHERE version = '001'")
    client_of(admin).post("/environments/production/records/", REASON)
    asked = ChangeRequest.objects.latest("id")
    assert (asked.action, asked.status) == ("restore_record", "open")
    assert "Restore the record of 001 on Production" in asked.title


def test_an_altered_checksum_is_told_as_that(applied: Project, admin: User, client_of: ClientOf) -> None:
    applied.query(applied.staging, "UPDATE platform.schema_migrations SET checksum = 'x' WHERE version = '001'")
    look(applied)
    client = client_of(admin)
    shown = text(client.get(ENVIRONMENT))
    assert "001_users was applied here" in shown
    assert "somebody changed that by hand" in shown
    assert "only its comments or blanks changed" not in shown
    client.post("/environments/staging/records/", REASON)
    assert execute_newest().status == Run.Status.SUCCEEDED
    assert "changed that by hand" not in text(client.get(ENVIRONMENT))


def test_a_row_marked_as_failed_does_not_show_the_error_of_a_rollback(
    applied: Project, admin: User, client_of: ClientOf
) -> None:
    applied.query(applied.staging, "UPDATE platform.schema_migrations SET success = false WHERE version = '001'")
    look(applied)
    shown = text(client_of(admin).get(ENVIRONMENT))
    assert "was marked as failed by hand" in shown
    assert "Nothing of this attempt at 001_users remains" not in shown


def test_what_an_older_copy_does_not_have_any_more_is_told(applied: Project, viewer: User, client_of: ClientOf) -> None:
    applied.query(applied.staging, "DROP SCHEMA platform CASCADE; DROP TABLE users, orders")
    look(applied)
    run, client = Run.objects.latest("id"), client_of(viewer)
    shown = text(client.get(ENVIRONMENT))
    assert "Signalbox has applied 002_orders and 1 more migration here" in shown
    assert "It looks as if an older copy was restored into Staging" in shown
    assert f"But run {run.pk} has applied it" in text(client.get(MIGRATION))


def test_what_ran_in_another_database_is_not_missed_in_this_one(
    applied: Project, viewer: User, client_of: ClientOf
) -> None:
    applied.query(applied.staging, "DROP SCHEMA platform CASCADE; DROP TABLE users, orders")
    run = Run.objects.latest("id")
    run.frozen_plan["identity"]["database_oid"] += 1
    run.save(update_fields=["frozen_plan"])
    look(applied)
    assert "Signalbox has applied" not in text(client_of(viewer).get(ENVIRONMENT))


def test_a_renumbered_file_is_no_plain_apply(applied: Project, requester: User, client_of: ClientOf) -> None:
    (applied.folder / "001_users.sql").rename(applied.folder / "035_users.sql")
    (applied.folder / "001_rollback.sql").unlink()
    client = client_of(requester)
    assert "035_users.sql holds the same SQL as 001_users" in text(client.get(ENVIRONMENT))
    answer = client.get("/environments/staging/apply/")
    assert (answer.status_code, "it looks renamed" in text(answer)) == (422, True)


# Another installation


def test_another_installation_is_named_on_the_page_of_the_environment(
    applied: Project, viewer: User, client_of: ClientOf
) -> None:
    client = client_of(viewer)
    look(applied)
    assert "Another Signalbox" not in text(client.get(ENVIRONMENT))
    first = Installation.objects.get().identity.hex
    Installation.objects.update(identity=uuid.uuid4())
    assert f"Another Signalbox runs migrations here too: {first[:8]}, last used by alice" in text(
        client.get(ENVIRONMENT)
    )


# A run that nothing can be found out about


@pytest.fixture
def hopeless(two_files: Project, requester: User, run_on_staging: Callable[..., Run]) -> Run:
    run = runs.claim(run_on_staging(requester, execute=False).pk)
    assert run is not None
    assert runs.begin(run)
    runs.interrupt(run, {"code": "worker_lost", "sentence": "Its worker has not been heard of."})
    execution.recover(run.pk)
    return Run.objects.get(pk=run.pk)


def test_an_administrator_ends_it_and_the_page_says_so(hopeless: Run, admin: User, client_of: ClientOf) -> None:
    client, address = client_of(admin), f"/runs/{hopeless.pk}/end/"
    assert "End it without proof…" in text(client.get(f"/runs/{hopeless.pk}/"))
    assert "Only where it can never be found out" in text(client.get(address))
    assert client.post(address, {**REASON, "typed_name": "production"}).status_code == 422
    assert client.post(address, {"reason": "", "typed_name": "staging"}).status_code == 422
    assert client.post(address, {**REASON, "typed_name": "staging"}).status_code == 302
    shown = text(client.get(f"/runs/{hopeless.pk}/"))
    assert f"Unknown: ended by {admin.get_username()} without proof" in shown
    assert REASON["reason"] in shown
    assert "Whether 001 and what comes after it committed was never found out." in shown
    assert "Succeeded" not in shown
    assert "Ended without proof" in text(client.get("/runs/"))
    assert f"ended run {hopeless.pk}" in text(client.get("/audit/"))


def test_nobody_else_is_offered_it(hopeless: Run, approver: User, client_of: ClientOf) -> None:
    client = client_of(approver)
    assert "End it without proof" not in text(client.get(f"/runs/{hopeless.pk}/"))
    assert client.get(f"/runs/{hopeless.pk}/end/").status_code == 403


# A run that waits


def test_a_run_that_waits_names_what_may_hold_its_place(
    two_files: Project,
    requester: User,
    run_on_staging: Callable[..., Run],
    client_of: ClientOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting, client = run_on_staging(requester, execute=False), client_of(requester)
    other = Run.objects.create(
        environment="production",
        action=waiting.action,
        title="Apply 001 to Production",
        frozen_plan=waiting.frozen_plan,
        digest=waiting.digest,
        started_by=requester,
        queued_at=timezone.now(),
        status=Run.Status.RUNNING,
    )
    assert "Under way just now" not in text(client.get(f"/runs/{waiting.pk}/"))
    alive = WorkerState(alive=True, seen_at=timezone.now())
    monkeypatch.setattr(workers, "state", lambda: alive)
    shown = text(client.get(f"/runs/{waiting.pk}/"))
    assert f"Under way just now: run {other.pk} (Apply 001 to Production)." in shown


# Requests


@pytest.fixture
def approved(two_files: Project, requester: User, approver: User, acting: Callable[[User], Actor]) -> ChangeRequest:
    plan = plans.apply(two_files.production)
    asked = approvals.open_request(plan, environment=two_files.production, by=acting(requester), reason="December")
    return approvals.approve(asked.pk, by=acting(approver), digest=asked.digest)


def expire(request: ChangeRequest) -> None:
    past = timezone.now() - timedelta(minutes=5)
    ChangeRequest.objects.filter(pk=request.pk).update(expires_at=past, requested_at=past - timedelta(hours=1))


def test_an_approval_whose_time_is_over_reads_as_expired(
    approved: ChangeRequest, requester: User, approver: User, client_of: ClientOf
) -> None:
    client = client_of(requester)
    assert "expires" in text(client.get(f"/requests/{approved.pk}/"))
    expire(approved)
    shown = text(client.get(f"/requests/{approved.pk}/"))
    assert f"{approver.get_username()} approved it, and the approval has expired before it was run." in shown
    assert "· expired" in shown
    assert "· expires" not in shown
    listed = text(client.get("/requests/?tab=open"))
    assert "Expired" in listed
    assert "· expires" not in listed
    approvals.expire_due()
    assert "the approval has expired before it was run" in text(client.get(f"/requests/{approved.pk}/"))


def test_a_request_that_nobody_decided_on_says_that(
    approved: ChangeRequest, requester: User, client_of: ClientOf
) -> None:
    ChangeRequest.objects.update(status=ChangeRequest.Status.OPEN)
    approved.decisions.all().delete()
    expire(approved)
    assert "Nobody decided on it in time" in text(client_of(requester).get(f"/requests/{approved.pk}/"))


def test_who_runs_it_is_told_of_a_file_that_came_before(
    approved: ChangeRequest, two_files: Project, requester: User, client_of: ClientOf
) -> None:
    observations.refresh(two_files.production)
    client, address = client_of(requester), f"/requests/{approved.pk}/"
    assert "out of order" not in text(client.get(address))
    two_files.write(_000_b="CREATE TABLE b ();", _003_later="CREATE TABLE later ();")
    shown = text(client.get(address))
    assert "000_b is pending by now and not in this plan" in shown
    assert "003_later" not in shown
    assert "This plan no longer holds" not in shown


# A rehearsal of what has run meanwhile


def test_a_rehearsal_leads_to_no_plan_that_is_done(applied: Project, requester: User, client_of: ClientOf) -> None:
    client = client_of(requester)
    applied.write(_003_city="ALTER TABLE users ADD city text;")
    client.post("/environments/staging/apply/rehearse/")
    address = f"/rehearsals/{Rehearsal.objects.latest('id').pk}/"
    Rehearsal.objects.update(
        status=Rehearsal.Status.FAILED, finished_at=timezone.now(), failure={"code": "x", "sentence": "No room."}
    )
    assert "To the plan" in text(client.get(address))
    applied.query(
        applied.staging,
        "INSERT INTO platform.schema_migrations (version, name, checksum) VALUES ('003', 'city', 'manual')",
    )
    look(applied)
    page = client.get(address)
    assert "All of it has run on Staging by now." in text(page)
    assert "apply/?upto" not in page.content.decode()
