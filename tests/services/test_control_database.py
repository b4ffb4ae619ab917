"""A protected environment never runs in the database that keeps its approvals: a migration could approve itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.core.management import call_command
from django.db import connection

from config.environments import Environment
from dashboard.engine.database import connection as connections
from dashboard.engine.database.tracking import Attempt
from dashboard.engine.errors import ControlDatabaseShared
from dashboard.engine.plan import TargetIdentity
from dashboard.engine.run import executor
from dashboard.engine.run.executor import Approval
from dashboard.models import Run
from dashboard.presenters import environments as presenter
from dashboard.selectors import control
from dashboard.selectors import environments as standings
from dashboard.selectors.folders import FolderReading
from dashboard.services import approvals, execution, observations, plans, policies, runs, targets
from dashboard.services.actors import Actor
from tests.fix_people import ClientOf
from tests.fix_postgres import Database
from tests.fix_project import PointAt, Project
from tests.services.workflow import approve, open_request

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from dashboard.engine.localserver import LocalServer

pytestmark = pytest.mark.django_db(transaction=True)

PROMOTION = """
INSERT INTO signalbox.auth_user_groups (user_id, group_id)
SELECT u.id, g.id FROM signalbox.auth_user u, signalbox.auth_group g WHERE u.username = 'alice' AND g.name = 'admin';
"""


@pytest.fixture
def own_database(postgres_server: LocalServer) -> Database:
    """The control database, as a target."""
    name = connection.settings_dict["NAME"]
    return Database(name=name, url=postgres_server.url(name))


@pytest.fixture
def production_in_control(project: Project, own_database: Database, point_at: PointAt) -> Iterator[Environment]:
    """Production, as it is where only DATABASE_URL is set."""
    project.write(_001_promotion=PROMOTION)
    yield point_at(project.production, own_database)
    own_database.query("DROP SCHEMA IF EXISTS platform CASCADE")


def test_the_control_database_is_told_by_its_server_and_not_by_its_url(production_in_control: Environment) -> None:
    with connections.reading(targets.address(production_in_control)) as opened:
        assert connections.identity(opened) == control.identity()


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({}, True),
        ({"system_identifier": ""}, True),
        ({"system_identifier": "2"}, False),
        ({"database": "b"}, False),
        ({"database_oid": 6}, False),
    ],
)
def test_a_server_that_is_not_told_can_be_any(other: dict[str, str | int], same: bool) -> None:
    identity = {"system_identifier": "1", "database": "a", "database_oid": 5}
    assert TargetIdentity(**identity).may_be(TargetIdentity(**{**identity, **other})) is same


def test_a_role_that_may_not_ask_for_the_server_is_told_the_database(project: Project) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE asks_little")
        cursor.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
        cursor.execute("SET ROLE asks_little")
        try:
            identity = control.identity()
        finally:
            cursor.execute("RESET ROLE")
            cursor.execute("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")
            cursor.execute("DROP ROLE asks_little")
    assert (identity.system_identifier, identity.database) == ("", connection.settings_dict["NAME"])
    assert identity.may_be(control.identity())


# Refused at every door


def test_no_request_is_opened(production_in_control: Environment, alice: Actor) -> None:
    with pytest.raises(ControlDatabaseShared, match="Production is protected, and its database"):
        approvals.open_request(plans.apply(production_in_control), environment=production_in_control, by=alice)


def test_what_was_asked_for_before_is_not_approved_or_started(
    production_in_control: Environment, project: Project, alice: Actor, bob: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(policies, "check_is_apart", lambda *_: None)
        request = open_request(project_at(project, production_in_control), alice)
        other = approve(open_request(project_at(project, production_in_control), alice), bob)
    with pytest.raises(ControlDatabaseShared):
        approve(request, bob)
    with pytest.raises(ControlDatabaseShared):
        runs.start_approved(other, by=alice, typed_name="production")
    assert not Run.objects.exists()


def test_the_executor_refuses_with_the_approval_in_its_hand(
    production_in_control: Environment, project: Project, alice: Actor, requester: User
) -> None:
    plan = plans.apply(production_in_control)
    approval = Approval(
        digest=plan.digest, requested_by="alice", approved_by="bob", expires_at=datetime.now(UTC) + timedelta(hours=1)
    )
    with pytest.raises(ControlDatabaseShared):
        executor.execute(
            plan,
            access=replace(targets.access(production_in_control), control=control.identity()),
            attempt=Attempt(run_id="1", by="alice", source_ip="192.0.2.7"),
            approval=approval,
            observer=lambda event: None,
        )
    assert list(requester.groups.values_list("name", flat=True)) == ["requester"]


def test_a_run_that_was_queued_before_is_refused_by_its_worker(
    production_in_control: Environment, project: Project, alice: Actor, bob: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(policies, "check_is_apart", lambda *_: None)
        request = approve(open_request(project_at(project, production_in_control), alice), bob)
        run = runs.start_approved(request, by=alice, typed_name="production")
    execution.execute(run.pk)
    run.refresh_from_db()
    assert (run.status, run.failure["code"]) == (Run.Status.FAILED, "control_database_shared")


def test_the_plan_is_not_offered_on_a_page(
    production_in_control: Environment, requester: User, client_of: ClientOf
) -> None:
    client = client_of(requester)
    observations.refresh_all()
    answer = client.get("/environments/production/apply/")
    assert answer.status_code == 409
    assert "control_database_shared" in answer.content.decode()
    assert "SIGNALBOX_DATABASE_URL" in answer.content.decode()


def test_the_command_line_refuses_the_plan(
    production_in_control: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        call_command("signalbox", "plan", "--env", "production")
    printed = capsys.readouterr()
    assert (end.value.code, printed.out) == (8, "")
    assert "Production is protected, and its database" in printed.err


# Said


def test_the_doctor_refuses_it(production_in_control: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        call_command("signalbox", "doctor", "--env", "production")
    assert end.value.code == 7
    sentence = "Signalbox keeps its own people, requests and approvals in it, and it is protected."
    assert sentence in capsys.readouterr().err


def test_overview_and_environment_say_it(
    production_in_control: Environment, requester: User, client_of: ClientOf
) -> None:
    observations.refresh_all()
    client = client_of(requester)
    assert presenter.SHARED in client.get("/").content.decode()
    page = client.get("/environments/production/").context["page"]
    assert page.notices[0].tone == "danger"
    assert page.apply.reason == presenter.SHARED_STOPS


# A first look still works


def test_an_unprotected_environment_runs_there_and_is_told(
    project: Project, own_database: Database, point_at: PointAt, alice: Actor, capsys: pytest.CaptureFixture[str]
) -> None:
    project.write(_001_users="SELECT 1;")
    staging = point_at(project.staging, own_database)
    try:
        run = runs.start(plans.apply(staging), environment=staging, by=alice)
        execution.execute(run.pk)
        run.refresh_from_db()
        assert run.status == Run.Status.SUCCEEDED
        (standing,) = (s for s in standings.standings([FolderReading()]) if s.environment.slug == "staging")
        assert [r.rank for r in presenter.remarks(standing) if presenter.SHARED in r.text] == [46]
        call_command("signalbox", "doctor", "--env", "staging")
        sentence = "warning: Signalbox keeps its own people, requests and approvals in it."
        assert sentence in capsys.readouterr().out
    finally:
        own_database.query("DROP SCHEMA IF EXISTS platform CASCADE")


def project_at(project: Project, production: Environment) -> Project:
    return Project(folder=project.folder, staging=project.staging, production=production, databases=project.databases)
