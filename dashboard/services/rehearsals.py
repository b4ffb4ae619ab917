"""Rehearsals: asked for by people, or by a policy; carried out by a worker, one after the other.

They never hold up a run: they have a queue of their own, and a worker has at most one of them at work.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from config.environments import Requirement
from dashboard.engine.database import sizes
from dashboard.engine.errors import EngineError, RunCancelled
from dashboard.engine.files import verifications
from dashboard.engine.plan import Action, Plan
from dashboard.engine.rehearsal import risk
from dashboard.engine.rehearsal.report import Origin, Report
from dashboard.engine.run.cancellation import Cancellation
from dashboard.local import rehearsing
from dashboard.models import Rehearsal, environments
from dashboard.models.environments import Environment
from dashboard.models.failures import Failure, without_values
from dashboard.models.tokens import Scope
from dashboard.selectors import folders
from dashboard.selectors import rehearsals as selector
from dashboard.services import audit, limits, permissions, plans, policies, queue, targets
from dashboard.services.actors import SIGNALBOX, Actor
from dashboard.services.heartbeat import beating

logger = logging.getLogger(__name__)

#: How long a worker's word counts, and how often it says it.
LEASE = timedelta(seconds=60)
HEARTBEAT = 2.0

LOST = Failure(
    code="worker_lost",
    sentence="The worker that carried it out has sent no sign of life.",
    state_now="Nothing was changed anywhere.",
    remedy="Rehearse it again.",
)
BROKEN_OFF = Failure(
    code="broken_off",
    sentence="The worker broke off unexpectedly; its log says why.",
    state_now="Nothing was changed anywhere.",
    remedy="Rehearse it again, and report it if it happens again.",
)


@transaction.atomic
def ask(plan: Plan, *, environment: Environment, by: Actor) -> Rehearsal:
    """Have this plan rehearsed. Where the same is under way already, that one is the answer."""
    permissions.check_can_request(by)
    permissions.check_scope(by, Scope.REHEARSE, environment.slug)
    policies.check_can_be_rehearsed(plan)
    if selector.of_plan(plan).under_way is None:
        limits.check_rehearsals(by)
    return _ask(plan, environment=environment, by=by)


def ask_if_required(plan: Plan, *, environment: Environment, by: Actor) -> None:
    """Where the environment wants a rehearsal of this plan before an approval, and none counts."""
    if Requirement.REHEARSAL not in environment.require or not policies.can_be_rehearsed(plan):
        return
    if not selector.of_plan(plan).proof and not (plan.action is Action.ROLLBACK and selector.proving(plan)):
        _ask(plan, environment=environment, by=by)


def work(*, told_to_stop: Callable[[], bool] = lambda: False) -> None:
    """Carry out what waits, oldest first. Does nothing while another worker is at it.

    `told_to_stop` says that this process is being shut down: what it is at is put back, and done by the next.
    """
    while not told_to_stop() and (rehearsal := _claim_next()) is not None:
        _carry_out(rehearsal, told_to_stop)


def find_lost() -> None:
    """Those whose worker is gone have failed; what waits is offered again."""
    for rehearsal in Rehearsal.objects.filter(status=Rehearsal.Status.RUNNING, lease_until__lt=Now()):
        _fail(rehearsal, LOST)
    if Rehearsal.objects.filter(status=Rehearsal.Status.QUEUED).exists():
        queue.rehearse()


def _ask(plan: Plan, *, environment: Environment, by: Actor) -> Rehearsal:
    return selector.of_plan(plan).under_way or _queue(plan.without_saving(), environment, by)


def _queue(plan: Plan, environment: Environment, by: Actor) -> Rehearsal:
    try:
        with transaction.atomic():
            rehearsal = _create(plan, environment, by)
            audit.record(
                audit.Event.REHEARSAL_ASKED,
                by=by,
                environment=environment.slug,
                rehearsal=rehearsal.pk,
                title=rehearsal.title,
                digest=plan.digest,
            )
            queue.rehearse()
    except IntegrityError:  # someone asked for the same between the look and now
        return Rehearsal.objects.get(environment=environment.slug, digest=plan.digest, status__in=selector.ACTIVE)
    return rehearsal


def _create(plan: Plan, environment: Environment, by: Actor) -> Rehearsal:
    head = max((record.identity for record in plan.basis), default=None)
    return Rehearsal.objects.create(
        environment=environment.slug,
        action=plan.action,
        digest=plan.digest,
        title=plans.title(plan, environment),
        frozen_plan=plan.to_dict(),
        origin=Origin.COPY,
        asked_by=by.user,
        asked_at=timezone.now(),
        history_head=head.label if head else "",
    )


def _claim_next() -> Rehearsal | None:
    if Rehearsal.objects.filter(status=Rehearsal.Status.RUNNING, lease_until__gte=Now()).exists():
        return None
    waiting = Rehearsal.objects.filter(status=Rehearsal.Status.QUEUED).order_by("id")
    for pk in waiting.values_list("pk", flat=True):
        taken = waiting.filter(pk=pk).update(
            status=Rehearsal.Status.RUNNING, started_at=Now(), lease_until=Now() + LEASE
        )
        if taken:
            return Rehearsal.objects.get(pk=pk)
    return None


def _carry_out(rehearsal: Rehearsal, told_to_stop: Callable[[], bool]) -> None:
    logger.info("Rehearsal %s starts: %s", rehearsal.pk, rehearsal.title)
    cancellation = Cancellation()

    def beat() -> None:
        _renew_lease(rehearsal)
        if told_to_stop():
            cancellation.cancel("a shutdown of the worker")

    try:
        with beating(beat, name=f"rehearsal-{rehearsal.pk}", every=HEARTBEAT):
            report = _rehearse(rehearsal, cancellation)
            of_target = _held_against(rehearsal, report)
    except RunCancelled:
        _put_back(rehearsal)
    except EngineError as error:
        _fail(rehearsal, Failure.of(error))
    except Exception:
        logger.exception("Rehearsal %s broke off", rehearsal.pk)
        _fail(rehearsal, BROKEN_OFF)
    else:
        _finish(rehearsal, report, of_target)
    logger.info("Rehearsal %s has ended", rehearsal.pk)


def _rehearse(rehearsal: Rehearsal, cancellation: Cancellation) -> Report:
    environment = environments.get(rehearsal.environment)
    return rehearsing.of_plan(
        rehearsal.plan,
        environment=environment,
        declaration=environments.declaration(),
        server_url=settings.REHEARSAL_URL or None,
        verify=verifications.read(folders.read(environment)),
        registered=[targets.address(each) for each in environments.all_environments()],
        cancellation=cancellation,
    )


def _held_against(rehearsal: Rehearsal, report: Report) -> dict[str, Any]:
    """What is to be known of the target besides, now that it is clear what the scripts do."""
    environment = environments.get(rehearsal.environment)
    live = sizes.read(targets.access(environment), risk.relations(report.proofs))
    runs = [(p.label, p.down if rehearsal.action == Action.ROLLBACK else p.up) for p in report.proofs if p.ran]
    risks = [{"label": label, **asdict(risk.of(run, live))} for label, run in runs if run]
    return {"target_major": targets.major(environment), "risks": risks}


def _finish(rehearsal: Rehearsal, report: Report, of_target: dict[str, Any]) -> None:
    hours = environments.get(rehearsal.environment).rehearsal_hours
    now = timezone.now()
    _end(
        rehearsal,
        Rehearsal.Status.DONE,
        audit.Event.REHEARSAL_DONE,
        report=report.to_dict(),
        origin=report.origin,
        passed=report.passed,
        reversible=report.reversible,
        server_major=report.server_version // 10_000,
        **of_target,
        expires_at=now + timedelta(hours=hours),
    )


def _fail(rehearsal: Rehearsal, failure: Failure) -> None:
    _end(rehearsal, Rehearsal.Status.FAILED, audit.Event.REHEARSAL_FAILED, failure=failure.to_dict())


def _end(rehearsal: Rehearsal, status: Rehearsal.Status, event: audit.Event, **changes: Any) -> None:
    """Once: a worker that comes back late finds it ended."""
    mine = Rehearsal.objects.filter(pk=rehearsal.pk, status=Rehearsal.Status.RUNNING)
    with transaction.atomic():
        if not mine.update(status=status, finished_at=Now(), lease_until=None, **changes):
            return
        rehearsal.refresh_from_db()
        report = selector.report_of(rehearsal)
        audit.record(
            event,
            by=SIGNALBOX,
            environment=rehearsal.environment,
            rehearsal=rehearsal.pk,
            title=rehearsal.title,
            digest=rehearsal.digest,
            passed=rehearsal.passed,
            reversible=rehearsal.reversible,
            verdict=report.verdict.value if report else None,
            failure=without_values(rehearsal.failure) if rehearsal.failure else None,
        )


def _put_back(rehearsal: Rehearsal) -> None:
    Rehearsal.objects.filter(pk=rehearsal.pk, status=Rehearsal.Status.RUNNING).update(
        status=Rehearsal.Status.QUEUED, started_at=None, lease_until=None
    )


def _renew_lease(rehearsal: Rehearsal) -> None:
    Rehearsal.objects.filter(pk=rehearsal.pk, status=Rehearsal.Status.RUNNING).update(lease_until=Now() + LEASE)
