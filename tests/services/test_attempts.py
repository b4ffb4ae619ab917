"""A run is known to its target by its attempt and its installation, never by a number that can come again."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from dashboard.engine.database import connection as connections
from dashboard.engine.database.doctor import Check
from dashboard.engine.database.tracking import RunTracking
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Copy
from dashboard.engine.run import executor
from dashboard.models import DriftCheck, Installation, Run, RunStep, Snapshot
from dashboard.selectors import migrations
from dashboard.services import execution, installations, plans, runs, saved, targets
from dashboard.services.actors import Actor
from tests.fix_project import Project
from tests.services.workflow import claim, confirmed, execute, run_on_staging, start_on_staging

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project_of_one(project: Project) -> Project:
    project.write(_001_users="CREATE TABLE users (id int);", _001_users_rollback="DROP TABLE users;")
    return project


def apply_and_roll_back(project: Project, by: Actor) -> Run:
    """A run that committed, of which the database holds nothing any more."""
    run = start_on_staging(project, by)
    execution.execute(run.pk)
    plan = plans.rollback(project.staging, downto=MigrationId("001", "users"))
    back = runs.start(plan, environment=project.staging, by=by, accepted=[w.key for w in plan.warnings])
    execution.execute(back.pk)
    assert not has_table(project)
    return run


def restore_older_control_database(number: int) -> None:
    """The runs from this number on are forgotten, and the next one gets it again."""
    DriftCheck.objects.all().delete()
    Snapshot.objects.all().delete()
    Run.objects.filter(pk__gte=number).delete()
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval(pg_get_serial_sequence('dashboard_run', 'id'), %s, false)", [number])


def lose(run: Run) -> Run:
    """Its worker is gone before it sent anything."""
    claim(run)
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    execution.find_lost()
    return Run.objects.get(pk=run.pk)


def has_table(project: Project) -> bool:
    return project.query(project.staging, "SELECT to_regclass('users') IS NOT NULL") == [(True,)]


def test_a_number_that_comes_again_is_not_taken_for_the_run_that_had_it(project_of_one: Project, alice: Actor) -> None:
    before = apply_and_roll_back(project_of_one, alice)
    restore_older_control_database(before.pk)
    run = start_on_staging(project_of_one, alice)
    assert run.pk == before.pk
    lose(run)
    execution.recover(run.pk)
    run.refresh_from_db()
    assert run.status == Run.Status.RESOLVED
    assert run.steps.get().status == RunStep.Status.NOT_RUN
    assert not has_table(project_of_one)


def test_a_run_of_before_there_were_attempts_is_still_found_by_its_number(
    project_of_one: Project, alice: Actor
) -> None:
    run = start_on_staging(project_of_one, alice)
    runs.claim(run.pk)
    Run.objects.update(attempt_id=None)
    executor.execute(
        run.plan,
        access=targets.access(project_of_one.staging),
        attempt=execution._attempt(Run.objects.get()),
        approval=None,
        observer=lambda event: None,
    )
    Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    execution.find_lost()
    execution.recover(run.pk)
    assert RunStep.objects.get().status == RunStep.Status.COMMITTED


def test_the_session_of_another_installation_is_left_alone(project_of_one: Project, alice: Actor) -> None:
    run = lose(start_on_staging(project_of_one, alice))
    theirs = f"signalbox:{run.pk}:{uuid.uuid4().hex}"
    with psycopg.connect(project_of_one.staging.url, application_name=theirs, autocommit=True) as other:
        execution.recover(run.pk)
        assert other.execute("SELECT 1").fetchone() == (1,)
    run.refresh_from_db()
    assert run.status == Run.Status.RESOLVED


def test_the_history_leads_only_to_the_run_that_wrote_it(project_of_one: Project, alice: Actor) -> None:
    run = start_on_staging(project_of_one, alice)
    execution.execute(run.pk)
    (row,) = targets.look(project_of_one.staging).history.rows
    assert list(migrations.runs_by_id([row.run_key], "staging").values()) == [run]
    Run.objects.update(attempt_id=uuid.uuid4())
    assert migrations.runs_by_id([row.run_key, row.run_id], "staging") == {}


def test_saved_rows_lead_only_to_the_attempt_that_saved_them(project_of_one: Project, alice: Actor) -> None:
    execution.execute(start_on_staging(project_of_one, alice).pk)
    project_of_one.query(project_of_one.staging, "INSERT INTO users VALUES (1)")
    plan = plans.rollback(project_of_one.staging, downto=MigrationId("001", "users"))
    saving = plan.saving({plan.steps[0].identity: [Copy(schema="public", table="users")]})
    back = runs.start(
        saving,
        environment=project_of_one.staging,
        by=alice,
        accepted=[w.key for w in plan.warnings],
        confirmation=confirmed(saving, project_of_one.staging),
    )
    execution.execute(back.pk)
    (group,) = saved.groups(project_of_one.staging)
    back.refresh_from_db()
    assert back.attempt_id is not None
    assert (group.run, group.first.run_key) == (back.pk, back.attempt_id.hex)
    Run.objects.filter(pk=back.pk).update(attempt_id=uuid.uuid4())
    (group,) = saved.groups(project_of_one.staging)
    assert (group.run, group.first.run_id) == (None, str(back.pk))


def test_an_installation_keeps_its_identity() -> None:
    assert installations.identity() == installations.identity() == Installation.objects.get().identity.hex


def other_installations(project: Project) -> Check:
    checks = targets.checkup(project.staging, installation=installations.identity())
    return next(check for check in checks if check.code == "installations")


def test_another_installation_is_named(project_of_one: Project, alice: Actor) -> None:
    run_on_staging(project_of_one, alice)
    own = other_installations(project_of_one)
    first = installations.identity()
    Installation.objects.update(identity=uuid.uuid4())
    others = other_installations(project_of_one)
    assert own.finding == "no other Signalbox has written to its log."
    assert f"another Signalbox runs migrations there too: {first[:8]}, last used by alice" in others.finding


def test_each_claim_has_an_attempt_of_its_own(project_of_one: Project, alice: Actor) -> None:
    run = start_on_staging(project_of_one, alice)
    first = runs.claim(run.pk)
    Run.objects.update(status=Run.Status.QUEUED)
    second = runs.claim(run.pk)
    assert first is not None
    assert second is not None
    assert first.attempt_id != second.attempt_id


def test_a_run_is_looked_for_in_the_schema_it_wrote_to(
    project_of_one: Project, alice: Actor, settings: SettingsWrapper
) -> None:
    run = start_on_staging(project_of_one, alice)
    taken = runs.claim(run.pk)
    assert taken is not None
    attempt = execution._attempt(taken)
    access = targets.access(project_of_one.staging)
    executor.execute(run.plan, access=access, attempt=attempt, approval=None, observer=lambda event: None)
    Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1), began_at=timezone.now())
    execution.find_lost()
    settings.TRACKING_SCHEMA = "elsewhere"
    execution.recover(run.pk)
    assert RunStep.objects.get().status == RunStep.Status.COMMITTED


def test_a_skipped_file_does_not_block_another_of_its_number(project: Project, alice: Actor, carol: Actor) -> None:
    project.write(_003_gone="SELECT 1;")
    plan = plans.skip(project.staging, [MigrationId("003", "gone")], reason="made by hand")
    execute(runs.start(plan, environment=project.staging, by=carol))
    project.write(_003_other="CREATE TABLE other (id int);", _003_other_rollback="DROP TABLE other;")
    run_on_staging(project, alice)
    attempt = execution._attempt(Run.objects.latest("pk"))
    with connections.reading(targets.address(project.staging)) as asked:
        assert RunTracking(asked, "platform", attempt).missing_witness() == ""
    rows = {(row.version, row.name, row.kind) for row in targets.look(project.staging).history.rows}
    assert rows == {("003", "gone", "skipped"), ("003", "other", "applied")}
    back = plans.rollback(project.staging, downto=MigrationId("003", "other"))
    accepted = [warning.key for warning in back.warnings]
    execute(runs.start(back, environment=project.staging, by=alice, accepted=accepted))
    assert [row.name for row in targets.look(project.staging).history.rows] == ["gone"]
