"""Each guard of the services by itself: who may, in which state, for how long, and what a worker may still write."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.db.models import F
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from dashboard.engine.errors import NotAcknowledged
from dashboard.engine.run import executor, recovery
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.run.recovery import StepVerdict
from dashboard.models import AuditEvent, Request, Run, RunStatement
from dashboard.services import approvals, decisions, execution, plans, recorder, runs
from dashboard.services.actors import Actor
from dashboard.services.errors import AlreadyDecided, ApprovalNeeded, NameNotTyped, PermissionRefused
from tests.fix_line import Line

pytestmark = pytest.mark.django_db(transaction=True)


def ask(line: Line, by: Actor) -> Request:
    return approvals.open_request(plans.apply(line.production), environment=line.production, by=by)


def approved(line: Line, alice: Actor, bob: Actor) -> Request:
    request = ask(line, alice)
    return approvals.approve(request.pk, by=bob, digest=request.digest)


def start_on_staging(line: Line, by: Actor) -> Run:
    return runs.start(plans.apply(line.staging), environment=line.staging, by=by)


def claimed(run: Run) -> Run:
    taken = runs.claim(run.pk)
    assert taken is not None
    return taken


def executed(run: Run, **options: Any) -> Run:
    execution.execute(run.pk, **options)
    run.refresh_from_db()
    return run


def expire(request: Request) -> None:
    past = timezone.now() - timedelta(hours=1)
    Request.objects.filter(pk=request.pk).update(expires_at=past, requested_at=past - timedelta(hours=1))


def tables(line: Line) -> list[str]:
    found = line.query(line.staging, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    return [row[0] for row in found]


# Requests and approvals


def test_an_approval_that_expired_covers_nothing(two_files: Line, alice: Actor, bob: Actor) -> None:
    request = approved(two_files, alice, bob)
    expire(request)
    plan = plans.apply(two_files.production)
    assert approvals.live(plan) is None
    assert decisions.needs_request(plan, two_files.production)
    with pytest.raises(AlreadyDecided):
        runs.start_approved(request, by=alice, typed_name="production")


def test_what_expired_while_its_run_is_under_way_is_left_to_it(two_files: Line, alice: Actor, bob: Actor) -> None:
    request = approved(two_files, alice, bob)
    runs.start_approved(request, by=alice, typed_name="production")
    expire(request)
    assert approvals.expire_due() == 0


def test_a_standing_rollback_that_failed_is_spent(two_files: Line, alice: Actor, bob: Actor) -> None:
    run = runs.start_approved(approved(two_files, alice, bob), by=alice, typed_name="production")
    execution.execute(run.pk)
    two_files.query(two_files.production, "CREATE VIEW in_the_way AS SELECT * FROM orders")
    plan = plans.rollback(two_files.production, version="001", name="users")
    options: dict[str, Any] = {"environment": two_files.production, "by": alice, "typed_name": "production"}
    options["accepted"] = [warning.key for warning in plan.warnings]
    assert executed(runs.start(plan, **options)).status == Run.Status.FAILED
    with pytest.raises(ApprovalNeeded):
        runs.start(plan, **options)


def test_only_administrators_ask_for_what_is_settled_by_hand(two_files: Line, alice: Actor) -> None:
    plan = plans.skip(two_files.production, [("001", "users")], reason="made by hand")
    with pytest.raises(PermissionRefused):
        approvals.open_request(plan, environment=two_files.production, by=alice)


def test_a_warning_is_accepted_by_whoever_asks(two_files: Line, alice: Actor, bob: Actor) -> None:
    run = runs.start_approved(approved(two_files, alice, bob), by=alice, typed_name="production")
    execution.execute(run.pk)
    plan = plans.rollback(two_files.production, version="002", name="orders")
    with pytest.raises(NotAcknowledged):
        approvals.open_request(plan, environment=two_files.production, by=alice)


def test_only_the_requester_and_administrators_withdraw(two_files: Line, alice: Actor, bob: Actor) -> None:
    request = ask(two_files, alice)
    with pytest.raises(PermissionRefused):
        approvals.withdraw(request.pk, by=bob)


def test_what_is_closed_cannot_be_withdrawn(two_files: Line, alice: Actor, bob: Actor) -> None:
    request = ask(two_files, alice)
    approvals.reject(request.pk, by=bob, digest=request.digest, reason="not now")
    with pytest.raises(AlreadyDecided):
        approvals.withdraw(request.pk, by=alice)


def test_a_request_that_moved_meanwhile_is_moved_no_more(two_files: Line, alice: Actor) -> None:
    stale = ask(two_files, alice)
    approvals.withdraw(stale.pk, by=alice)
    with pytest.raises(AlreadyDecided):
        approvals.supersede(stale, "a file was edited")


def test_no_way_leads_where_the_table_of_states_has_none(two_files: Line, alice: Actor) -> None:
    request, run = ask(two_files, alice), start_on_staging(two_files, alice)
    with pytest.raises(AssertionError, match="a request never goes from open to done"):
        approvals.mark_done(request, run)
    with pytest.raises(AssertionError, match="a run never goes from queued to succeeded"):
        runs.finish(run, Run.Status.SUCCEEDED)


# Starting


def test_a_viewer_cannot_run_what_was_approved(two_files: Line, alice: Actor, bob: Actor, vera: Actor) -> None:
    with pytest.raises(PermissionRefused):
        runs.start_approved(approved(two_files, alice, bob), by=vera, typed_name="production")


def test_a_rollback_on_a_protected_environment_needs_its_name_typed(two_files: Line, alice: Actor, bob: Actor) -> None:
    run = runs.start_approved(approved(two_files, alice, bob), by=alice, typed_name="production")
    execution.execute(run.pk)
    plan = plans.rollback(two_files.production, version="002", name="orders")
    with pytest.raises(NameNotTyped):
        runs.start(plan, environment=two_files.production, by=alice, typed_name="staging")


def test_a_run_that_was_found_out_about_has_spent_its_approval(two_files: Line, alice: Actor, bob: Actor) -> None:
    request = approved(two_files, alice, bob)
    run = claimed(runs.start_approved(request, by=alice, typed_name="production"))
    runs.interrupt(run, {"code": "worker_lost"})
    runs.settle(run, [StepVerdict.UNDONE, StepVerdict.UNDONE])
    request.refresh_from_db()
    assert request.status == Request.Status.DONE


def test_a_run_that_never_began_leaves_its_approval_alive(two_files: Line, alice: Actor, bob: Actor) -> None:
    request = approved(two_files, alice, bob)
    run = runs.start_approved(request, by=alice, typed_name="production")
    runs.request_cancel(run.pk, by=alice)
    request.refresh_from_db()
    assert request.status == Request.Status.APPROVED


# What a worker may still write


def test_whoever_takes_a_run_raises_its_number(two_files: Line, alice: Actor) -> None:
    run = claimed(start_on_staging(two_files, alice))
    assert run.attempt == 1
    runs.interrupt(run, {"code": "worker_lost"})
    assert Run.objects.get().attempt == 2


def test_a_worker_whose_number_is_stale_writes_nothing(two_files: Line, alice: Actor) -> None:
    stale = claimed(start_on_staging(two_files, alice))
    Run.objects.update(attempt=F("attempt") + 1)
    before = Run.objects.values().get()
    assert runs.renew_lease(stale) is None
    assert runs.finish(stale, Run.Status.SUCCEEDED) is False
    assert runs.interrupt(stale, {"code": "worker_lost"}) is False
    assert Run.objects.values().get() == before
    assert AuditEvent.objects.latest("id").kind == "run.started"


def test_a_worker_whose_run_was_taken_over_writes_nothing(two_files: Line, alice: Actor) -> None:
    stale = claimed(start_on_staging(two_files, alice))
    Run.objects.update(status=Run.Status.INTERRUPTED)
    before = Run.objects.values().get()
    assert runs.renew_lease(stale) is None
    assert runs.finish(stale, Run.Status.SUCCEEDED) is False
    assert runs.interrupt(stale, {"code": "worker_lost"}) is False
    assert Run.objects.values().get() == before


@pytest.mark.parametrize("change", [{"attempt": F("attempt") + 1}, {"status": Run.Status.RESOLVED}], ids=str)
def test_a_resolver_that_was_overtaken_settles_nothing(two_files: Line, alice: Actor, change: dict[str, Any]) -> None:
    run = claimed(start_on_staging(two_files, alice))
    runs.interrupt(run, {"code": "worker_lost"})
    Run.objects.update(**change)
    before = Run.objects.values().get()
    runs.settle(run, [StepVerdict.COMMITTED, StepVerdict.COMMITTED])
    assert Run.objects.values().get() == before
    assert AuditEvent.objects.filter(kind="run.resolved").count() == 0


def test_only_an_interrupted_run_is_found_out_about(
    two_files: Line, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(recovery, "resolve", lambda *args, **kwargs: asked.append(args))
    execution.recover(claimed(start_on_staging(two_files, alice)).pk)
    assert asked == []


def test_what_nobody_took_is_offered_again(two_files: Line, alice: Actor) -> None:
    start_on_staging(two_files, alice)
    ProcrastinateJob.objects.all()._raw_delete("default")  # type: ignore[attr-defined]
    execution.find_lost()
    assert list(ProcrastinateJob.objects.values_list("task_name", flat=True)) == ["execute_run"]


# A run and its worker


def test_a_plan_that_was_altered_where_it_is_kept_does_not_run(two_files: Line, alice: Actor) -> None:
    run = start_on_staging(two_files, alice)
    steps = run.frozen_plan["steps"]
    plan = {**run.frozen_plan, "steps": [{**steps[0], "reason": "another"}, *steps[1:]]}
    Run.objects.update(frozen_plan=plan)
    assert executed(run).status == Run.Status.FAILED
    assert tables(two_files) == []


def test_a_lost_connection_freezes_the_environment(line: Line, alice: Actor) -> None:
    line.write(_001_ends="SELECT pg_terminate_backend(pg_backend_pid());")
    assert executed(start_on_staging(line, alice)).status == Run.Status.INTERRUPTED


def test_a_worker_that_breaks_off_freezes_the_environment(
    two_files: Line, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*args: object, **kwargs: object) -> None:
        raise MemoryError

    monkeypatch.setattr(executor, "execute", break_off)
    assert executed(start_on_staging(two_files, alice)).status == Run.Status.INTERRUPTED


def test_a_worker_that_is_told_to_stop_cancels_its_run(line: Line, alice: Actor) -> None:
    line.write(_001_slow="SELECT pg_sleep(10); CREATE TABLE after (id int);")
    run = executed(start_on_staging(line, alice), told_to_stop=lambda: True)
    assert run.status == Run.Status.CANCELLED
    assert "a shutdown of the worker" in run.failure["sentence"]
    assert tables(line) == []


def test_a_worker_that_cannot_renew_its_lease_stops(line: Line, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(run: Run) -> None:
        raise DatabaseError

    monkeypatch.setattr(runs, "LEASE", timedelta(seconds=0.8))
    monkeypatch.setattr(runs, "renew_lease", gone)
    line.write(_001_slow="CREATE TABLE slow (id int); SELECT pg_sleep(2); CREATE TABLE after (id int);")
    run = executed(start_on_staging(line, alice))
    assert "lost its lease" in run.failure["sentence"]
    assert tables(line) == []


def test_a_lease_counts_from_when_it_was_asked_for(
    two_files: Line, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, cancellation = claimed(start_on_staging(two_files, alice)), Cancellation()
    monkeypatch.setattr(runs, "LEASE", timedelta(seconds=0.3))
    monkeypatch.setattr(runs, "renew_lease", lambda run: threading.Event().wait(0.4) or "")
    execution._one_beat(run, cancellation)
    assert "lost its lease" in cancellation.stopped_by


def test_a_worker_whose_run_was_taken_over_is_stopped(two_files: Line, alice: Actor) -> None:
    run, cancellation = claimed(start_on_staging(two_files, alice)), Cancellation()
    runs.interrupt(claimed_again(run), {"code": "worker_lost"})
    execution._one_beat(run, cancellation)
    assert "taken over" in cancellation.stopped_by


def claimed_again(run: Run) -> Run:
    return Run.objects.get(pk=run.pk)


# Progress


def test_progress_that_cannot_be_written_ends_no_run(
    two_files: Line, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise DatabaseError

    monkeypatch.setattr(RunStatement.objects, "create", full)
    assert executed(start_on_staging(two_files, alice)).status == Run.Status.SUCCEEDED
    assert tables(two_files) == ["orders", "users"]


def test_a_run_never_waits_for_its_progress_to_be_written(
    two_files: Line, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    monkeypatch.setattr(recorder, "DRAIN_TIMEOUT", 0.2)
    monkeypatch.setattr(recorder.Recorder, "_write", lambda self, batch: released.wait(20))
    begun = time.monotonic()
    run = executed(start_on_staging(two_files, alice))
    took = time.monotonic() - begun
    released.set()
    assert run.status == Run.Status.SUCCEEDED
    assert took < 10
