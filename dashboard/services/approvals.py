"""Requests and the decisions on them. What is approved is a digest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from dashboard.engine import planner
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Action, Plan
from dashboard.engine.run.executor import Approval
from dashboard.models import ChangeRequest, Decision, Run, RunStep, environments
from dashboard.models.environments import Environment
from dashboard.models.roles import Role, has_role
from dashboard.services import audit, evidence, independence, permissions, plans, policies, rehearsals
from dashboard.services.actors import SIGNALBOX, Actor
from dashboard.services.errors import AlreadyDecided, ApproverGone
from dashboard.services.evidence import Evidence


@transaction.atomic
def open_request(
    plan: Plan,
    *,
    environment: Environment,
    by: Actor,
    reason: str = "",
    accepted: Sequence[str] = (),
    irreversible_because: str = "",
) -> ChangeRequest:
    """Ask for the approval of a plan. Older open requests for the same environment and action stay as they are.

    Where the environment asks for a rehearsal, and none counts, one begins.
    """
    if plan.action.is_by_hand:
        permissions.check_can_skip(by)
    permissions.check_can_request(by)
    plans.check_accepted(plan, accepted)
    now = timezone.now()
    inverse = planner.inverse(plan)
    request = ChangeRequest.objects.create(
        environment=environment.slug,
        action=plan.action,
        title=plans.title(plan, environment),
        reason=reason.strip(),
        frozen_plan=plan.to_dict(),
        digest=plan.digest,
        rollback_digest=inverse.digest if inverse else "",
        irreversible_because=irreversible_because.strip(),
        requested_by=by.person,
        requested_at=now,
        expires_at=now + timedelta(hours=environment.approval_hours),
    )
    _record_opening(request, plan, by, accepted)
    rehearsals.ask_if_required(plan, environment=environment, by=by)
    return request


def _record_opening(request: ChangeRequest, plan: Plan, by: Actor, accepted: Sequence[str]) -> None:
    audit.record(
        audit.Event.REQUEST_OPENED,
        by=by,
        environment=request.environment,
        request=request,
        digest=plan.digest,
        steps=[s.label for s in plan.steps],
        saves=[] if plan.action is Action.BRING_BACK else plans.copied(plan),
        accepted=list(accepted),
        reason=request.reason,
        irreversible_because=request.irreversible_because,
        suppressions=evidence.suppressions(plan),
    )


@transaction.atomic
def approve(request_id: int, *, by: Actor, digest: str, reason: str = "") -> ChangeRequest:
    """Approve the digest that was on the page. One winner among all who decide at once.

    Raises EvidenceMissing where something that the environment asks for is not there.
    """
    request = _decide(request_id, Decision.Verdict.APPROVED, by=by, digest=digest, reason=reason)
    independence.check(request, by.person)
    proof = evidence.check(request)
    _keep_evidence(request, by, proof)
    environment = environments.get(request.environment)
    policies.check_is_bound(environment)
    expires_at = timezone.now() + timedelta(hours=environment.approval_hours)
    _move(request, ChangeRequest.Status.APPROVED, expires_at=expires_at)
    audit.record(
        audit.Event.REQUEST_APPROVED,
        by=by,
        environment=request.environment,
        request=request,
        digest=digest,
        rollback_digest=request.rollback_digest,
        reason=reason.strip(),
        irreversible_because=request.irreversible_because,
        suppressions=evidence.suppressions(request.plan),
        **proof.to_dict(),
    )
    return request


@transaction.atomic
def reject(request_id: int, *, by: Actor, digest: str, reason: str) -> ChangeRequest:
    reason = policies.check_reason(reason, "reject a request")
    request = _decide(request_id, Decision.Verdict.REJECTED, by=by, digest=digest, reason=reason)
    _keep_evidence(request, by, evidence.of_request(request, environments.get_even_former(request.environment)))
    _move(request, ChangeRequest.Status.REJECTED)
    audit.record(audit.Event.REQUEST_REJECTED, by=by, environment=request.environment, request=request, reason=reason)
    return request


@transaction.atomic
def withdraw(request_id: int, *, by: Actor) -> ChangeRequest:
    request = ChangeRequest.objects.select_for_update().get(pk=request_id)
    permissions.check_can_withdraw(by, request)
    policies.check_can_be_withdrawn(request)
    _move(request, ChangeRequest.Status.WITHDRAWN)
    audit.record(audit.Event.REQUEST_WITHDRAWN, by=by, environment=request.environment, request=request)
    return request


def live(plan: Plan, *, for_run: Run | None = None) -> tuple[ChangeRequest, Approval] | None:
    """The approval that covers this plan now: of a request for it, or of the apply that it exactly undoes.

    `for_run` is the run that asks for itself, which does not count as a use.
    """
    request = _approved_for(plan) or _standing_rollback(plan, for_run)
    if request is None or not _approver_counts(request):
        return None
    digest = request.digest if request.digest in _covering(plan) else plan.without_saving().digest
    return request, _approval(request, digest=digest, until=_covered_until(request, plan))


def expired(request: ChangeRequest, plan: Plan) -> Approval | None:
    """The approval that covered this plan until its time ran out; None where none ever did."""
    covered = {request.digest, request.rollback_digest} & set(_covering(plan))
    approved = {ChangeRequest.Status.APPROVED, ChangeRequest.Status.DONE, ChangeRequest.Status.EXPIRED}
    if request.status not in approved or not covered:
        return None
    until = _covered_until(request, plan)
    return _approval(request, digest=covered.pop(), until=until) if until <= timezone.now() else None


def check_approver(request: ChangeRequest) -> None:
    """Raises ApproverGone where who approved it was deactivated or has lost the role since, ApproverTouched where who
    asked has changed the approver's account."""
    decision = _approval_of(request)
    if not has_role(decision.by, Role.APPROVER) or independence.was_away_since(decision.by, decision.at):
        raise ApproverGone(approver=decision.by.get_username(), request=request.pk)
    independence.check(request, decision.by, approved_at=decision.at)


