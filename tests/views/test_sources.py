"""Two sources: each environment is held against the files of its own, and every page says which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.sources import Source
from dashboard.models import AuditEvent, GitCommit, GitSource, Run
from dashboard.services import fetching, observations, plans, rehearsals
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.fix_sources import TOKEN, Repository
from tests.services import workflow
from tests.views.pages import links, posts, text

if TYPE_CHECKING:
    from pathlib import Path

    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

    from dashboard.services.actors import Actor

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def two_sources(two_files: Project, settings: SettingsWrapper, tmp_path: Path) -> Project:
    """Production takes its files from `billing`, which has another 001_users and 005_invoices."""
    billing = tmp_path / "billing"
    billing.mkdir()
    (billing / "001_users.sql").write_text("CREATE TABLE payers (id int);", encoding="utf-8")
    (billing / "005_invoices.sql").write_text("CREATE TABLE invoices (id int);", encoding="utf-8")
    settings.SOURCES = (Source(name="billing", folder=billing),)
    production = replace(two_files.production, source="billing")
    settings.ENVIRONMENTS = (two_files.staging, production)
    observations.refresh_all()
    return replace(two_files, production=production)


def test_plans_take_the_files_of_their_environment_and_name_the_source(two_sources: Project) -> None:
    staging, production = plans.apply(two_sources.staging), plans.apply(two_sources.production)
    assert ([step.label for step in staging.steps], staging.source) == (["001_users", "002_orders"], "default")
    assert ([step.label for step in production.steps], production.source) == (["001_users", "005_invoices"], "billing")
    assert "payers" in production.steps[0].sql
    assert replace(production, source="").digest == production.digest


def test_pages_keep_them_apart(two_sources: Project, admin: User, client_of: ClientOf) -> None:
    client = client_of(admin)
    overview = client.get("/").context["page"]
    assert [(board.source, [row.identity.version for row in board.matrix.rows]) for board in overview.boards] == [
        ("default", ["002", "001"]),
        ("billing", ["005", "001"]),
    ]
    assert [[each.name for each in board.matrix.environments] for board in overview.boards] == [
        ["Staging"],
        ["Production"],
    ]
    assert "005" not in text(client.get("/migrations/"))
    billing = client.get("/migrations/?source=billing")
    assert "005" in text(billing)
    assert 'href="/migrations/005/invoices/?source=billing"' in billing.content.decode()
    assert client.get("/migrations/005/invoices/").context["source"].name == "billing"
    users = client.get("/migrations/001/users/?source=billing")
    assert "payers" in text(users)
    assert users.context["elsewhere"] == [("default", "/migrations/001/users/")]
    assert client.get("/migrations/problems/?source=billing").context["page"].name == "billing"
    assert client.get("/migrations/?source=nobody").status_code == 404
    assert ("Files from the source", "billing") in client.get("/environments/production/").context["page"].facts


def test_a_run_and_the_audit_log_name_the_source(
    two_sources: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = run_on_staging(requester)
    assert (run.status, run.plan.source) == (Run.Status.SUCCEEDED, "default")
    assert AuditEvent.objects.filter(kind="run.queued").latest("pk").data["source"] == "default"


def test_links_to_files_stay_in_the_source(
    two_sources: Project, settings: SettingsWrapper, admin: User, acting: Callable[[User], Actor], client_of: ClientOf
) -> None:
    """Both sources have a 001_users: without its source an address leads to the other one."""
    settings.ENVIRONMENTS = (replace(two_sources.staging, source="billing"), two_sources.production)
    (settings.SOURCES[0].folder / "006_broken.sql").write_text("SELECT 1 / 0;", encoding="utf-8")
    two_sources = replace(two_sources, staging=settings.ENVIRONMENTS[0])
    run = workflow.run_on_staging(two_sources, acting(admin))
    assert run.status == Run.Status.FAILED
    observations.refresh_all()
    client = client_of(admin)
    to_files = {
        address: {link for link in links(client.get(address)) if link.startswith("/migrations/0")}
        for address in (
            *(f"/runs/{run.pk}/", "/environments/staging/", "/environments/staging/skip/006/", "/compare/"),
            *("/migrations/?source=billing", "/migrations/001/users/?source=billing"),
        )
    }
    of_run = {"/migrations/001/users/", "/migrations/005/invoices/", "/migrations/006/broken/"}
    assert {link.partition("?")[0] for link in to_files[f"/runs/{run.pk}/"]} == of_run
    assert to_files["/environments/staging/skip/006/"] == {"/migrations/006/broken/?source=billing"}
    assert [link for named in to_files.values() for link in named if "source=billing" not in link] == []
    assert "/migrations/?source=billing" in links(client.get("/migrations/problems/?source=billing"))
    remark = next(s for s in client.get("/").context["page"].sentences if "behind" in s.text or "pending" in s.text)
    assert "source=billing" in remark.url or remark.url.startswith("/environments/")


# Sources in repositories

#: Pages about the files, and about environments that take theirs from a repository.
OF_FILES = (
    *("/", "/sources/", "/sources/billing/", "/migrations/"),
    *("/migrations/001/users/", "/migrations/problems/"),
)
OF_ENVIRONMENTS = (
    *("/environments/", "/environments/staging/", "/environments/staging/drift/", "/environments/staging/edited/"),
    *("/compare/", "/environments/production/apply/"),
)


def test_what_was_never_fetched_is_not_read_and_not_well(from_git: Project, admin: User, client_of: ClientOf) -> None:
    client = client_of(admin)
    observations.refresh_all()
    page = client.get("/sources/")
    assert [(row.name, row.pill.label, row.commit) for row in page.context["rows"]] == [
        ("billing", "Not read yet", None),
    ]
    for address in ("/migrations/", "/environments/", "/environments/staging/", "/sources/billing/"):
        assert "is not read yet" in text(client.get(address)), address
    assert client.get("/").status_code == 302, "the first-run guide comes first"
    refused = client.get("/environments/staging/apply/")
    assert (refused.status_code, "is not read yet" in text(refused)) == (503, True)
    assert "Every environment has every migration" not in text(client.get("/environments/"))


def test_the_pages_name_the_commit_and_say_when_fetching_fails(
    from_git: Project, billing: Source, repository: Repository, admin: User, client_of: ClientOf
) -> None:
    from dashboard.engine.git.errors import GitUnreachable

    sha = repository.push({"001_users.sql": "CREATE TABLE users (id int);"}, "Add <users>")
    fetching.fetch(billing)
    observations.refresh_all()
    client = client_of(admin)
    for address in (*OF_FILES, *OF_ENVIRONMENTS):
        page = client.get(address)
        assert f"{sha[:8]} Add <users> by Ada" in text(page), address
        assert f"https://github.com/acme/app/commit/{sha}" in links(page), address
    repository.refuses = GitUnreachable(repository="github.com", reason="nobody answers")
    fetching.fetch(billing)
    for address in (*OF_FILES, "/environments/", "/environments/staging/"):
        page = client.get(address)
        assert "nobody answers" in text(page), address
        assert TOKEN not in page.content.decode(), address
    assert page.status_code == 200, "the last good commit stays in force"


def test_the_button_asks_once(
    from_git: Project, billing: Source, repository: Repository, requester: User, client_of: ClientOf
) -> None:
    client = client_of(requester)
    assert "/sources/billing/fetch/" in posts(client.get("/sources/billing/"))
    assert client.post("/sources/billing/fetch/").status_code == 302
    page = client.get("/sources/billing/")
    assert (page.context["row"].pill.label, posts(page).count("/sources/billing/fetch/")) == ("Being fetched", 0)
    assert AuditEvent.objects.filter(kind="source.fetch_asked", actor=requester.get_username()).count() == 1
    assert client.post("/sources/default/fetch/").status_code == 404


def test_whatever_comes_of_a_plan_names_its_commit(
    from_git: Project,
    billing: Source,
    repository: Repository,
    requester: User,
    approver: User,
    acting: Callable[[User], Actor],
    client_of: ClientOf,
) -> None:
    sha = repository.push({"001_users.sql": "CREATE TABLE users (id int);"}, "Add users")
    fetching.fetch(billing)
    observations.refresh_all()
    alice, bob = acting(requester), acting(approver)
    asked = workflow.open_request(from_git, alice)
    run = workflow.run_on_staging(from_git, alice)
    workflow.approve(asked, bob)
    client = client_of(approver)
    named = f"{sha[:8]} Add users by Ada"
    rehearsal = rehearsals.ask(asked.plan, environment=from_git.production, by=alice)
    of_plans = (f"/requests/{asked.pk}/", f"/runs/{run.pk}/", f"/rehearsals/{rehearsal.pk}/")
    for address in ("/environments/production/apply/", *of_plans, "/requests/?tab=open", "/runs/"):
        page = client.get(address)
        assert named in text(page), address
        assert f"https://github.com/acme/app/commit/{sha}" in links(page), address
    log = b"".join(client.get(f"/runs/{run.pk}/?format=text"))
    assert f"{sha} Add users (by Ada)" in log.decode()
    for kind in ("request.opened", "run.queued"):
        data = AuditEvent.objects.filter(kind=kind).latest("pk").data
        assert data["commit"] == {"id": sha, "author": "Ada", "subject": "Add users"}, kind
    assert f"commit {sha[:8]} “Add users” by Ada" in text(client.get("/audit/"))


def test_a_list_asks_for_the_commits_of_all_its_rows_at_once(
    from_git: Project,
    billing: Source,
    repository: Repository,
    alice: Actor,
    approver: User,
    client_of: ClientOf,
) -> None:
    shas = []
    for number in (1, 2, 3):
        files = {f"00{each}_t{each}.sql": f"CREATE TABLE t{each} (id int);" for each in range(1, number + 1)}
        shas.append(repository.push(files, f"Add {number}"))
        fetching.fetch(billing)
        workflow.run_on_staging(from_git, alice)
    with CaptureQueriesContext(connection) as asked:
        page = client_of(approver).get("/runs/")
    assert [row.commit.sha for row in page.context["rows"]] == shas[::-1]
    assert sum(f'FROM "{GitCommit._meta.db_table}"' in query["sql"] for query in asked) == 1


def test_a_commit_that_is_not_kept_any_more_is_named_by_its_id(
    from_git: Project, billing: Source, repository: Repository, alice: Actor, approver: User, client_of: ClientOf
) -> None:
    sha = repository.push({"001_users.sql": "CREATE TABLE users (id int);"}, "Add users")
    fetching.fetch(billing)
    workflow.run_on_staging(from_git, alice)
    GitSource.objects.update(commit=None)
    GitCommit.objects.all().delete()
    (row,) = client_of(approver).get("/runs/").context["rows"]
    assert (row.commit.sha, row.commit.subject) == (sha, "")


@pytest.mark.parametrize(("configured", "expected"), [(["ours.example"], "https://ours.example"), ([], "http://asked")])
def test_the_address_of_a_webhook_has_the_name_that_is_configured(
    configured: list[str], expected: str, billing: Source, viewer: User, client_of: ClientOf, settings: SettingsWrapper
) -> None:
    """Not the one that this request came by: that may be a name that only people inside can reach, or anybody's."""
    assert billing.git
    settings.PUBLIC_HOSTS, settings.ALLOWED_HOSTS = configured, ["asked"]
    page = client_of(viewer).get("/sources/billing/", headers={"host": "asked"})
    assert page.context["hook_url"] == f"{expected}/hooks/billing"
    assert f"{expected}/hooks/billing" in text(page)
