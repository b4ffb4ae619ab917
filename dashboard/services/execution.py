"""What a worker does with a run: take it, run its plan, say how it ended; and find out what a lost one did."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import count

from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, connection, transaction

from dashboard.engine import verification
from dashboard.engine.database.connection import Access
from dashboard.engine.database.tracking import Attempt
from dashboard.engine.errors import (
    ClaimLost,
    ConnectionLost,
    EngineError,
    NotApproved,
    PlanChanged,
    RunCancelled,
)
from dashboard.engine.plan import Plan
from dashboard.engine.run import executor, recovery
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.run.executor import Approval
from dashboard.engine.run.faultpoints import faultpoint
from dashboard.engine.run.recovery import RunVerdict
from dashboard.models import ChangeRequest, Run
from dashboard.models.environments import Environment
from dashboard.models.failures import Failure
from dashboard.models.tokens import Scope
from dashboard.selectors import folders
from dashboard.services import (
    actors,
    approvals,
    bindings,
    break_glass,
    drift,
    gates,
    installations,
    observations,
    permissions,
    policies,
    queue,
    recorder,
    runs,
    targets,
)
from dashboard.services.errors import EnvironmentNotDeclared, TokenGone
from dashboard.services.heartbeat import beating
from dashboard.services.recorder import Recorder, recording

logger = logging.getLogger(__name__)

#: Seconds between two signs of life, and between two looks for a cancel.
HEARTBEAT = 0.5
#: Seconds a run whose lease is over still has, so that a worker that lives can renew it.
SECOND_LOOK = 2.0
#: Seconds between two tries to write how a run ended, and to confirm that it is still ours.
PAUSE = 0.5
#: Seconds to try to confirm it, with the target lock held and nothing sent.
CONFIRMED_WITHIN = 20.0

#: Ends a run in one transaction, with what writes the progress of its steps. False: it is not this worker's any more.
type EndOfRun = Callable[[Callable[[], None]], bool]


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
    progress = Recorder(run)
    with _heartbeat(run, cancellation, told_to_stop):
        drift.before_run(run)
        ending = _outcome(run, progress, cancellation)
        is_ours = _until_written(lambda: ending(progress.write), told_to_stop)
    if not is_ours:
        logger.warning("Run %s is not this worker's any more: nothing is written of it", run.pk)
        return
    faultpoint("reported")
    _look_again(run)
    logger.info("Run %s has ended", run.pk)


def _look_again(run: Run) -> None:
    try:
        environment = targets.declared(run.environment)
    except EnvironmentNotDeclared:
        return
    observations.refresh(environment)
    drift.after_run(run)


def recover(run_id: int) -> None:
    """Find out what an interrupted run committed. Stays interrupted, and says why, while its target cannot be asked."""
    with transaction.atomic():  # on one connection: both are of one database
        installation, run = installations.current(), Run.objects.get(pk=run_id)
    if run.status != Run.Status.INTERRUPTED:
        return
    try:
        environment = targets.declared(run.environment)
        is_own = run.installation in {None, installation.identity}
        verdict = _resolve(run, environment) if is_own else _read(run, environment)
    except EngineError as error:
        logger.warning("Run %s is not resolved yet: %s", run.pk, error)
        runs.note_unresolved(run, recorder.failure(error))
        return
    faultpoint("resolved")
    runs.settle(run, verdict.steps)
    observations.refresh(environment)
    drift.after_run(run)


def _resolve(run: Run, environment: Environment) -> RunVerdict:
    return recovery.resolve(
        bindings.to_resolve(run),
        access=_access_of(run, environment),
        attempt=_attempt(run),
        # Nothing was sent to a database that was confirmed in place of the one it ran on.
        began=(run.began_at is not None or run.attempt_id is None) and not bindings.was_rebound(run),
    )


def _read(run: Run, environment: Environment) -> RunVerdict:
    """Only what the target proves, where another installation took the run: its worker may live."""
    return recovery.read(bindings.to_resolve(run), access=_access_of(run, environment), attempt=_attempt(run))


def find_lost() -> None:
    """Runs whose worker is gone are interrupted and resolved; queued ones nobody took are offered again. In a copy of
    the control database those of its original are left to that one first.

    Where the control database was away, a worker that lives renews its lease as soon as it is back: it gets the time.
    """
    installations.current()
    if runs.lost():
        time.sleep(SECOND_LOOK)
    for run in runs.lost():
        failure = Failure(code="worker_lost", sentence="Its worker has sent no sign of life.")
        runs.interrupt(run, failure.to_dict())
    for run in Run.objects.filter(status=Run.Status.INTERRUPTED):
        queue.recover_run(run.pk)
    for run in Run.objects.filter(status=Run.Status.QUEUED):
        queue.execute_run(run.pk)


def _outcome(run: Run, progress: Recorder, cancellation: Cancellation) -> EndOfRun:
    """Run it; how it ended is said by the executor, which has compared it with the target, and by nothing else."""
    try:
        _execute(run, run.plan, progress, cancellation)
    except EngineError as error:
        return partial(_end_badly, run, error)
    except Exception:
        logger.exception("Run %s broke off", run.pk)
        broken_off = Failure(code="broken_off", sentence="The worker broke off unexpectedly.").to_dict()
        return lambda write: runs.interrupt(run, broken_off, progress=write)
    return lambda write: runs.finish(run, Run.Status.SUCCEEDED, progress=write)


def _until_written(write: Callable[[], bool], told_to_stop: Callable[[], bool]) -> bool:
    """The control database may be away, or have closed a connection that was idle during the run: the end of a run is
    written as soon as it answers. A worker that is told to stop leaves it to the next one, which asks the target."""
    for attempt in count(1):
        try:
            return write()
        except (OperationalError, InterfaceError):
            logger.exception("How the run ended is not written down yet")
            connection.close()
            if attempt > 1 and told_to_stop():
                return False
            time.sleep(PAUSE if attempt > 1 else 0)
    raise AssertionError("count never ends")


def _execute(run: Run, plan: Plan, progress: Recorder, cancellation: Cancellation) -> None:
    if plan.digest != run.digest:
        raise PlanChanged(what="the plan kept with the run no longer has its digest")
    environment = targets.declared(run.environment)
    if plan.action.takes_from_files:
        verification.verify_files(plan, folders.read(environment))
    _check_starter(run)
    approval = _approval(run, plan, environment)
    with recording(progress) as record:
        executor.execute(
            plan,
            access=targets.access_to_write(environment),
            attempt=_attempt(run),
            approval=approval,
            observer=record,
            cancellation=cancellation,
            lock_wait=5.0,
            confirm=partial(_confirm, run),
        )


def _confirm(run: Run, log: int) -> None:
    """Raises ClaimLost unless the run is certainly this worker's: one that was frozen until now finds out here."""
    deadline = time.monotonic() + CONFIRMED_WITHIN
    while True:
        try:
            is_ours = runs.begin(run, log=log)
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > deadline:
                reason = "the control database does not answer, so another worker may have taken the run over"
                raise ClaimLost(reason=reason) from None
            time.sleep(PAUSE)
            continue
        if not is_ours:
            raise ClaimLost(reason="another worker has taken the run over")
        return


