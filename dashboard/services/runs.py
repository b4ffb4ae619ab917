"""Runs: started by people, executed by the worker, ended exactly once.

Every change of a run's status is a guarded UPDATE. `attempt` is the fence: whoever takes the run raises it, and
a worker whose number is stale writes nothing more.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from dashboard.engine.plan import Action, Plan
from dashboard.engine.run.recovery import StepVerdict
from dashboard.models import BreakGlass, ChangeRequest, Run, RunStep, environments
from dashboard.models.environments import Environment
from dashboard.models.failures import without_values
from dashboard.models.tokens import Scope
from dashboard.selectors import git, requests
from dashboard.services import (
    approvals,
    audit,
    break_glass,
    forecasts,
    gates,
    installations,
    limits,
    permissions,
    plans,
    policies,
    queue,
)
from dashboard.services.actors import SIGNALBOX, Actor
from dashboard.services.errors import ApprovalNeeded, EnvironmentOccupied, NotNow
from dashboard.services.forecasts import NO_WORD, Confirmation

#: How long a worker's word counts; renewed twice a second while it lives. By the control database's clock.
LEASE = timedelta(seconds=20)

ENDINGS = {
    Run.Status.SUCCEEDED: audit.Event.RUN_SUCCEEDED,
    Run.Status.FAILED: audit.Event.RUN_FAILED,
    Run.Status.CANCELLED: audit.Event.RUN_CANCELLED,
}


def start(
    plan: Plan,
    *,
    environment: Environment,
    by: Actor,
    accepted: Sequence[str] = (),
    typed_name: str = "",
    confirmation: Confirmation = NO_WORD,
) -> Run:
    """Queue a run of exactly this plan. On a protected environment a live approval of its digest must cover it.

    Raises PermissionRefused, NotAcknowledged, NameNotTyped, ApprovalNeeded, RowsNotTyped, EnvironmentOccupied,
    CopyNotConfirmed.
    """
    installations.check_may_run()
    permissions.check_can_start(by, plan.action)
    permissions.check_scope(by, Scope.RUN, environment.slug)
    policies.check_name_typed(environment, typed_name)
    covering = approvals.live(plan) if environment.protected else None
    if environment.protected and covering is None:
        raise _approval_needed(plan, environment)
    if covering is None or covering[0].digest != plan.digest:
        plans.check_accepted(plan, accepted)
    if covering is not None:
        approvals.check_still_approved(covering[0], plan)
    gates.check(plan, environment)
    said = _said(accepted, forecasts.check_confirmed(plan, environment, confirmation))
    return _queue(plan, environment=environment, by=by, request=covering[0] if covering else None, said=said)


def start_approved(
    request: ChangeRequest, *, by: Actor, typed_name: str = "", confirmation: Confirmation = NO_WORD
) -> Run:
    """Queue the run of an approved request: its stored plan, byte for byte. Whoever opened the glass for it needs no
    approval and no window."""
    installations.check_may_run()
    permissions.check_can_start(by, request.plan.action)
    environment = environments.get(request.environment)
    permissions.check_scope(by, Scope.RUN, environment.slug)
    policies.check_name_typed(environment, typed_name)
    with transaction.atomic():
        request = ChangeRequest.objects.select_for_update(of=("self",)).get(pk=request.pk)
        opening = break_glass.live_for(request, by, environment)
        if opening is None:
            policies.check_is_approved(request)
            approvals.check_still_approved(request, request.plan)
            gates.check(request.plan, environment)
        else:
            break_glass.check_can_be_opened(request, environment)
        said = _said((), forecasts.check_confirmed(request.plan, environment, confirmation))
        return _queue(request.plan, environment=environment, by=by, request=request, said=said, opening=opening)


def request_cancel(run_id: int, *, by: Actor) -> Run:
    """Ask a run to stop. A queued one is cancelled at once; a running one when its worker has heard."""
    with transaction.atomic():
        run = Run.objects.select_for_update().get(pk=run_id)
        permissions.check_can_cancel(by, run)
        permissions.check_scope(by, Scope.RUN, run.environment)
        policies.check_can_be_cancelled(run)
        if run.cancel_requested_at is None:
            run.cancel_requested_at, run.cancel_requested_by = timezone.now(), by.person
            run.save(update_fields=["cancel_requested_at", "cancel_requested_by"])
            audit.record(audit.Event.RUN_CANCEL_REQUESTED, by=by, environment=run.environment, run=run)
        if run.status == Run.Status.QUEUED:
            _finish(run, Run.Status.CANCELLED, by=by)
            run.steps.update(status=RunStep.Status.NOT_RUN)
    return run


def end_by_hand(run_id: int, *, by: Actor, typed_name: str, reason: str) -> Run:
    """End an interrupted run of which its target gives no account any more. It is never called a success: what it
    committed stays unknown, and the environment takes runs again. A worker that comes back writes nothing.

    Raises PermissionRefused, AlreadyDecided, RunStillAsked, NameNotTyped, ReasonMissing.
    """
    permissions.check_can_end_run(by)
    with transaction.atomic():
        run = Run.objects.select_for_update(of=("self",)).select_related("request").get(pk=run_id)
        policies.check_can_be_ended(run)
        policies.check_slug_typed(run.environment, typed_name)
        run.ended_because = policies.check_reason(reason, "end a run without proof")
        run.status, run.ended_by, run.finished_at = Run.Status.UNPROVEN, by.person, timezone.now()
        run.attempt += 1
        run.save(update_fields=["status", "ended_by", "ended_because", "finished_at", "attempt"])
        run.steps.exclude(status=RunStep.Status.COMMITTED).update(status=RunStep.Status.UNKNOWN)
        audit.record(
            audit.Event.RUN_ENDED_BY_HAND, by=by, environment=run.environment, run=run, reason=run.ended_because
        )
        _spend(run)
    return run


def claim(run_id: int) -> Run | None:
    """Take a queued run for this worker; None when there is nothing to take, as in a copy that nobody has confirmed."""
    with transaction.atomic():
        installation = installations.current()
        if installation.is_held:
            return None
        taken = Run.objects.filter(pk=run_id, status=Run.Status.QUEUED).update(
            status=Run.Status.RUNNING,
            started_at=Now(),
            lease_until=Now() + LEASE,
            attempt=F("attempt") + 1,
            attempt_id=uuid.uuid4(),
            installation=installation.identity,
            tracking_schema=settings.TRACKING_SCHEMA,
        )
        if not taken:
            return None
        run = Run.objects.select_related("request", "started_by").get(pk=run_id)
        audit.record(audit.Event.RUN_STARTED, by=SIGNALBOX, environment=run.environment, run=run, attempt=run.attempt)
    return run


def renew_lease(run: Run) -> str | None:
    """The worker lives. Returns who asked for a cancel ("" for nobody), None when the run is not ours any more."""
    mine = _mine(run)
    if not mine.update(lease_until=Now() + LEASE):
        return None
    name = mine.values_list("cancel_requested_by__username", flat=True).first()
    return name or ""


def begin(run: Run, *, log: int | None = None) -> bool:
    """Under the target lock, before anything is sent: the run is still this worker's, and from here on something may
    be in the target. False when it is not ours any more. `log` is the number of the table that will tell what it did.

    Whoever takes the run over from now on has to end the session that holds the lock first, so this is asked once.
    """
    with transaction.atomic():
        installations.current()  # the control database may have been replaced by a copy since the run was taken
        return bool(_mine(run).update(began_at=Now(), log_number=log, lease_until=Now() + LEASE))


def hold(run: Run) -> bool:
    """Take the row of the run until the transaction ends. False when it is not ours any more: then write nothing."""
    return _mine(run).select_for_update().values_list("pk", flat=True).first() is not None


def finish(
    run: Run,
    status: Run.Status,
    failure: dict[str, Any] | None = None,
    *,
    progress: Callable[[], None] = lambda: None,
) -> bool:
    """End a run that this worker holds, and spend its approval; `progress` writes what became of its steps, in the same
    transaction. False when it is not ours any more: then nothing was written."""
    with transaction.atomic():
        if not _finish(run, status, by=SIGNALBOX, failure=failure):
            return False
        progress()
        run.steps.filter(status=RunStep.Status.WAITING).update(status=RunStep.Status.NOT_RUN)
    return True


def interrupt(run: Run, failure: dict[str, Any], *, progress: Callable[[], None] = lambda: None) -> bool:
    """What committed is not known: freeze the environment and have it found out."""
    with transaction.atomic():
        moved = _mine(run).update(
            status=Run.Status.INTERRUPTED, failure=failure, attempt=F("attempt") + 1, lease_until=None
        )
        if moved:
            run.refresh_from_db()
            progress()
            run.steps.filter(status=RunStep.Status.RUNNING).update(status=RunStep.Status.UNKNOWN)
            event, bare = audit.Event.RUN_INTERRUPTED, without_values(failure)
            audit.record(event, by=SIGNALBOX, environment=run.environment, run=run, failure=bare)
            queue.recover_run(run.pk)
    return bool(moved)


def note_unresolved(run: Run, reason: dict[str, Any]) -> None:
    """Why what an interrupted run committed could not be found out yet."""
    with transaction.atomic():
        interrupted = Run.objects.filter(pk=run.pk, status=Run.Status.INTERRUPTED, attempt=run.attempt)
        current = interrupted.select_for_update(of=("self",)).first()
        if current is not None:
            interrupted.update(failure={**(current.failure or {}), "unresolved": reason})


def settle(run: Run, verdicts: Sequence[StepVerdict]) -> None:
    """What an interrupted run did is known now: note it step by step and free the environment."""
    with transaction.atomic():
        moved = Run.objects.filter(pk=run.pk, status=Run.Status.INTERRUPTED, attempt=run.attempt).update(
            status=Run.Status.RESOLVED, finished_at=Now()
        )
        if not moved:
            return
        for step, verdict in zip(run.steps.all(), verdicts, strict=True):
            _settle_step(step, verdict)
        audit.record(
            audit.Event.RUN_RESOLVED,
            by=SIGNALBOX,
            environment=run.environment,
            run=run,
            steps={step.label: verdict.value for step, verdict in zip(run.plan.steps, verdicts, strict=True)},
            all_committed=all(verdict is StepVerdict.COMMITTED for verdict in verdicts),
        )
        _spend(run)


def lost() -> list[Run]:
    """Runs whose worker has sent no sign of life for longer than its lease."""
    return list(Run.objects.filter(status=Run.Status.RUNNING, lease_until__lt=Now()))


def _mine(run: Run) -> QuerySet[Run]:
    """The run, while this worker holds it: none once its number was raised."""
    return Run.objects.filter(pk=run.pk, status=Run.Status.RUNNING, attempt=run.attempt)


def _approval_needed(plan: Plan, environment: Environment) -> ApprovalNeeded:
    waits = requests.open_for(plan)
    if waits is None:
        return ApprovalNeeded(environment=environment.name)
    remedy = f"Request {waits.pk} asks for exactly this plan, and waits. Start the run once it is approved."
    return ApprovalNeeded(environment=environment.name, remedy=remedy)


def _said(accepted: Sequence[str], confirmation: Confirmation) -> dict[str, Any]:
    """What the person who starts a run has read and let pass, for the audit log."""
    if confirmation.forecast is None or not confirmation.forecast.is_destructive:
        return {"accepted": list(accepted)}
    shown = {"rows_shown": confirmation.shown} if confirmation.shown else {}
    return {"accepted": list(accepted), "rows_to_lose": confirmation.forecast.word, **shown}


def _queue(
    plan: Plan,
    *,
    environment: Environment,
    by: Actor,
    request: ChangeRequest | None,
    said: Mapping[str, Any],
    opening: BreakGlass | None = None,
) -> Run:
    policies.check_is_free(environment)
    policies.check_is_bound(environment)
    policies.check_is_apart(environment, plan.identity)
    try:
        with transaction.atomic():
            asked = request if request and request.action == plan.action else None
            limits.check_hourly(by, environment, of_request=asked)
            run = _create(plan, environment, by, request, opening)
            _record_use(opening, run, by)
            audit.record(
                audit.Event.RUN_QUEUED,
                by=by,
                environment=environment.slug,
                request=request,
                run=run,
                digest=plan.digest,
                source=plan.source,
                commit=git.in_words(plan),
                steps=[s.label for s in plan.steps],
                saves=[] if plan.action is Action.BRING_BACK else plans.copied(plan),
                reasons=plan.reasons,
                **said,
            )
            queue.execute_run(run.pk)
    except IntegrityError:  # someone queued one between the check and now
        policies.check_is_free(environment)
        raise EnvironmentOccupied(environment=environment.name, run="another", status="under way") from None
    return run


def _record_use(opening: BreakGlass | None, run: Run, by: Actor) -> None:
    if opening is not None:
        event = audit.Event.BREAK_GLASS_USED
        lifted = opening.lifted
        audit.record(event, by=by, environment=run.environment, request=run.request, run=run, lifted=lifted)


def _create(
    plan: Plan, environment: Environment, by: Actor, request: ChangeRequest | None, opening: BreakGlass | None
) -> Run:
    run = Run.objects.create(
        environment=environment.slug,
        action=plan.action,
        title=plans.title(plan, environment),
        frozen_plan=plan.to_dict(),
        digest=plan.digest,
        request=request,
        break_glass=opening,
        started_by=by.person,
        token=by.token,
        source_ip=by.source_ip,
        queued_at=timezone.now(),
    )
    RunStep.objects.bulk_create(
        RunStep(run=run, position=position, action=step.action, version=step.version, name=step.name)
        for position, step in enumerate(plan.steps)
    )
    return run


def _finish(run: Run, status: Run.Status, *, by: Actor, failure: dict[str, Any] | None = None) -> bool:
    old = run.status
    assert status in Run.TRANSITIONS[old], f"a run never goes from {old} to {status}"
    moved = Run.objects.filter(pk=run.pk, status=old, attempt=run.attempt).update(
        status=status, failure=failure, finished_at=Now(), lease_until=None
    )
    if moved:
        run.refresh_from_db()
        bare = without_values(failure) if failure else {}
        audit.record(ENDINGS[status], by=by, environment=run.environment, run=run, failure=bare)
        _spend(run)
    return bool(moved)


def _spend(run: Run) -> None:
    """An approval is for one run, whichever way that ended; one that never began, or was kept back only by the clock or
    by the order of environments, leaves it alive."""
    if run.request is None or run.started_at is None or (run.failure or {}).get("code") == NotNow.code:
        return
    if run.request.status == ChangeRequest.Status.APPROVED or (run.break_glass and run.request.closed_at is None):
        approvals.mark_done(run.request, run)


def _settle_step(step: RunStep, verdict: StepVerdict) -> None:
    match verdict:
        case StepVerdict.COMMITTED:
            step.status = RunStep.Status.COMMITTED
        case StepVerdict.PARTIAL:
            step.status = RunStep.Status.PARTIAL
        case StepVerdict.UNDONE:
            step.status = RunStep.Status.FAILED if step.started_at else RunStep.Status.NOT_RUN
    step.save(update_fields=["status"])
