"""Mending a history in the browser: tick, see the rows before and after, let them be written."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from dashboard.models import AuditEvent, ChangeRequest, Run
from dashboard.presenters import repairs as presenter
from dashboard.services import plans, repairs
from tests.fix_people import ClientOf, signed_in_at
from tests.fix_project import Project
from tests.views.pages import assert_shown, controls, error_code
from tests.views.previews import again, send
from tests.views.worker import execute_newest

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.test import Client

pytestmark = pytest.mark.django_db(transaction=True)

WHY = {"reason": "Ada ran them with psql"}
MARK = "/environments/staging/history/mark_applied/"
SKIP = "/environments/staging/history/skip/"
BOTH = ["001/users", "002/orders"]


@pytest.fixture
def seen(two_files: Project, admin: User, client_of: ClientOf) -> Client:
    """A client of an administrator; both databases were looked at."""
    client = client_of(admin)
    for slug in ("staging", "production"):
        client.post(f"/environments/{slug}/refresh/")
    return client


def recorded(project: Project) -> list[tuple[object, ...]]:
    return project.query(project.staging, "SELECT version, kind FROM platform.schema_migrations ORDER BY version")


def test_each_migration_has_its_box(seen: Client) -> None:
    page = seen.get(MARK)
    view = page.context["page"]
    assert [pick.value for pick in view.picks] == BOTH
    assert_shown(page, *view.tabs, view.words.lede, view.words.why)
    assert_shown(page, *((pick.label, pick.sentence) for pick in view.picks))
    assert {"pick", "everything", "reason"} <= set(controls(page))


def test_nothing_is_written_before_the_rows_were_seen(two_files: Project, seen: Client) -> None:
    preview = seen.post(MARK, {**WHY, "pick": BOTH})
    assert not Run.objects.exists()
    plan = preview.context["plan"]
    assert [(row.label, row.before) for row in plan.rows] == [("001_users", "no row"), ("002_orders", "no row")]
    assert_shown(preview, plan.rows)
    assert_shown(preview, WHY["reason"])
    assert_shown(preview, plan.certain)


@pytest.mark.parametrize("ticked", [{"pick": BOTH}, {"everything": "on"}])
def test_as_many_as_were_ticked_are_recorded_by_one_run(
    two_files: Project, seen: Client, ticked: dict[str, object]
) -> None:
    send(seen, MARK, **WHY, **ticked)
    execute_newest()
    assert recorded(two_files) == [("001", "applied"), ("002", "applied")]
    assert Run.objects.count() == 1
    assert AuditEvent.objects.get(kind="run.queued").data["reasons"] == [WHY["reason"]]


def test_many_skips_are_taken_back_at_once(two_files: Project, seen: Client) -> None:
    send(seen, SKIP, **WHY, pick=BOTH)
    execute_newest()
    send(seen, "/environments/staging/history/unskip/", **WHY, everything="on")
    execute_newest()
    assert recorded(two_files) == []


def test_a_history_that_changed_since_is_not_written(two_files: Project, seen: Client) -> None:
    preview = seen.post(MARK, {**WHY, "pick": BOTH})
    two_files.write(_001_users="CREATE TABLE users (id bigint);")
    answer = seen.post(MARK, again(preview))
    assert (answer.status_code, error_code(answer)) == (409, "page_outdated")
    assert not Run.objects.exists()


def test_what_was_applied_since_is_refused_with_the_reason(two_files: Project, seen: Client) -> None:
    preview = seen.post(MARK, {**WHY, "pick": BOTH})
    project_apply(two_files, seen)
    answer = seen.post(MARK, again(preview))
    assert (answer.status_code, error_code(answer)) == (422, "nothing_to_do")


def project_apply(project: Project, client: Client) -> None:
    client.post("/environments/staging/apply/", {"digest": plans.apply(project.staging).digest})
    execute_newest()


def test_on_a_protected_environment_all_of_it_is_one_request(seen: Client) -> None:
    address = "/environments/production/history/mark_applied/"
    preview = seen.post(address, {**WHY, "pick": BOTH})
    answer = seen.post(address, {**again(preview), **WHY})
    request = ChangeRequest.objects.get()
    assert answer.headers["Location"] == f"/requests/{request.pk}/"
    assert (request.action, request.reason, len(request.plan.steps)) == ("mark_applied", WHY["reason"], 2)
    page = seen.get(f"/requests/{request.pk}/")
    assert_shown(page, page.context["plan"].rows)


@pytest.mark.parametrize("address", ["history/mark_applied/", "skip/001/"])
def test_on_a_protected_environment_whoever_mends_shows_again_who_they_are(
    seen: Client, admin: User, address: str
) -> None:
    address = f"/environments/production/{address}"
    preview = seen.post(address, {**WHY, "pick": BOTH})
    signed_in_at(seen, admin, time.time() - 3600)
    assert seen.post(address, {**again(preview), **WHY}).headers["Location"].startswith("/confirm/")
    assert not ChangeRequest.objects.exists()


def test_a_baseline_covers_everything_up_to_a_version(two_files: Project, seen: Client) -> None:
    address = "/environments/staging/history/baseline/"
    page = seen.get(address)
    assert {"upto", "reason"} <= set(controls(page))
    assert seen.post(address, {**WHY, "upto": "777"}).status_code == 422
    preview = seen.post(address, {**WHY, "upto": "002"})
    assert [row.label for row in preview.context["plan"].rows] == ["001_users", "002_orders"]
    (warning,) = preview.context["plan"].to_accept
    assert_shown(preview, warning.sentence)
    assert seen.post(address, {**again(preview), "accepted": []}).status_code == 422
    seen.post(address, again(preview))
    execute_newest()
    assert recorded(two_files) == [("001", "baseline"), ("002", "baseline")]


def test_changed_sql_is_accepted_apart_from_comments(two_files: Project, seen: Client) -> None:
    project_apply(two_files, seen)
    two_files.write(_001_users="-- Users\nCREATE TABLE users (id int);", _002_orders="CREATE TABLE orders (id text);")
    for action in ("accept", "accept_change"):
        address = f"/environments/staging/history/{action}/"
        assert len(seen.get(address).context["page"].picks) == 1
        send(seen, address, **WHY, everything="on")
        run = execute_newest()
        assert (run.action, run.status) == (action, Run.Status.SUCCEEDED)
    assert seen.get("/environments/staging/edited/").context["edits"] == ()


@pytest.mark.parametrize("sent", [{}, {"pick": BOTH}, WHY, {**WHY, "pick": "nonsense"}])
def test_without_a_choice_and_a_reason_nothing_is_shown(seen: Client, sent: dict[str, object]) -> None:
    answer = seen.post(MARK, sent)
    assert (answer.status_code, answer.templates[0].name) == (422, "repairs/choose.html")


def test_what_was_ticked_stays_ticked(seen: Client) -> None:
    page = seen.post(MARK, {"pick": BOTH[0]})
    assert page.context["form"].ticked == {BOTH[0]}


def test_another_word_is_no_action(seen: Client) -> None:
    assert seen.get("/environments/staging/history/apply/").status_code == 404


def test_every_action_that_is_offered_has_its_words() -> None:
    assert presenter.WORDS.keys() == repairs.OFFERED.keys()


def test_the_page_of_the_environment_leads_there(seen: Client, viewer: User, client_of: ClientOf) -> None:
    page = seen.get("/environments/staging/")
    assert page.context["page"].mend.show
    assert_shown(page, page.context["page"].mend.label)
    assert not client_of(viewer).get("/environments/staging/").context["page"].mend.show