def supersede(request: ChangeRequest, because: str) -> None:
    """The digest no longer holds, so neither does the approval."""
    with transaction.atomic():
        _move(request, ChangeRequest.Status.SUPERSEDED, closed_because=because)
        audit.record(
            audit.Event.REQUEST_SUPERSEDED,
            by=SIGNALBOX,
            environment=request.environment,
            request=request,
            because=because,
        )


def mark_done(request: ChangeRequest, run: Run) -> None:
    """Its run has ended, whichever way: the approval is spent. Call inside the transaction that ends the run."""
    _move(request, ChangeRequest.Status.DONE)
    audit.record(audit.Event.REQUEST_DONE, by=SIGNALBOX, environment=request.environment, request=request, run=run)


def expire_due() -> int:
    """Close what nobody decided or ran in time. An approved request whose run is under way is left to it."""
    due = ChangeRequest.objects.filter(
        Q(status=ChangeRequest.Status.OPEN) | Q(status=ChangeRequest.Status.APPROVED), expires_at__lte=Now()
    ).exclude(runs__status__in=Run.ACTIVE)
    for request in due:
        expire(request)
    return len(due)


@transaction.atomic
def expire(request: ChangeRequest) -> None:
    """Nobody decided or ran it in time."""
    _move(request, ChangeRequest.Status.EXPIRED)
    audit.record(audit.Event.REQUEST_EXPIRED, by=SIGNALBOX, environment=request.environment, request=request)


def _approval(request: ChangeRequest, *, digest: str, until: datetime) -> Approval:
    return Approval(
        digest=digest,
        requested_by=request.requested_by.get_username(),
        approved_by=_approver_of(request).get_username(),
        expires_at=until,
    )


def _approver_counts(request: ChangeRequest) -> bool:
    decision = _approval_of(request)
    return independence.counts(request, decision.by, approved_at=decision.at)


def _approver_of(request: ChangeRequest) -> User:
    return _approval_of(request).by


