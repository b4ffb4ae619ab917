"""Each guard of the services by itself: who may, in which state, for how long, and what a worker may still write."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, InterfaceError, OperationalError
from django.db.models import F
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from dashboard.engine.errors import NotAcknowledged
from dashboard.engine.migration import MigrationId
from dashboard.engine.run import executor, recovery
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.run.events import StatementStarted, StepCommitted, StepStarted
from dashboard.engine.run.recovery import StepVerdict
from dashboard.models import AuditEvent, ChangeRequest, Run, RunStatement, RunStep
from dashboard.services import approvals, decisions, drift, execution, plans, recorder, runs
from dashboard.services.actors import Actor
from dashboard.services.errors import AlreadyDecided, ApprovalNeeded, NameNotTyped, PermissionRefused
from tests.fix_project import Project
from tests.services.workflow import (
    approved_request,
    claim,
    execute,
    expire,
    open_request,
    run_on_staging,
    start_on_production,
    start_on_staging,
    tables,
)

pytestmark = pytest.mark.django_db(transaction=True)


# Requests and approvals


def test_an_approval_that_expired_covers_nothing(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = approved_request(two_files, alice, bob)
    expire(request)
    plan = plans.apply(two_files.production)
    assert approvals.live(plan) is None
    assert decisions.needs_request(plan, two_files.production)
    with pytest.raises(AlreadyDecided):
        start_on_production(request, alice)


def test_an_approval_that_expired_in_the_queue_is_called_expired(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = approved_request(two_files, alice, bob)
    run = start_on_production(request, alice)
    expire(request)
    failure = execute(run).failure
    request.refresh_from_db()
    assert "the approval expired at" in failure["sentence"]
    assert "Make a new request" in failure["remedy"]
    assert request.status == ChangeRequest.Status.EXPIRED
    assert run.status == Run.Status.FAILED


def test_what_expired_while_its_run_is_under_way_is_left_to_it(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = approved_request(two_files, alice, bob)
    start_on_production(request, alice)
    expire(request)
    assert approvals.expire_due() == 0


def test_a_standing_rollback_that_failed_is_spent(two_files: Project, alice: Actor, bob: Actor) -> None:
    run = start_on_production(approved_request(two_files, alice, bob), alice)
    execution.execute(run.pk)
    two_files.query(two_files.production, "CREATE VIEW in_the_way AS SELECT * FROM orders")
    plan = plans.rollback(two_files.production, downto=MigrationId("001", "users"))
    options: dict[str, Any] = {"environment": two_files.production, "by": alice, "typed_name": "production"}
    options["accepted"] = [warning.key for warning in plan.warnings]
    assert execute(runs.start(plan, **options)).status == Run.Status.FAILED
    with pytest.raises(ApprovalNeeded):
        runs.start(plan, **options)


def test_only_administrators_ask_for_what_is_settled_by_hand(two_files: Project, alice: Actor) -> None:
    plan = plans.skip(two_files.production, [MigrationId("001", "users")], reason="made by hand")
    with pytest.raises(PermissionRefused):
        approvals.open_request(plan, environment=two_files.production, by=alice)


def test_a_warning_is_accepted_by_whoever_asks(two_files: Project, alice: Actor, bob: Actor) -> None:
    run = start_on_production(approved_request(two_files, alice, bob), alice)
    execution.execute(run.pk)
    plan = plans.rollback(two_files.production, downto=MigrationId("002", "orders"))
    with pytest.raises(NotAcknowledged):
        approvals.open_request(plan, environment=two_files.production, by=alice)


def test_only_the_requester_and_administrators_withdraw(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = open_request(two_files, alice)
    with pytest.raises(PermissionRefused):
        approvals.withdraw(request.pk, by=bob)


def test_what_is_closed_cannot_be_withdrawn(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = open_request(two_files, alice)
    approvals.reject(request.pk, by=bob, digest=request.digest, reason="not now")
    with pytest.raises(AlreadyDecided):
        approvals.withdraw(request.pk, by=alice)


def test_a_request_that_moved_meanwhile_is_moved_no_more(two_files: Project, alice: Actor) -> None:
    stale = open_request(two_files, alice)
    approvals.withdraw(stale.pk, by=alice)
    with pytest.raises(AlreadyDecided):
        approvals.supersede(stale, "a file was edited")


def test_no_way_leads_where_the_table_of_states_has_none(two_files: Project, alice: Actor) -> None:
    request, run = open_request(two_files, alice), start_on_staging(two_files, alice)
    approvals.withdraw(request.pk, by=alice)
    request.refresh_from_db()
    with pytest.raises(AssertionError, match="a request never goes from withdrawn to done"):
        approvals.mark_done(request, run)
    with pytest.raises(AssertionError, match="a run never goes from queued to succeeded"):
        runs.finish(run, Run.Status.SUCCEEDED)


# Starting


def test_a_viewer_cannot_run_what_was_approved(two_files: Project, alice: Actor, bob: Actor, vera: Actor) -> None:
    with pytest.raises(PermissionRefused):
        start_on_production(approved_request(two_files, alice, bob), vera)


def test_a_rollback_on_a_protected_environment_needs_its_name_typed(
    two_files: Project, alice: Actor, bob: Actor
) -> None:
    run = start_on_production(approved_request(two_files, alice, bob), alice)
    execution.execute(run.pk)
    plan = plans.rollback(two_files.production, downto=MigrationId("002", "orders"))
    with pytest.raises(NameNotTyped):
        runs.start(plan, environment=two_files.production, by=alice, typed_name="staging")


def test_a_run_that_was_found_out_about_has_spent_its_approval(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = approved_request(two_files, alice, bob)
    run = claim(start_on_production(request, alice))
    runs.interrupt(run, {"code": "worker_lost"})
    runs.settle(run, [StepVerdict.UNDONE, StepVerdict.UNDONE])
    request.refresh_from_db()
    assert request.status == ChangeRequest.Status.DONE


def test_a_run_that_never_began_leaves_its_approval_alive(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = approved_request(two_files, alice, bob)
    run = start_on_production(request, alice)
    runs.request_cancel(run.pk, by=alice)
    request.refresh_from_db()
    assert request.status == ChangeRequest.Status.APPROVED


# What a worker may still write


def test_whoever_takes_a_run_raises_its_number(two_files: Project, alice: Actor) -> None:
    run = claim(start_on_staging(two_files, alice))
    assert run.attempt == 1
    runs.interrupt(run, {"code": "worker_lost"})
    assert Run.objects.get().attempt == 2


def test_a_worker_whose_number_is_stale_writes_nothing(two_files: Project, alice: Actor) -> None:
    stale = claim(start_on_staging(two_files, alice))
    Run.objects.update(attempt=F("attempt") + 1)
    before = Run.objects.values().get()
    assert runs.renew_lease(stale) is None
    assert runs.finish(stale, Run.Status.SUCCEEDED) is False
    assert runs.interrupt(stale, {"code": "worker_lost"}) is False
    assert Run.objects.values().get() == before
    assert AuditEvent.objects.latest("id").kind == "run.started"


def test_a_worker_whose_run_was_taken_over_writes_nothing(two_files: Project, alice: Actor) -> None:
    stale = claim(start_on_staging(two_files, alice))
    Run.objects.update(status=Run.Status.INTERRUPTED)
    before = Run.objects.values().get()
    assert runs.renew_lease(stale) is None
    assert runs.finish(stale, Run.Status.SUCCEEDED) is False
    assert runs.interrupt(stale, {"code": "worker_lost"}) is False
    assert Run.objects.values().get() == before


@pytest.mark.parametrize("change", [{"attempt": F("attempt") + 1}, {"status": Run.Status.RESOLVED}], ids=str)
def test_a_resolver_that_was_overtaken_settles_nothing(
    two_files: Project, alice: Actor, change: dict[str, Any]
) -> None:
    run = claim(start_on_staging(two_files, alice))
    runs.interrupt(run, {"code": "worker_lost"})
    Run.objects.update(**change)
    before = Run.objects.values().get()
    runs.settle(run, [StepVerdict.COMMITTED, StepVerdict.COMMITTED])
    assert Run.objects.values().get() == before
    assert AuditEvent.objects.filter(kind="run.resolved").count() == 0


def test_only_an_interrupted_run_is_found_out_about(
    two_files: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(recovery, "resolve", lambda *args, **kwargs: asked.append(args))
    execution.recover(claim(start_on_staging(two_files, alice)).pk)
    assert asked == []


def test_what_nobody_took_is_offered_again(two_files: Project, alice: Actor) -> None:
    start_on_staging(two_files, alice)
    ProcrastinateJob.objects.all()._raw_delete("default")  # type: ignore[attr-defined]
    execution.find_lost()
    assert list(ProcrastinateJob.objects.values_list("task_name", flat=True)) == ["execute_run"]


# A run and its worker


def test_a_plan_that_was_altered_where_it_is_kept_does_not_run(two_files: Project, alice: Actor) -> None:
    run = start_on_staging(two_files, alice)
    steps = run.frozen_plan["steps"]
    plan = {**run.frozen_plan, "steps": [{**steps[0], "reason": "another"}, *steps[1:]]}
    Run.objects.update(frozen_plan=plan)
    assert execute(run).status == Run.Status.FAILED
    assert tables(two_files, two_files.staging) == []


def test_a_lost_connection_freezes_the_environment(project: Project, alice: Actor) -> None:
    project.write(_001_ends="SELECT pg_terminate_backend(pg_backend_pid());")
    assert run_on_staging(project, alice).status == Run.Status.INTERRUPTED


def test_a_worker_that_breaks_off_freezes_the_environment(
    two_files: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*args: object, **kwargs: object) -> None:
        raise MemoryError

    monkeypatch.setattr(executor, "execute", break_off)
    assert run_on_staging(two_files, alice).status == Run.Status.INTERRUPTED


def test_a_worker_that_is_told_to_stop_cancels_its_run(project: Project, alice: Actor) -> None:
    project.write(_001_slow="SELECT pg_sleep(10); CREATE TABLE after (id int);")
    run = execute(start_on_staging(project, alice), told_to_stop=lambda: True)
    assert run.status == Run.Status.CANCELLED
    assert "a shutdown of the worker" in run.failure["sentence"]
    assert tables(project, project.staging) == []


def test_a_run_goes_on_while_its_lease_cannot_be_renewed(
    project: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(run: Run) -> None:
        raise DatabaseError

    monkeypatch.setattr(runs, "LEASE", timedelta(seconds=0.5))
    monkeypatch.setattr(runs, "renew_lease", gone)
    project.write(_001_slow="CREATE TABLE slow (id int); SELECT pg_sleep(2); CREATE TABLE after (id int);")
    assert run_on_staging(project, alice).status == Run.Status.SUCCEEDED
    assert tables(project, project.staging) == ["after", "slow"]


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_the_end_of_a_run_is_written_as_soon_as_the_control_database_is_back(
    two_files: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    finish, tries = runs.finish, []

    def away_at_first(*args: Any, **options: Any) -> bool:
        tries.append(args)
        if len(tries) < 3:
            raise error
        return finish(*args, **options)

    monkeypatch.setattr(runs, "finish", away_at_first)
    assert run_on_staging(two_files, alice).status == Run.Status.SUCCEEDED
    assert len(tries) == 3


def test_a_worker_that_is_told_to_stop_leaves_the_end_to_the_next(
    two_files: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any, **options: Any) -> bool:
        raise OperationalError

    run = start_on_staging(two_files, alice)
    monkeypatch.setattr(runs, "finish", away)
    execute(run, told_to_stop=lambda: tables(two_files, two_files.staging) == ["orders", "users"])
    assert run.status == Run.Status.RUNNING
    monkeypatch.undo()
    Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    execution.find_lost()
    execution.recover(run.pk)
    run.refresh_from_db()
    assert {step.status for step in run.steps.all()} == {RunStep.Status.COMMITTED}


def test_a_run_that_was_taken_over_before_it_began_sends_nothing(
    two_files: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def frozen(run: Run) -> None:
        runs.interrupt(claimed_again(run), {"code": "worker_lost"})

    monkeypatch.setattr(drift, "before_run", frozen)
    run = run_on_staging(two_files, alice)
    assert run.status == Run.Status.INTERRUPTED
    assert run.began_at is None
    assert tables(two_files, two_files.staging) == []


def test_nothing_is_sent_while_it_is_not_certain_whose_run_it_is(
    two_files: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(run: Run, **_log: int | None) -> bool:
        raise OperationalError

    monkeypatch.setattr(execution, "CONFIRMED_WITHIN", 0.1)
    monkeypatch.setattr(runs, "begin", away)
    run = run_on_staging(two_files, alice)
    assert run.status == Run.Status.FAILED
    assert "the control database does not answer" in run.failure["sentence"]
    assert tables(two_files, two_files.staging) == []


def test_a_worker_that_lives_gets_time_to_renew_its_lease(
    two_files: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = claim(start_on_staging(two_files, alice))
    Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        runs.renew_lease(run)

    monkeypatch.setattr(time, "sleep", wait)
    execution.find_lost()
    assert waited == [execution.SECOND_LOOK]
    assert execution.SECOND_LOOK >= 2 * execution.HEARTBEAT, "time for a beat, also where one has just failed"
    assert Run.objects.get().status == Run.Status.RUNNING
    execution.find_lost()
    assert len(waited) == 1, "where no lease is over nobody waits"


def test_a_worker_that_is_gone_is_taken_over_after_that_time(
    two_files: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim(start_on_staging(two_files, alice))
    Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    statuses: list[str] = []
    monkeypatch.setattr(time, "sleep", lambda seconds: statuses.append(Run.objects.get().status))
    execution.find_lost()
    assert (statuses, Run.objects.get().status) == ([Run.Status.RUNNING], Run.Status.INTERRUPTED)


def test_a_worker_whose_run_was_taken_over_is_stopped(two_files: Project, alice: Actor) -> None:
    run, cancellation = claim(start_on_staging(two_files, alice)), Cancellation()
    runs.interrupt(claimed_again(run), {"code": "worker_lost"})
    execution._one_beat(run, cancellation)
    assert "taken over" in cancellation.stopped_by


def claimed_again(run: Run) -> Run:
    return Run.objects.get(pk=run.pk)


# Progress


def test_what_became_of_the_steps_is_written_with_the_end_whatever_was_lost(
    two_files: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first commits, the second fails, and not one message about them arrives."""
    two_files.write(_002_orders="SELECT 1/0;")
    monkeypatch.setattr(recorder.Recorder, "_write", lambda self, batch: None)
    run = run_on_staging(two_files, alice)
    assert run.status == Run.Status.FAILED
    assert [step.status for step in run.steps.all()] == [RunStep.Status.COMMITTED, RunStep.Status.FAILED]
    assert all(step.started_at and step.finished_at for step in run.steps.all())


