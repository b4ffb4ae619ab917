"""Runs: queued once, executed once, ended once, and found again when their worker is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from config.environments import Environment
from dashboard.engine.errors import NotAcknowledged, NothingToDo, PlanBlocked, TargetUnreachable
from dashboard.engine.migration import History, MigrationId
from dashboard.engine.run import executor
from dashboard.engine.run.faultpoints import InjectedFault
from dashboard.models import AuditEvent, Observation, Run, RunStatement, RunStep
from dashboard.services import execution, observations, plans, runs, targets
from dashboard.services.actors import Actor
from dashboard.services.errors import AlreadyDecided, EnvironmentOccupied, PermissionRefused, ReasonMissing
from tests.at_once import at_once
from tests.fix_project import Project
from tests.services.workflow import claim, execute, run_on_staging, start_on_staging, tables
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_run_records_each_step_and_statement(project: Project, alice: Actor) -> None:
    project.write(
        _001_users=(
            "CREATE TABLE users (id int);\nINSERT INTO users VALUES (1), (2);\nDO $$BEGIN RAISE NOTICE 'hi'; END$$;"
        )
    )
    run_on_staging(project, alice)
    step = RunStep.objects.get()
    assert (step.status, step.statements_total) == (RunStep.Status.COMMITTED, 3)
    statements = list(step.statements.values_list("number", "line", "tag", "status", "notices"))
    assert statements == [
        (1, 1, "CREATE TABLE", "ok", []),
        (2, 2, "INSERT 0 2", "ok", []),
        (3, 3, "DO", "ok", ["NOTICE: hi"]),
    ]


def test_a_failing_run_says_what_is_applied_and_what_is_not(project: Project, alice: Actor) -> None:
    project.write(
        _001_users="CREATE TABLE users (id int);",
        _002_bad="CREATE TABLE bad (id int);\nSELECT 1/0;",
        _003_c="SELECT 1;",
    )
    run = run_on_staging(project, alice)
    assert run.status == Run.Status.FAILED
    assert [s.status for s in run.steps.all()] == ["committed", "failed", "not_run"]
    assert run.failure["server"]["sqlstate"] == "22012"
    assert RunStatement.objects.filter(step__version="002").values_list("status", flat=True).last() == "failed"
    assert tables(project, project.staging) == ["users"]


def test_a_queued_run_and_its_job_appear_together_or_not_at_all(project: Project, alice: Actor, monkeypatch) -> None:
    project.write(_001_users="CREATE TABLE users (id int);")
    monkeypatch.setattr("dashboard.services.queue.execute_run", _break)
    jobs = ProcrastinateJob.objects.count()
    with pytest.raises(RuntimeError):
        start_on_staging(project, alice)
    assert (Run.objects.count(), AuditEvent.objects.count()) == (0, 0)
    assert ProcrastinateJob.objects.count() == jobs


def _break(run_id: int) -> None:
    app.configure_task(name="execute_run").defer(run_id=run_id)
    raise RuntimeError


def test_one_run_an_environment_at_a_time(project: Project, alice: Actor) -> None:
    project.write(_001_users="CREATE TABLE users (id int);")
    first = start_on_staging(project, alice)
    with pytest.raises(EnvironmentOccupied, match=f"Run {first.pk} of Staging is queued"):
        start_on_staging(project, alice)


def test_of_many_who_start_at_once_one_wins(project: Project, alice: Actor) -> None:
    project.write(_001_users="CREATE TABLE users (id int);")
    plan = plans.apply(project.staging)
    started = [lambda: runs.start(plan, environment=project.staging, by=alice)] * 6
    assert at_once(*started, too_late=(EnvironmentOccupied,)) == 1


def test_a_run_is_executed_by_one_worker_only(project: Project, alice: Actor) -> None:
    project.write(_001_users="CREATE TABLE users (id int);")
    run = start_on_staging(project, alice)
    execution.execute(run.pk)
    execution.execute(run.pk)
    assert AuditEvent.objects.filter(kind="run.started").count() == 1


def test_a_queued_run_is_cancelled_at_once(project: Project, alice: Actor) -> None:
    project.write(_001_users="CREATE TABLE users (id int);")
    run = start_on_staging(project, alice)
    runs.request_cancel(run.pk, by=alice)
    execute(run)
    assert run.status == Run.Status.CANCELLED
    assert tables(project, project.staging) == []


def test_a_running_run_is_cancelled_and_leaves_nothing(project: Project, alice: Actor, bob: Actor) -> None:
    project.write(_001_slow="CREATE TABLE slow (id int); SELECT pg_sleep(60);")
    run = start_on_staging(project, alice)
    worker = threading.Thread(target=_execute, args=(run.pk,))
    worker.start()
    wait_until(lambda: _is_sleeping(project, run), "the run reaches its statement")
    runs.request_cancel(run.pk, by=bob)
    worker.join(20)
    run.refresh_from_db()
    assert (run.status, run.failure["code"]) == (Run.Status.CANCELLED, "cancelled")
    assert run.failure["sentence"] == "The run was cancelled by bob while 001_slow was running."
    assert tables(project, project.staging) == []
    with pytest.raises(AlreadyDecided):
        runs.request_cancel(run.pk, by=bob)


def test_a_viewer_cannot_cancel(project: Project, alice: Actor, vera: Actor) -> None:
    project.write(_001_users="CREATE TABLE users (id int);")
    run = start_on_staging(project, alice)
    with pytest.raises(PermissionRefused):
        runs.request_cancel(run.pk, by=vera)


def _execute(run_id: int) -> None:
    try:
        execution.execute(run_id)
    finally:
        connection.close()


def _is_sleeping(project: Project, run: Run) -> bool:
    """Whether the statement of the run is provably running in the target."""
    ours = f"application_name LIKE 'signalbox:{run.pk}:%' AND query LIKE '%pg_sleep%'"
    return bool(project.query(project.staging, f"SELECT 1 FROM pg_stat_activity WHERE {ours}"))


# Lost workers


def lose(run: Run, *, committed: bool, project: Project) -> None:
    """The state a killed worker leaves: the run is `running`, its lease over, the work committed or not."""
    claim(run)
    RunStep.objects.filter(run=run).update(status=RunStep.Status.RUNNING, started_at=timezone.now())
    if committed:
        _run_engine(project, run)
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


@pytest.mark.parametrize("committed", [True, False])
def test_a_lost_run_is_found_and_its_verdict_read_from_the_target(
    project: Project, alice: Actor, committed: bool
) -> None:
    project.write(_001_users="CREATE TABLE users (id int);")
    run = start_on_staging(project, alice)
    lose(run, committed=committed, project=project)
    execution.find_lost()
    run.refresh_from_db()
    assert run.status == Run.Status.INTERRUPTED
    with pytest.raises(EnvironmentOccupied):
        runs._queue(run.plan, environment=project.staging, by=alice, request=None, said={})
    execution.recover(run.pk)
    run.refresh_from_db()
    assert run.status == Run.Status.RESOLVED
    assert run.steps.get().status == (RunStep.Status.COMMITTED if committed else RunStep.Status.FAILED)
    assert AuditEvent.objects.get(kind="run.resolved").data["all_committed"] is committed


def test_recovery_waits_for_the_session_of_the_lost_run(project: Project, alice: Actor) -> None:
    project.write(_001_users="CREATE TABLE users (id int);")
    run = start_on_staging(project, alice)
    lose(run, committed=False, project=project)
    execution.find_lost()
    name = execution._attempt(Run.objects.get(pk=run.pk)).session_name
    with psycopg.connect(project.staging.url, application_name=name) as orphan:
        orphan.execute("CREATE TABLE users (id int)")
        execution.recover(run.pk)
        assert orphan.closed or orphan.info.status == psycopg.pq.ConnStatus.BAD or _is_dead(orphan)
    run.refresh_from_db()
    assert run.status == Run.Status.RESOLVED
    assert tables(project, project.staging) == []


def _is_dead(orphan: psycopg.Connection) -> bool:
    with pytest.raises(psycopg.OperationalError):
        orphan.execute("SELECT 1")
    return True


def test_a_run_stays_interrupted_while_its_target_cannot_be_asked(
    project: Project, alice: Actor, unreachable: Callable[[Environment], Environment]
) -> None:
    project.write(_001_users="CREATE TABLE users (id int);")
    run = start_on_staging(project, alice)
    lose(run, committed=True, project=project)
    execution.find_lost()
    unreachable(project.staging)
    execution.recover(run.pk)
    run.refresh_from_db()
    assert run.status == Run.Status.INTERRUPTED
    assert run.failure is not None
    assert run.failure["unresolved"]["code"] == "unreachable"


def test_a_run_whose_environment_is_gone_says_why_it_stays_interrupted(
    project: Project, alice: Actor, settings: SettingsWrapper
) -> None:
    project.write(_001_users="CREATE TABLE users (id int);")
    run = start_on_staging(project, alice)
    lose(run, committed=True, project=project)
    execution.find_lost()
    declared, settings.ENVIRONMENTS = settings.ENVIRONMENTS, ()
    execution.recover(run.pk)
    run.refresh_from_db()
    assert (run.status, run.failure and run.failure["unresolved"]["code"]) == (
        Run.Status.INTERRUPTED,
        "environment_not_declared",
    )
    settings.ENVIRONMENTS = declared
    execution.recover(run.pk)
    run.refresh_from_db()
    assert run.status == Run.Status.RESOLVED


def test_a_queued_run_whose_environment_is_gone_has_sent_nothing(
    project: Project, alice: Actor, settings: SettingsWrapper
) -> None:
    project.write(_001_users="CREATE TABLE users (id int);")
    run = start_on_staging(project, alice)
    settings.ENVIRONMENTS = ()
    execution.execute(run.pk)
    run.refresh_from_db()
    assert (run.status, run.began_at) == (Run.Status.FAILED, None)
    assert (run.failure or {})["code"] == "environment_not_declared"
    assert run.steps.get().status == RunStep.Status.NOT_RUN


def test_a_worker_that_comes_back_writes_nothing(project: Project, alice: Actor) -> None:
    project.write(_001_users="CREATE TABLE users (id int);")
    run = start_on_staging(project, alice)
    stale = runs.claim(run.pk)
    assert stale is not None
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    execution.find_lost()
    assert runs.renew_lease(stale) is None
    assert runs.finish(stale, Run.Status.SUCCEEDED) is False


# Plans and observations


def test_warnings_that_need_acceptance_stop_the_run(two_files: Project, alice: Actor) -> None:
    run_on_staging(two_files, alice)
    plan = plans.rollback(two_files.staging, downto=MigrationId("002", "orders"))
    with pytest.raises(NotAcknowledged, match="not been proven"):
        runs.start(plan, environment=two_files.staging, by=alice)
    run = runs.start(plan, environment=two_files.staging, by=alice, accepted=["unproven_rollback:002"])
    execution.execute(run.pk)
    assert tables(two_files, two_files.staging) == ["users"]
    assert AuditEvent.objects.filter(kind="run.queued").latest("id").data["accepted"] == ["unproven_rollback:002"]


def test_an_edited_applied_file_blocks_the_environment(two_files: Project, alice: Actor) -> None:
    run_on_staging(two_files, alice, upto="001")
    two_files.write(_001_users="CREATE TABLE users (id bigint);")
    with pytest.raises(PlanBlocked, match="edited after it was applied"):
        plans.apply(two_files.staging)


def test_nothing_to_do_is_said_when_everything_is_applied(two_files: Project, alice: Actor) -> None:
    run_on_staging(two_files, alice)
    with pytest.raises(NothingToDo):
        plans.apply(two_files.staging)


def test_a_failed_look_keeps_the_last_good_one(
    two_files: Project, unreachable: Callable[[Environment], Environment]
) -> None:
    observations.refresh(two_files.staging)
    observations.refresh(unreachable(two_files.staging))
    kept = Observation.objects.get(environment="staging")
    assert not kept.ok
    assert kept.history == History(exists=False).to_dict()
    assert kept.failure["code"] == "unreachable"
    assert "s3cret" not in str(kept.failure)


def test_an_unreachable_target_refuses_a_plan_with_advice(
    two_files: Project, unreachable: Callable[[Environment], Environment]
) -> None:
    with pytest.raises(TargetUnreachable) as caught:
        plans.apply(unreachable(two_files.staging))
    assert "URL_OF_STAGING" in caught.value.next_step


# Outside a transaction

STEPWISE = "-- signalbox: transaction=none\nCREATE TABLE one (id int);\n{}\nCREATE TABLE three (id int);"


def test_what_broke_off_freezes_the_environment_until_it_is_settled(
    project: Project, alice: Actor, carol: Actor
) -> None:
    project.write(_001_steps=STEPWISE.format("SELECT 1/0;"), _002_more="CREATE TABLE more (id int);")
    run = run_on_staging(project, alice, upto="001")
    assert (run.status, run.failure["code"]) == (Run.Status.FAILED, "partial")
    assert run.steps.get().status == RunStep.Status.PARTIAL
    with pytest.raises(PlanBlocked, match="broke off"):
        plans.apply(project.staging)
    project.write(_001_steps=STEPWISE.format("SELECT 1;"))
    plan = plans.resume(project.staging, MigrationId("001", "steps"))
    run = runs.start(plan, environment=project.staging, by=alice)
    assert run.title == "Continue 001 on Staging"
    execute(run)
    assert run.status == Run.Status.SUCCEEDED
    assert tables(project, project.staging) == ["one", "three"]


def test_starting_over_is_for_administrators_and_needs_a_reason(project: Project, alice: Actor, carol: Actor) -> None:
    project.write(_001_steps=STEPWISE.format("SELECT 1/0;"))
    run_on_staging(project, alice)
    with pytest.raises(ReasonMissing):
        plans.reset(project.staging, MigrationId("001", "steps"), reason="")
    plan = plans.reset(project.staging, MigrationId("001", "steps"), reason="dropped table one by hand")
    with pytest.raises(PermissionRefused):
        runs.start(plan, environment=project.staging, by=alice)
    execute(runs.start(plan, environment=project.staging, by=carol))
    assert [s.version for s in plans.apply(project.staging).steps] == ["001"]


@pytest.mark.parametrize(
    ("sql", "verdict"),
    [
        ("CREATE INDEX CONCURRENTLY one_idx ON one (id);", "committed"),
        ("CREATE TABLE two (id int);", "partial"),
    ],
)
def test_a_lost_run_outside_a_transaction_is_read_from_journal_and_catalog(
    project: Project, alice: Actor, sql: str, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker dies after its second statement was done, before it could say so."""
    project.write(_001_steps=f"-- signalbox: transaction=none\nCREATE TABLE one (id int);\n{sql}")
    run = start_on_staging(project, alice)
    claim(run)
    RunStep.objects.filter(run=run).update(status=RunStep.Status.RUNNING, started_at=timezone.now())
    monkeypatch.setattr("dashboard.engine.run.autocommit.faultpoint", _die_at("statement_done", "journal_started", sql))
    with pytest.raises(InjectedFault):
        _run_engine(project, run)
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    execution.find_lost()
    execution.recover(run.pk)
    run.refresh_from_db()
    assert run.status == Run.Status.RESOLVED
    assert run.steps.get().status == verdict


def _die_at(bare_point: str, plain_point: str, sql: str) -> Callable[[str], None]:
    wanted, passed = (bare_point, 1) if "CONCURRENTLY" in sql else (plain_point, 2)
    passed_points: list[str] = []

    def faultpoint(name: str) -> None:
        passed_points.append(name)
        if passed_points.count(wanted) == passed and name == wanted:
            raise InjectedFault(name)

    return faultpoint


def _run_engine(project: Project, run: Run) -> None:
    executor.execute(
        run.plan,
        access=targets.access(project.staging),
        attempt=execution._attempt(Run.objects.get(pk=run.pk)),
        approval=None,
        observer=lambda event: None,
    )