def _approval_of(request: ChangeRequest) -> Decision:
    return request.decisions.select_related("by").get(verdict=Decision.Verdict.APPROVED)


def _decide(request_id: int, verdict: Decision.Verdict, *, by: Actor, digest: str, reason: str) -> ChangeRequest:
    request = ChangeRequest.objects.select_for_update().get(pk=request_id)
    permissions.check_can_decide(by, request)
    policies.check_is_open(request)
    policies.check_same_digest(request, digest)
    if policies.is_expired(request):
        raise AlreadyDecided(subject=f"Request {request.pk}", status=ChangeRequest.Status.EXPIRED)
    Decision.objects.create(
        request=request, verdict=verdict, digest=digest, reason=reason.strip(), by=by.person, at=timezone.now()
    )
    return request


def _keep_evidence(request: ChangeRequest, by: Actor, proof: Evidence) -> None:
    """What the person saw proven when they decided: a finished request still shows it."""
    request.decisions.filter(by=by.person).update(evidence=proof.to_rows())


def _move(request: ChangeRequest, status: ChangeRequest.Status, **changes: object) -> None:
    """Guarded: one row, or someone else was first."""
    old = request.status
    assert status in ChangeRequest.TRANSITIONS[old], f"a request never goes from {old} to {status}"
    if not ChangeRequest.TRANSITIONS[status]:
        changes["closed_at"] = timezone.now()
    if not ChangeRequest.objects.filter(pk=request.pk, status=old).update(status=status, **changes):
        request.refresh_from_db()
        raise AlreadyDecided(subject=f"Request {request.pk}", status=request.status)
    request.refresh_from_db()


def _approved_for(plan: Plan) -> ChangeRequest | None:
    return (
        ChangeRequest.objects.filter(
            environment=plan.environment,
            digest__in=_covering(plan),
            status=ChangeRequest.Status.APPROVED,
            expires_at__gt=Now(),
        )
        .order_by("-id")
        .first()
    )


def _standing_rollback(plan: Plan, for_run: Run | None) -> ChangeRequest | None:
    """The approved apply that this plan takes back, whole or its newest part, once, and in time."""
    if plan.action is not Action.ROLLBACK:
        return None
    applied = ChangeRequest.objects.filter(
        environment=plan.environment,
        status=ChangeRequest.Status.DONE,
        runs__status__in=[Run.Status.SUCCEEDED, Run.Status.RESOLVED],
        runs__finished_at__gt=timezone.now() - _rollback_time(plan.environment),
    ).exclude(rollback_digest="")
    candidates = applied.order_by("-id").distinct()
    return next((request for request in candidates if _takes_back(plan, request, for_run)), None)


def _takes_back(plan: Plan, request: ChangeRequest, for_run: Run | None) -> bool:
    inverse = planner.inverse(request.plan)
    if inverse is None or inverse.digest != request.rollback_digest or not planner.is_newest_part(plan, inverse):
        return False
    used = RunStep.objects.filter(run__request=request, run__action=Action.ROLLBACK)
    used = used.exclude(run__status=Run.Status.CANCELLED).exclude(run=for_run)
    rolled_back = {MigrationId(*identity) for identity in used.values_list("version", "name")}
    return all(step.identity not in rolled_back for step in plan.steps) and (
        _covered_until(request, plan) > timezone.now()
    )


def _rollback_time(environment: str) -> timedelta:
    return timedelta(hours=environments.get(environment).rollback_hours)


def _covering(plan: Plan) -> list[str]:
    """Digests whose approval lets this plan run: its own, and that of the plan without copies. Whoever agreed that
    rows are destroyed agrees that they are copied first; the executor holds it against the same two."""
    return [plan.digest, plan.without_saving().digest]


def _covered_until(request: ChangeRequest, plan: Plan) -> datetime:
    if request.digest in _covering(plan):
        return request.expires_at
    applied = request.runs.filter(digest=request.digest).latest("id")
    return (applied.finished_at or applied.queued_at) + _rollback_time(request.environment)
