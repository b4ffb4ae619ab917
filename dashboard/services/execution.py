"""What a worker does with a run: take it, run its plan, say how it ended; and find out what a lost one did."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection

from dashboard.engine import verification
from dashboard.engine.database.tracking import Attempt
from dashboard.engine.errors import ConnectionLost, EngineError, PlanChanged, RunCancelled
from dashboard.engine.plan import Plan
from dashboard.engine.run import executor, recovery
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.run.executor import Approval
from dashboard.engine.run.faultpoints import faultpoint
from dashboard.models import Request, Run, RunStep, environments
from dashboard.models.failures import Failure
from dashboard.selectors import folders
from dashboard.services import approvals, bindings, drift, installations, observations, queue, recorder, runs, targets
from dashboard.services.heartbeat import beating
from dashboard.services.recorder import recording

logger = logging.getLogger(__name__)

#: Seconds between two signs of life, and between two looks for a cancel.
HEARTBEAT = 0.5


def execute(run_id: int, *, told_to_stop: Callable[[], bool] = lambda: False) -> None:
    """Run a queued run to its end. Does nothing when someone else has it, or had it.

    `told_to_stop` says that this process is being shut down: the run is cancelled cleanly.
    """
    run = runs.claim(run_id)
    if run is None:
        return
    logger.info("Run %s starts: %s", run.pk, run.title)
    faultpoint("claimed")
    cancellation = Cancellation()
    with _heartbeat(run, cancellation, told_to_stop):
        drift.before_run(run)
        try:
            _execute(run, run.plan, cancellation)
        except EngineError as error:
            _end_badly(run, error)
        except Exception:
            logger.exception("Run %s broke off", run.pk)
            broken_off = Failure(code="broken_off", sentence="The worker broke off unexpectedly.")
            runs.interrupt(run, broken_off.to_dict())
        else:
            runs.finish(run, Run.Status.SUCCEEDED)
    faultpoint("reported")
    observations.refresh(environments.get(run.environment))
    drift.after_run(run)
    logger.info("Run %s has ended", run.pk)


def recover(run_id: int) -> None:
    """Find out what an interrupted run committed. Stays interrupted, and says why, while its target cannot be asked."""
    run = Run.objects.get(pk=run_id)
    if run.status != Run.Status.INTERRUPTED:
        return
    try:
        environment = targets.declared(run.environment)
        verdict = recovery.resolve(
            bindings.to_resolve(run),
            access=targets.access(environment),
            attempt=_attempt(run),
        )
    except EngineError as error:
        logger.warning("Run %s is not resolved yet: %s", run.pk, error)
        runs.note_unresolved(run.pk, recorder.failure(error))
        return
    faultpoint("resolved")
    runs.settle(run, verdict.steps)
    observations.refresh(environment)
    drift.after_run(run)


def find_lost() -> None:
    """Runs whose worker is gone are interrupted and resolved; queued ones nobody took are offered again."""
    for run in runs.lost():
        failure = Failure(code="worker_lost", sentence="Its worker has not been heard of.")
        runs.interrupt(run, failure.to_dict())
    for run in Run.objects.filter(status=Run.Status.INTERRUPTED):
        queue.recover_run(run.pk)
    for run in Run.objects.filter(status=Run.Status.QUEUED):
        queue.execute_run(run.pk)


def _execute(run: Run, plan: Plan, cancellation: Cancellation) -> None:
    if plan.digest != run.digest:
        raise PlanChanged(what="the plan kept with the run no longer has its digest")
    if plan.action.takes_from_files:
        verification.verify_files(plan, folders.read())
    environment = environments.get(run.environment)
    with recording(run) as record:
        executor.execute(
            plan,
            access=targets.access(environment),
            attempt=_attempt(run),
            approval=_approval(run, plan),
            observer=record,
            cancellation=cancellation,
            lock_wait=5.0,
        )


def _attempt(run: Run) -> Attempt:
    return Attempt(
        run_id=str(run.pk),
        by=run.started_by.get_username(),
        source_ip=run.source_ip,
        attempt_id=run.attempt_id.hex if run.attempt_id else "",
        installation=installations.identity(),
    )


def _approval(run: Run, plan: Plan) -> Approval | None:
    """Asked again now: since the run was queued an approval can have been withdrawn or have expired, and its
    approver can have lost the role."""
    if run.request is None:
        return None
    approvals.check_approver(run.request)
    covering = approvals.live(plan, for_run=run)
    return covering[1] if covering else None


def _end_badly(run: Run, error: EngineError) -> None:
    failure = recorder.failure(error)
    if isinstance(error, ConnectionLost):
        runs.interrupt(run, failure)
        return
    status = Run.Status.CANCELLED if isinstance(error, RunCancelled) else Run.Status.FAILED
    run.steps.filter(status=RunStep.Status.WAITING).update(status=RunStep.Status.NOT_RUN)
    if isinstance(error, PlanChanged) and run.request and run.request.status == Request.Status.APPROVED:
        approvals.supersede(run.request, str(error))
    runs.finish(run, status, failure)


@contextmanager
def _heartbeat(run: Run, cancellation: Cancellation, told_to_stop: Callable[[], bool]) -> Iterator[None]:
    cancellation.hold(runs.LEASE.total_seconds())

    def beat() -> None:
        _one_beat(run, cancellation)
        if told_to_stop():
            cancellation.cancel("a shutdown of the worker")

    with beating(beat, name=f"heartbeat-{run.pk}", every=HEARTBEAT):
        yield


def _one_beat(run: Run, cancellation: Cancellation) -> None:
    asked_at = time.monotonic()
    try:
        wish = runs.renew_lease(run)
    except Exception:
        # The control database may be away for a while; the run goes on, its lease runs out, nothing else starts.
        logger.exception("Run %s could not renew its lease", run.pk)
        connection.close()
        return
    if wish is None:
        cancellation.cancel("signalbox, because the run was taken over")
        return
    cancellation.hold(runs.LEASE.total_seconds() - (time.monotonic() - asked_at))
    if wish and not cancellation.stopped_by:
        cancellation.cancel(wish)