def test_what_could_not_be_written_is_written_later(
    two_files: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold, tries = runs.hold, []

    def full_at_first(run: Run) -> bool:
        tries.append(run)
        if len(tries) == 1:
            raise OperationalError
        return hold(run)

    monkeypatch.setattr(runs, "hold", full_at_first)
    run = run_on_staging(two_files, alice)
    statements = RunStatement.objects.filter(step__run=run).values_list("step__version", "number", "status")
    assert sorted(statements) == [("001", 1, "ok"), ("002", 1, "ok")]


def test_progress_of_a_worker_that_was_taken_over_is_not_written(two_files: Project, alice: Actor) -> None:
    run = claim(start_on_staging(two_files, alice))
    runs.interrupt(claimed_again(run), {"code": "worker_lost"})
    before = list(RunStep.objects.values())
    with recorder.recording(recorder.Recorder(run)) as record:
        record(StepStarted(position=0, statements=1))
        record(StatementStarted(position=0, number=1, line=1, summary="SELECT 1"))
        record(StepCommitted(position=0, ms=1))
    assert runs.finish(run, Run.Status.SUCCEEDED, progress=record.write) is False
    assert list(RunStep.objects.values()) == before
    assert not RunStatement.objects.exists()


def test_progress_that_cannot_be_written_ends_no_run(
    two_files: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise DatabaseError

    monkeypatch.setattr(RunStatement.objects, "bulk_create", full)
    assert run_on_staging(two_files, alice).status == Run.Status.SUCCEEDED
    assert tables(two_files, two_files.staging) == ["orders", "users"]


def test_a_run_never_waits_for_its_progress_to_be_written(
    two_files: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    monkeypatch.setattr(recorder, "DRAIN_TIMEOUT", 0.2)
    monkeypatch.setattr(recorder.Recorder, "_write", lambda self, batch: released.wait(20))
    begun = time.monotonic()
    run = run_on_staging(two_files, alice)
    took = time.monotonic() - begun
    released.set()
    assert run.status == Run.Status.SUCCEEDED
    assert took < 10