def _access_of(run: Run, environment: Environment) -> Access:
    """With the tracking schema that the run wrote to, whatever the settings say now."""
    access = targets.access_to_write(environment)
    return replace(access, schema=run.tracking_schema or access.schema)


def _attempt(run: Run) -> Attempt:
    return Attempt(
        run_id=str(run.pk),
        by=run.started_by.get_username(),
        source_ip=run.source_ip,
        attempt_id=run.attempt_id.hex if run.attempt_id else "",
        log=run.log_number,
        installation=run.installation.hex if run.installation else installations.identity(),
        protected=run.plan.policy.protected,
    )


def _approval(run: Run, plan: Plan, environment: Environment) -> Approval | None:
    """Asked again now: since the run was queued an approval can have been withdrawn or have expired, a person can have
    lost a role, the policy can ask for more, and the window can be over."""
    if run.break_glass is not None:
        return break_glass.approval(run, plan, environment)
    gates.check(plan, environment)
    if run.request is None:
        return None
    approvals.check_still_approved(run.request, plan)
    covering = approvals.live(plan, for_run=run)
    return covering[1] if covering else approvals.expired(run.request, plan)


def _check_starter(run: Run) -> None:
    """Raises PermissionRefused where whoever started it may not start runs any more, TokenGone where the token that it
    was started with was revoked or has expired since, or may not start runs there any more."""
    starter = actors.person(User.objects.get(pk=run.started_by_id))
    permissions.check_can_start(starter, run.plan.action)
    token = run.token
    if token is not None and not (token.is_live and token.allows(Scope.RUN, run.environment)):
        raise TokenGone(token=token.name, deed=f"run {run.pk} was started")


@transaction.atomic
def _end_badly(run: Run, error: EngineError, write: Callable[[], None]) -> bool:
    if not runs.hold(run):
        return False
    failure = recorder.failure(error)
    if isinstance(error, ConnectionLost):
        return runs.interrupt(run, failure, progress=write)
    status = Run.Status.CANCELLED if isinstance(error, RunCancelled) else Run.Status.FAILED
    if run.request is not None:
        _close_request(run.request, error)
    return runs.finish(run, status, failure, progress=write)


def _close_request(request: ChangeRequest, error: EngineError) -> None:
    """What was refused before anything ran has not used its approval: the request ends as what it is."""
    request.refresh_from_db()
    if request.status != ChangeRequest.Status.APPROVED:
        return
    if isinstance(error, PlanChanged):
        approvals.supersede(request, str(error))
    elif isinstance(error, NotApproved) and policies.is_expired(request):
        approvals.expire(request)


@contextmanager
def _heartbeat(run: Run, cancellation: Cancellation, told_to_stop: Callable[[], bool]) -> Iterator[None]:
    def beat() -> None:
        _one_beat(run, cancellation)
        if told_to_stop():
            cancellation.cancel("a shutdown of the worker")

    with beating(beat, name=f"heartbeat-{run.pk}", every=HEARTBEAT):
        yield


def _one_beat(run: Run, cancellation: Cancellation) -> None:
    try:
        wish = runs.renew_lease(run)
    except Exception:
        # The control database may be away for a while; the run goes on. Nobody can take it over without ending its
        # session in the target first.
        logger.exception("Run %s could not renew its lease", run.pk)
        connection.close()
        return
    if wish is None:
        cancellation.cancel("signalbox, because the run was taken over")
        return
    if wish and not cancellation.stopped_by:
        cancellation.cancel(wish)
