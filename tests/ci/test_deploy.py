"""From a push to production: the lines of the examples against a real server, with a worker, and people who approve."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from config import git_sources
from config.sources import Source
from dashboard.models import ChangeRequest, Run
from dashboard.services import execution
from tests.ci import pipelines
from tests.ci.conftest import Pipeline, Ran
from tests.ci.pipelines import Command
from tests.services import workflow

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper
    from pytest_django.live_server_helper import LiveServer

    from dashboard.services.actors import Actor
    from tests.fix_project import Project
    from tests.fix_tokens import Caller

pytestmark = pytest.mark.django_db(transaction=True)

GITHUB = [each for job in ("staging", "production") for each in pipelines.of_github("deploy.yml", job)]
GITLAB = pipelines.of_gitlab("deploy.yml", "staging", "production")
OF_GITHUB = {"GITHUB_SHA": "a" * 40, "GITHUB_ACTOR": "ada", "GITHUB_REF": "refs/heads/main"}
OF_GITLAB = {"CI_COMMIT_SHA": "b" * 40, "CI_COMMIT_AUTHOR": "Ada <ada@example.org>", "CI_COMMIT_REF_NAME": "main"}


@pytest.fixture
def pushed(project: Project, settings: SettingsWrapper) -> Project:
    """Both environments take their files from what is pushed to `app`."""
    settings.SOURCES = (Source(name="app", folder=Path("app"), git=git_sources.PUSHED),)
    staging, production = (replace(each, source="app") for each in (project.staging, project.production))
    settings.ENVIRONMENTS = (staging, production)
    return replace(project, staging=staging, production=production)


def with_people(started: Future[list[Ran]], bob: Actor, *, approves: bool = True) -> list[Ran]:
    """Its end, while a worker does what is queued and bob reads what is asked."""
    deadline = time.monotonic() + 300
    while not started.done() and time.monotonic() < deadline:
        for run in Run.objects.filter(status=Run.Status.QUEUED):
            execution.execute(run.pk)
        for request in ChangeRequest.objects.filter(status=ChangeRequest.Status.OPEN) if approves else ():
            workflow.approve(request, bob)
        time.sleep(0.2)
    return started.result(timeout=5)


@pytest.mark.parametrize(("commands", "of_job"), [(GITHUB, OF_GITHUB), (GITLAB, OF_GITLAB)], ids=["github", "gitlab"])
def test_a_push_gets_to_production_once_it_is_approved(
    commands: Sequence[Command],
    of_job: dict[str, str],
    pipeline: Pipeline,
    checkout: Path,
    pushed: Project,
    live_server: LiveServer,
    ci: Caller,
    bob: Actor,
) -> None:
    server = {"SIGNALBOX_URL": live_server.url, "SIGNALBOX_TOKEN": ci.text}
    filled = {"vars.SIGNALBOX_URL": live_server.url, "secrets.SIGNALBOX_TOKEN": ci.text}
    with ThreadPoolExecutor(1) as thread:
        started = thread.submit(pipeline, commands, variables=server | of_job, expressions=filled)
        ran = with_people(started, bob)
    assert [done.code for done in ran] == [0] * len(commands), [(done.line, done.out, done.err) for done in ran]
    for environment in (pushed.staging, pushed.production):
        assert workflow.tables(pushed, environment) == ["users"]
    (planned,) = json.loads((checkout / "production-plan.json").read_text())
    request = ChangeRequest.objects.get()
    assert (planned["environment"], planned["digest"]) == ("production", request.digest)
    commit = of_job.get("GITHUB_SHA") or of_job["CI_COMMIT_SHA"]
    assert (request.plan.commit, request.reason) == (commit, f"Commit {commit}")
    assert [run.status for run in Run.objects.all()] == [Run.Status.SUCCEEDED] * 2


def test_what_does_not_run_on_staging_is_never_asked_for_in_production(
    pipeline: Pipeline, checkout: Path, pushed: Project, live_server: LiveServer, ci: Caller, bob: Actor
) -> None:
    (checkout / "migrations_sql" / "002_wrong.sql").write_text("-- signalbox: irreversible=x\nSELECT 1 / 0;\n")
    server = {"SIGNALBOX_URL": live_server.url, "SIGNALBOX_TOKEN": ci.text}
    with ThreadPoolExecutor(1) as thread:
        ran = with_people(thread.submit(pipeline, GITLAB, variables=server | OF_GITLAB), bob)
    assert [done.code for done in ran] == [0, 1], [(done.line, done.err) for done in ran]
    assert "division by zero" in ran[-1].out
    assert not ChangeRequest.objects.exists()
