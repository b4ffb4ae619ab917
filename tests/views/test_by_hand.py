"""The pages say what was done by hand, and lead on."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from dashboard.engine.status import State
from dashboard.models import ChangeRequest, Installation, Rehearsal, Run
from dashboard.presenters.drift import CONTRADICTED
from dashboard.presenters.statuses import MIGRATION as MIGRATION_PILLS
from dashboard.presenters.statuses import REQUEST
from dashboard.selectors import workers
from dashboard.selectors.workers import WorkerState
from dashboard.services import approvals, observations
from tests.fix_people import ClientOf, signed_in_at
from tests.fix_project import Project
from tests.presenters.values import says
from tests.services import workflow
from tests.views.pages import alerts, assert_shown, controls, error_box, error_code, links, text
from tests.views.previews import again, rows_on, send
from tests.views.worker import execute_newest

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db(transaction=True)

ENVIRONMENT, MIGRATION = "/environments/staging/", "/migrations/001/users/"
REASON = {"reason": "The table is there, with its rows"}


@pytest.fixture
def applied_project(two_files: Project, requester: User, run_on_staging: Callable[..., Run]) -> Project:
    run_on_staging(requester)
    return two_files


def look(project: Project) -> None:
    observations.refresh(project.staging)


def forget(project: Project) -> None:
    project.query(project.staging, "DELETE FROM platform.schema_migrations WHERE version = '001'")
    look(project)


# A row that is gone


def test_every_page_says_that_the_log_knows_it(applied_project: Project, admin: User, client_of: ClientOf) -> None:
    forget(applied_project)
    client = client_of(admin)
    page = client.get(ENVIRONMENT)
    (entry,) = [entry for entry in page.context["page"].waiting if entry.version == "001"]
    place = client.get(MIGRATION).context["page"].places[0]
    assert (says(entry.sentence, "log"), says(place.sentence, "log")) == (True, True)
    assert_shown(page, entry.sentence, entry.restore)
    assert_shown(client.get(MIGRATION), place.sentence)
    overview = client.get("/")
    (sentence,) = [s for s in overview.context["page"].sentences if says(s.text, "001_users") and says(s.text, "log")]
    assert_shown(overview, sentence)
    apply = client.get("/environments/staging/apply/")
    assert any(says(warning.sentence, "second time") for warning in apply.context["plan"].to_accept)
    assert_shown(apply, *(warning.sentence for warning in apply.context["plan"].to_accept))


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ("DELETE FROM platform.schema_migrations WHERE version = '001'", State.UNRECORDED),
        ("UPDATE platform.schema_migrations SET checksum = 'x' WHERE version = '001'", State.ALTERED),
    ],
    ids=["gone", "altered"],
)
def test_it_stands_in_red_above_whatever_is_green(
    applied_project: Project, requester: User, client_of: ClientOf, change: str, state: State
) -> None:
    applied_project.write(_003_city="CREATE TABLE city (id int);", _003_rollback="DROP TABLE city;")
    applied_project.query(applied_project.staging, change)
    look(applied_project)
    page = client_of(requester).get("/environments/staging/apply/")
    (contradiction,) = page.context["plan"].contradictions
    assert contradiction.title == f"{MIGRATION_PILLS[state].label}: 001"
    assert alerts(page) == ["danger"]
    assert_shown(page, contradiction)
    assert text(page).index(contradiction.title) < text(page).index(page.context["forecast"].headline)
    assert page.context["evidence"].pill.tone == "danger"
    compared = client_of(requester).get("/compare/?a=staging&b=production")
    ((place, (link,)),) = compared.context["page"].records
    assert (place.slug, link.label) == ("staging", "001_users")
    assert compared.context["page"].verdict == CONTRADICTED
    assert alerts(compared) == ["danger"]
    assert_shown(compared, link)


def test_to_apply_it_again_has_to_be_accepted(applied_project: Project, requester: User, client_of: ClientOf) -> None:
    forget(applied_project)
    client, before = client_of(requester), Run.objects.count()
    assert client.post("/environments/staging/apply/", {}).status_code == 422
    assert Run.objects.count() == before


def test_an_administrator_restores_the_record(applied_project: Project, admin: User, client_of: ClientOf) -> None:
    forget(applied_project)
    client, address = client_of(admin), "/environments/staging/records/?version=001&name=users"
    assert "reason" in controls(client.get(address))
    assert client.post(address, {"reason": ""}).status_code == 422
    preview = client.post(address, REASON)
    assert rows_on(preview) == [("001_users", "no row", "applied")]
    assert_shown(preview, preview.context["plan"].rows)
    assert client.post(address, again(preview)).status_code == 302
    run = execute_newest()
    assert (run.action, run.status) == ("restore_record", "succeeded")
    assert "001_users" in text(client.get(f"/runs/{run.pk}/"))
    states = {row.identity.version: row.pill for row in client.get(ENVIRONMENT).context["page"].history}
    assert states["001"] == MIGRATION_PILLS[State.APPLIED]


def test_others_see_it_and_may_not(applied_project: Project, requester: User, client_of: ClientOf) -> None:
    forget(applied_project)
    client = client_of(requester)
    assert not [url for url in links(client.get(ENVIRONMENT)) if "/records/" in url]
    assert client.get("/environments/staging/records/").status_code == 403


def test_where_history_and_log_agree_there_is_nothing_to_restore(
    applied_project: Project, admin: User, client_of: ClientOf
) -> None:
    answer = client_of(admin).get("/environments/staging/records/")
    assert (answer.status_code, error_code(answer)) == (422, "nothing_to_do")


def test_a_protected_environment_asks_a_second_person(
    two_files: Project, admin: User, client_of: ClientOf, run_on_production: Callable[[], Run]
) -> None:
    run_on_production()
    two_files.query(two_files.production, "DELETE FROM platform.schema_migrations WHERE version = '001'")
    send(client_of(admin), "/environments/production/records/", **REASON)
    asked = ChangeRequest.objects.latest("id")
    assert (asked.action, asked.status) == ("restore_record", "open")
    assert [step.version for step in asked.plan.steps] == ["001"]


def test_on_a_protected_environment_whoever_restores_shows_again_who_they_are(
    two_files: Project, admin: User, client_of: ClientOf, run_on_production: Callable[[], Run]
) -> None:
    run_on_production()
    two_files.query(two_files.production, "DELETE FROM platform.schema_migrations WHERE version = '001'")
    client, address = client_of(admin), "/environments/production/records/"
    preview, before = client.post(address, REASON), ChangeRequest.objects.count()
    signed_in_at(client, admin, time.time() - 3600)
    assert client.post(address, {**again(preview), **REASON}).headers["Location"].startswith("/confirm/")
    assert ChangeRequest.objects.count() == before


def test_an_altered_checksum_is_told_as_that(applied_project: Project, admin: User, client_of: ClientOf) -> None:
    applied_project.query(
        applied_project.staging, "UPDATE platform.schema_migrations SET checksum = 'x' WHERE version = '001'"
    )
    look(applied_project)
    client = client_of(admin)
    page = client.get(ENVIRONMENT)
    (notice,) = [notice for notice in page.context["page"].notices if says(notice.sentence, "001_users")]
    assert (says(notice.sentence, "by hand"), says(notice.sentence, "comments")) == (True, False)
    assert_shown(page, notice)
    send(client, "/environments/staging/records/", **REASON)
    assert execute_newest().status == Run.Status.SUCCEEDED
    assert client.get(ENVIRONMENT).context["page"].notices == ()


def test_a_row_marked_as_failed_does_not_show_the_error_of_a_rollback(
    applied_project: Project, admin: User, client_of: ClientOf
) -> None:
    applied_project.query(
        applied_project.staging, "UPDATE platform.schema_migrations SET success = false WHERE version = '001'"
    )
    look(applied_project)
    shown = text(client_of(admin).get(ENVIRONMENT))
    assert says(shown, "by hand")
    assert not says(shown, "Nothing of this attempt")


def test_what_an_older_copy_does_not_have_any_more_is_told(
    applied_project: Project, viewer: User, client_of: ClientOf
) -> None:
    applied_project.query(applied_project.staging, "DROP SCHEMA platform CASCADE; DROP TABLE users, orders")
    look(applied_project)
    run, client = Run.objects.latest("id"), client_of(viewer)
    page = client.get(ENVIRONMENT)
    (notice,) = [notice for notice in page.context["page"].notices if says(notice.sentence, "older copy")]
    assert says(notice.sentence, "002_orders and 1 more migration")
    assert_shown(page, notice)
    assert says(text(client.get(MIGRATION)), f"run {run.pk} has applied it")


def test_what_ran_in_another_database_is_not_missed_in_this_one(
    applied_project: Project, viewer: User, client_of: ClientOf
) -> None:
    applied_project.query(applied_project.staging, "DROP SCHEMA platform CASCADE; DROP TABLE users, orders")
    run = Run.objects.latest("id")
    run.frozen_plan["identity"]["database_oid"] += 1
    run.save(update_fields=["frozen_plan"])
    look(applied_project)
    assert client_of(viewer).get(ENVIRONMENT).context["page"].notices == ()


def test_a_renumbered_file_is_no_plain_apply(applied_project: Project, requester: User, client_of: ClientOf) -> None:
    (applied_project.folder / "001_users.sql").rename(applied_project.folder / "035_users.sql")
    (applied_project.folder / "001_rollback.sql").unlink()
    client = client_of(requester)
    assert all(says(text(client.get(ENVIRONMENT)), words) for words in ("035_users.sql", "same SQL as 001_users"))
    answer = client.get("/environments/staging/apply/")
    assert (answer.status_code, error_code(answer), says(text(answer), "renamed")) == (422, "plan_blocked", True)


# Another installation


def test_another_installation_is_named_on_the_page_of_the_environment(
    applied_project: Project, viewer: User, client_of: ClientOf
) -> None:
    client = client_of(viewer)
    look(applied_project)
    assert client.get(ENVIRONMENT).context["page"].notices == ()
    first = Installation.objects.get().identity.hex
    Installation.objects.update(identity=uuid.uuid4())
    page = client.get(ENVIRONMENT)
    (notice,) = [notice for notice in page.context["page"].notices if says(notice.sentence, first[:8])]
    assert says(notice.sentence, "alice")
    assert_shown(page, notice)


# A run that nothing can be found out about


def test_an_administrator_ends_it_and_the_page_says_so(unprovable_run: Run, admin: User, client_of: ClientOf) -> None:
    client, address = client_of(admin), f"/runs/{unprovable_run.pk}/end/"
    assert address in links(client.get(f"/runs/{unprovable_run.pk}/"))
    assert {"reason", "typed_name"} <= set(controls(client.get(address)))
    assert client.post(address, {**REASON, "typed_name": "production"}).status_code == 422
    assert client.post(address, {"reason": "", "typed_name": "staging"}).status_code == 422
    assert client.post(address, {**REASON, "typed_name": "staging"}).status_code == 302
    page, index = client.get(f"/runs/{unprovable_run.pk}/"), client.get("/runs/")
    box, pill = error_box(page), page.context["pill"]
    assert box.tone != "ok"
    assert says(box.state_now, "001")
    assert says(text(page), admin.get_username())
    assert REASON["reason"] in text(page)
    assert pill.tone != "ok"
    assert_shown(page, pill)
    assert [row.pill for row in index.context["rows"] if row.number == unprovable_run.pk] == [pill]
    assert_shown(index, pill)
    event = client.get("/audit/").context["events"][0]
    assert (event.actor, event.run.number) == (admin.get_username(), unprovable_run.pk)


def test_nobody_else_is_offered_it(unprovable_run: Run, approver: User, client_of: ClientOf) -> None:
    client = client_of(approver)
    assert f"/runs/{unprovable_run.pk}/end/" not in links(client.get(f"/runs/{unprovable_run.pk}/"))
    assert client.get(f"/runs/{unprovable_run.pk}/end/").status_code == 403


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
    assert not says(text(client.get(f"/runs/{waiting.pk}/")), f"run {other.pk}")
    alive = WorkerState(alive=True, seen_at=timezone.now())
    monkeypatch.setattr(workers, "state", lambda: alive)
    shown = text(client.get(f"/runs/{waiting.pk}/"))
    assert says(shown, f"run {other.pk}")
    assert other.title in shown


# Requests


def test_an_approval_whose_time_is_over_reads_as_expired(
    approved_request: ChangeRequest, requester: User, approver: User, client_of: ClientOf
) -> None:
    client = client_of(requester)
    assert "expires" in text(client.get(f"/requests/{approved_request.pk}/"))
    workflow.expire(approved_request)
    page = client.get(f"/requests/{approved_request.pk}/")
    assert page.context["pill"] == REQUEST[ChangeRequest.Status.EXPIRED]
    assert says(text(page), approver.get_username())
    assert (says(text(page), "· expired"), says(text(page), "· expires")) == (True, False)
    listed = client.get("/requests/?tab=open")
    assert [row.pill for row in listed.context["rows"]] == [page.context["pill"]]
    assert_shown(listed, page.context["pill"])
    assert not says(text(listed), "· expires")
    approvals.expire_due()
    assert client.get(f"/requests/{approved_request.pk}/").context["pill"] == page.context["pill"]


def test_a_request_that_nobody_decided_on_says_that(
    approved_request: ChangeRequest, requester: User, client_of: ClientOf
) -> None:
    ChangeRequest.objects.update(status=ChangeRequest.Status.OPEN)
    approved_request.decisions.all().delete()
    workflow.expire(approved_request)
    assert says(text(client_of(requester).get(f"/requests/{approved_request.pk}/")), "Nobody")


def test_who_runs_it_is_told_of_a_file_that_came_before(
    approved_request: ChangeRequest, two_files: Project, requester: User, client_of: ClientOf
) -> None:
    observations.refresh(two_files.production)
    client, address = client_of(requester), f"/requests/{approved_request.pk}/"
    assert not says(text(client.get(address)), "000_b")
    two_files.write(_000_b="CREATE TABLE b ();", _003_later="CREATE TABLE later ();")
    page = client.get(address)
    assert (says(text(page), "000_b"), says(text(page), "003_later")) == (True, False)
    assert page.context["actions"].objection == ""


# A rehearsal of what has run meanwhile


def test_a_rehearsal_leads_to_no_plan_that_is_done(
    applied_project: Project, requester: User, client_of: ClientOf
) -> None:
    client = client_of(requester)
    applied_project.write(_003_city="ALTER TABLE users ADD city text;")
    client.post("/environments/staging/apply/rehearse/")
    address = f"/rehearsals/{Rehearsal.objects.latest('id').pk}/"
    Rehearsal.objects.update(
        status=Rehearsal.Status.FAILED, finished_at=timezone.now(), failure={"code": "x", "sentence": "No room."}
    )
    assert [url for url in links(client.get(address)) if "apply/?upto" in url]
    applied_project.query(
        applied_project.staging,
        "INSERT INTO platform.schema_migrations (version, name, checksum) VALUES ('003', 'city', 'manual')",
    )
    look(applied_project)
    page = client.get(address)
    assert not [url for url in links(page) if "apply/?upto" in url]
    assert says(text(page), "has run on Staging")
