"""From `git push` to the plan on the page: a real git server, the webhook, the fetch in its own process, the page."""

from __future__ import annotations

import hmac
import json
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from config.git_sources import GitDeclaration
from config.sources import Source
from dashboard import tasks
from dashboard.models import AuditEvent, GitSource, RepeatedEvent, sources
from dashboard.services import fetching
from tests.fix_git import GitHttpServer, GitRepository, GitSshServer
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.views.pages import text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db

SECRETS = {"token": "t0ken-c4n4ry-9d1f", "webhook_secret": "hook-c4n4ry-0123456789"}
#: On a machine that is busy with other tests; by itself it is a second or two.
SECONDS = 60.0


@pytest.fixture
def app(project: Project, settings: SettingsWrapper, git_http: GitHttpServer, git_repository: GitRepository) -> Project:
    git_http.token = SECRETS["token"]
    git_repository.commit({"db/001_users.sql": "CREATE TABLE users (id int);", "README.md": "x" * 10_000})
    declared = GitDeclaration(url=git_http.url_of(git_repository), branch="main", path="db", **SECRETS)
    settings.SOURCES = (Source(name="app", folder=Path("app/db"), git=declared),)
    staging = replace(project.staging, source="app")
    settings.ENVIRONMENTS = (staging, project.production)
    return replace(project, staging=staging)


def call_hook(ref: str = "refs/heads/main") -> int:
    body = json.dumps({"ref": ref}).encode()
    signature = "sha256=" + hmac.new(SECRETS["webhook_secret"].encode(), body, sha256).hexdigest()
    headers = {"X-Hub-Signature-256": signature}
    return Client().post("/hooks/app", data=body, content_type="application/json", headers=headers).status_code


def work() -> int:
    """What a worker does with the jobs that wait; how many there were."""
    jobs = list(ProcrastinateJob.objects.filter(task_name="fetch"))
    for job in jobs:
        tasks.fetch(**job.args)
    return len(jobs)


def test_from_a_push_to_the_plan_on_the_page(
    app: Project, git_repository: GitRepository, requester: User, client_of: ClientOf, record_property: object
) -> None:
    client = client_of(requester)
    assert (call_hook(), work()) == (202, 1)
    assert "1 migration" in text(client.get("/environments/staging/apply/"))
    began = time.monotonic()
    sha = git_repository.commit({"db/002_orders.sql": "CREATE TABLE orders (id int);"}, "Add orders <b>now</b>")
    assert (call_hook(), work() >= 1) == (202, True)
    page = client.get("/environments/staging/apply/")
    took = time.monotonic() - began
    record_property("seconds", took)  # type: ignore[operator]
    assert [step.label for step in page.context["plan"].steps] == ["001_users", "002_orders"]
    assert f"{sha[:8]} Add orders <b>now</b> by Ann Author" in text(page)
    assert took < SECONDS, f"from the push to the plan it took {took:.1f} s"


def test_what_is_secret_is_nowhere(
    app: Project, git_repository: GitRepository, admin: User, client_of: ClientOf, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither on a page nor in a row nor in a log, also not where the server refuses the token."""
    call_hook()
    work()
    (source,) = sources.in_git()
    assert source.git
    wrong = replace(source, git=replace(source.git, token="wrong-c4n4ry"))
    error = fetching.fetch(wrong)
    assert error is not None
    assert error.code == "git_token"
    client = client_of(admin)
    addresses = (
        "/sources/",
        "/sources/app/",
        "/environments/staging/",
        "/migrations/?source=app",
        "/audit/",
        "/start/",
    )
    shown = "".join(client.get(address).content.decode() for address in addresses)
    kept = [*GitSource.objects.values_list("failure", flat=True), *AuditEvent.objects.values_list("data", flat=True)]
    kept += RepeatedEvent.objects.values_list("data", flat=True)
    kept += ProcrastinateJob.objects.values_list("args", flat=True)
    everything = f"{shown} {kept} {caplog.text} {source!r} {error}"
    assert "c4n4ry" not in everything


def test_a_deploy_key_is_nowhere_either(
    app: Project,
    git_repository: GitRepository,
    git_ssh: GitSshServer,
    settings: SettingsWrapper,
    admin: User,
    client_of: ClientOf,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Over SSH: it is fetched with the key, and no part of the key is on a page, in a row or in a log."""
    url = git_ssh.url_of(git_repository)
    declared = GitDeclaration(url=url, path="db", key=git_ssh.key, known_hosts=git_ssh.known_hosts)
    settings.SOURCES = (Source(name="app", folder=Path("app/db"), git=declared),)
    (source,) = sources.in_git()
    assert fetching.fetch(source) is None
    client = client_of(admin)
    assert "1 migration in 1 file" in text(client.get("/sources/app/"))
    assert fetching.fetch(replace(source, git=replace(declared, known_hosts="x ssh-ed25519 AAAA"))) is not None
    shown = "".join(client.get(address).content.decode() for address in ("/sources/", "/sources/app/", "/start/"))
    kept = [*GitSource.objects.values_list("failure", flat=True), *AuditEvent.objects.values_list("data", flat=True)]
    everything = f"{shown} {kept} {caplog.text} {source!r}"
    lines = [line for line in git_ssh.key.splitlines() if line and not line.startswith("-----")]
    assert lines
    assert not [line for line in lines if line in everything]
