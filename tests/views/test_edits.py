"""Files edited after they were applied: the difference, the text to restore, and accepting comments with one click."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from config.environments import Environment
from dashboard.models import ChangeRequest, Run
from dashboard.services import execution, observations
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.presenters.values import says
from tests.views.pages import assert_shown, digest_on, error_code, is_empty, links, text
from tests.views.previews import rows_on

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS = "/environments/staging/edited/"
ONE = f"{ADDRESS}?version=002&name=orders"


@pytest.fixture
def edited_project(two_files: Project, requester: User, run_on_staging: Callable[[User], Run]) -> Project:
    """Of 001 the comments, of 002 the SQL."""
    run_on_staging(requester)
    two_files.write(
        _001_users="-- People\nCREATE TABLE users (id int);", _002_orders="CREATE TABLE orders (id bigint);"
    )
    observations.refresh_all()
    return two_files


def test_where_nothing_was_edited_the_page_says_so(two_files: Project, viewer: User, client_of: ClientOf) -> None:
    assert is_empty(client_of(viewer).get(ADDRESS))


def test_what_ran_stands_beside_the_file(edited_project: Project, viewer: User, client_of: ClientOf) -> None:
    page = client_of(viewer).get(ADDRESS)
    shown = text(page)
    assert [e.label for e in page.context["edits"]] == ["002_orders", "001_users"]
    assert [(e.comments_only, e.tone) for e in page.context["edits"]] == [(False, "danger"), (True, "warn")]
    assert "removed: CREATE TABLE orders (id int); + added: CREATE TABLE orders (id bigint);" in shown
    assert says(shown, "comments and blanks")
    assert_shown(page, *(e.pill for e in page.context["edits"]))


def test_the_text_that_ran_can_be_had_to_restore_it(edited_project: Project, viewer: User, client_of: ClientOf) -> None:
    answer = client_of(viewer).get(f"{ONE}&format=text")
    assert (answer.content, answer.headers["Content-Type"]) == (
        b"CREATE TABLE orders (id int);",
        "text/plain; charset=utf-8",
    )
    assert client_of(viewer).get(f"{ADDRESS}?version=009&name=none&format=text").status_code == 404


def test_the_migrations_page_shows_it_once_the_page_is_there(
    edited_project: Project, viewer: User, client_of: ClientOf
) -> None:
    client = client_of(viewer)
    page = client.get("/migrations/002/orders/")
    assert [edited_project.comments_only for edited_project in page.context["page"].edited] == [False]
    assert f'hx-get="{ONE.replace("&", "&amp;")}"' in page.content.decode()
    lines = client.get(ONE, headers={"HX-Request": "true"})
    assert "CREATE TABLE orders (id bigint);" in text(lines)
    assert "<html" not in lines.content.decode()
    page = client.get("/migrations/001/users/")
    (edited_comments,) = page.context["page"].edited
    assert (edited_comments.comments_only, edited_comments.places[0].url in links(page)) == (True, True)


def test_the_environment_leads_there(edited_project: Project, viewer: User, client_of: ClientOf) -> None:
    page = client_of(viewer).get("/environments/staging/")
    notices = [notice for notice in page.context["page"].notices if notice.url == ADDRESS]
    assert [notice.tone for notice in notices] == ["danger", "warn"]
    assert_shown(page, *notices)


def test_comments_are_accepted_with_one_click(edited_project: Project, requester: User, client_of: ClientOf) -> None:
    client = client_of(requester)
    page = client.get(ADDRESS)
    assert page.context["accepted"] == 1
    assert_shown(page, page.context["label"])
    assert rows_on(page) == [("001_users", "applied", "applied")]
    (row,) = page.context["plan"].rows
    assert row.before != row.after
    assert_shown(page, row)
    answer = client.post(ADDRESS, {"digest": digest_on(page)})
    run = Run.objects.latest("id")
    assert (answer.headers["Location"], run.action) == (f"/runs/{run.pk}/", "accept")
    execution.execute(run.pk)
    page = client.get(f"/runs/{run.pk}/")
    (step,) = page.context["steps"]
    assert (step.statements, step.pill.tone) == ((), "ok")
    assert_shown(page, step.empty)
    assert [e.label for e in client.get(ADDRESS).context["edits"]] == ["002_orders"]


def test_a_viewer_sees_it_and_does_not_accept_it(edited_project: Project, viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    assert client.post(ADDRESS, {"digest": digest_on(client.get(ADDRESS))}).status_code == 403
    assert not Run.objects.filter(action="accept").exists()


def test_a_file_edited_meanwhile_is_not_accepted(edited_project: Project, requester: User, client_of: ClientOf) -> None:
    client = client_of(requester)
    digest = digest_on(client.get(ADDRESS))
    edited_project.write(_001_users="-- Other people\nCREATE TABLE users (id int);")
    assert client.post(ADDRESS, {"digest": digest}).status_code == 409


def test_on_a_protected_environment_it_opens_a_request(
    two_files: Project, run_on_production: Callable[[], Run], requester: User, client_of: ClientOf
) -> None:
    run_on_production()
    two_files.write(_001_users="-- People\nCREATE TABLE users (id int);")
    client, address = client_of(requester), "/environments/production/edited/"
    page = client.get(address)
    assert page.context["asks"]
    assert_shown(page, page.context["label"])
    answer = client.post(address, {"digest": digest_on(page), "reason": "A comment was added"})
    request = ChangeRequest.objects.latest("id")
    assert (answer.headers["Location"], request.action) == (f"/requests/{request.pk}/", "accept")
    page = client.get(f"/requests/{request.pk}/")
    assert page.context["plan"].certain
    assert_shown(page, page.context["plan"].certain)
    assert [step.sql for step in page.context["plan"].steps] == [""]


def test_an_unreachable_target_is_said_so(
    edited_project: Project, viewer: User, client_of: ClientOf, unreachable: Callable[[Environment], Environment]
) -> None:
    unreachable(edited_project.staging)
    answer = client_of(viewer).get(ADDRESS)
    assert (answer.status_code, error_code(answer)) == (503, "unreachable")
    within = client_of(viewer).get(ONE, headers={"HX-Request": "true"})
    assert (within.status_code, within.context["error"].code) == (200, "unreachable")
    assert_shown(within, str(within.context["error"]))
    assert "s3cret" not in within.content.decode()
