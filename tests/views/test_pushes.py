"""What a push adds: two commits side by side, as what they would mean for each environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from config.sources import Source
from dashboard.presenters.pushes import PushPage
from dashboard.services import fetching, observations
from dashboard.services.pushes import PushChange
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.fix_sources import Repository
from tests.services import workflow
from tests.views.pages import links, text

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from dashboard.services.actors import Actor

pytestmark = pytest.mark.django_db(transaction=True)

FIRST = {
    "001_users.sql": "CREATE TABLE users (id int);",
    "001_rollback.sql": "DROP TABLE users;",
    "002_orders.sql": "CREATE TABLE orders (id int);",
    "003_gone.sql": "SELECT 1;",
    "004_comments.sql": "SELECT 4;",
    "005_back.sql": "SELECT 5;",
}
SECOND = {
    "001_users.sql": "CREATE TABLE users (id bigint);",
    "001_rollback.sql": "DROP TABLE users;",
    "002_orders.sql": "CREATE TABLE orders (id int);",
    "004_comments.sql": "-- four\nSELECT 4;",
    "005_back.sql": "SELECT 5;",
    "005_rollback.sql": "SELECT -5;",
    "006_new.sql": "CREATE TABLE more (id int);",
    "007_broken.sql": "CREATE TABEL x;",
}


@pytest.fixture
def pushed(
    from_git: Project, billing: Source, repository: Repository, requester: User, acting: Callable[[User], Actor]
) -> tuple[str, str]:
    """001 and 002 were applied to staging from the first commit; the second one was fetched since."""
    old = repository.push(FIRST, "First")
    fetching.fetch(billing)
    workflow.run_on_staging(from_git, acting(requester), upto="002")
    new = repository.push(SECOND, "Second")
    fetching.fetch(billing)
    observations.refresh_all()
    return old, new


def compare(client: object, old: str, new: str) -> PushPage:
    answer = client.get(f"/sources/billing/compare/{old}...{new}/")  # type: ignore[attr-defined]
    assert answer.status_code == 200
    page: PushPage = answer.context["page"]
    for view in page.migrations:
        assert view.label in text(answer)
    for outlook in page.outlooks:
        assert outlook.sentence in text(answer)
    return page


def test_it_says_what_is_added_changed_and_removed_and_where_that_stands(
    pushed: tuple[str, str], viewer: User, client_of: ClientOf
) -> None:
    page = compare(client_of(viewer), *pushed)
    assert {view.label: view.pill.label for view in page.migrations} == {
        "001_users": "SQL changed",
        "003_gone": "Removed",
        "004_comments": "Comments changed",
        "005_back": "Rollback changed",
        "006_new": "Added",
        "007_broken": "Added",
    }
    by_label = {view.label: view for view in page.migrations}
    assert [badge.name for badge in by_label["001_users"].stands_in] == ["Staging"]
    assert "Staging with the old SQL" in by_label["001_users"].alarm
    assert not by_label["003_gone"].alarm, "it was applied nowhere"
    assert [(line.kind, line.text) for line in by_label["006_new"].lines] == [("added", "CREATE TABLE more (id int);")]
    assert [problem.file for problem in page.errors] == ["007_broken.sql"]
    assert (page.old.sha, page.new.sha) == pushed


def test_it_says_what_becomes_pending_in_each_environment(
    pushed: tuple[str, str], viewer: User, client_of: ClientOf
) -> None:
    staging, production = compare(client_of(viewer), *pushed).outlooks
    assert (staging.pending, staging.pending_no_more) == (("006_new", "007_broken"), ("003_gone",))
    assert (staging.tone, staging.plan_url) == ("warn", ""), "the edited 001 stands in the way there"
    assert (production.pending, production.pending_no_more) == (("006_new", "007_broken"), ("003_gone",))
    assert production.sentence.startswith("An apply would run 5 migrations.")
    assert production.plan_url == "/environments/production/apply/"


def test_the_other_way_round_and_with_itself(pushed: tuple[str, str], viewer: User, client_of: ClientOf) -> None:
    client, (old, new) = client_of(viewer), pushed
    there = compare(client, old, new)
    back = client.get(there.reverse_url).context["page"]
    assert {view.label for view in back.migrations if view.pill.label == "Added"} == {"003_gone"}
    assert all(not outlook.plan_url for outlook in back.outlooks), "the old commit is not in force"
    assert compare(client, new, new).migrations == ()
    assert client.get(f"/sources/billing/compare/{'0' * 40}...{new}/").status_code == 404
    assert client.get(f"/sources/billing/compare/{old[:8]}...{new[:8]}/").status_code == 200
    assert client.get(f"/sources/default/compare/{old}...{new}/").status_code == 404


def test_source_and_overview_lead_there(pushed: tuple[str, str], requester: User, client_of: ClientOf) -> None:
    client, (old, new) = client_of(requester), pushed
    address = f"/sources/billing/compare/{old}...{new}/"
    assert address in links(client.get("/sources/billing/"))
    assert address in links(client.get("/"))


def test_the_overview_is_silent_while_no_file_differs(
    from_git: Project,
    billing: Source,
    repository: Repository,
    requester: User,
    acting: Callable[[User], Actor],
    client_of: ClientOf,
) -> None:
    repository.push(FIRST, "First")
    fetching.fetch(billing)
    workflow.run_on_staging(from_git, acting(requester), upto="002")
    repository.push(FIRST, "Only the README")
    fetching.fetch(billing)
    assert not [url for url in links(client_of(requester).get("/")) if "/compare/" in url and "..." in url]


def test_a_push_that_changes_where_a_file_runs_says_so(
    from_git: Project,
    billing: Source,
    repository: Repository,
    requester: User,
    acting: Callable[[User], Actor],
    client_of: ClientOf,
) -> None:
    only = "-- signalbox: environments={}\n"
    old = repository.push(FIRST, "First")
    fetching.fetch(billing)
    workflow.run_on_staging(from_git, acting(requester), upto="002")
    new = repository.push(
        {
            **FIRST,
            "001_users.sql": only.format("production") + "CREATE TABLE users (id bigint);",
            "004_comments.sql": only.format("production") + FIRST["004_comments.sql"],
            "006_a.sql": only.format("staging") + "CREATE TABLE a (id int);",
            "006_b.sql": only.format("production") + "CREATE TABLE b (id int);",
        },
        "For some",
    )
    fetching.fetch(billing)
    observations.refresh_all()
    answer = client_of(requester).get(f"/sources/billing/compare/{old}...{new}/")
    page = answer.context["page"]
    assert page.errors == (), "no environment has both files of that number"
    by_label = {view.label: view for view in page.migrations}
    assert by_label["004_comments"].pill.label == "For other environments"
    assert by_label["004_comments"].scope == "It is for production only; before, it was for every environment."
    assert by_label["004_comments"].scope in text(answer)
    assert by_label["006_a"].scope == "It is for staging only."
    assert not by_label["001_users"].alarm, "on staging its text is compared with nothing any more"
    staging, production = page.outlooks
    assert (staging.pending, staging.pending_no_more) == (("006_a",), ("004_comments",))
    assert (production.pending, production.pending_no_more) == (("006_b",), ())


def test_every_change_has_its_words() -> None:
    from dashboard.presenters.pushes import CHANGES

    assert set(CHANGES) == set(PushChange)
