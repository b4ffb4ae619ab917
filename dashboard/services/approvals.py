"""Requests and the decisions on them. What is approved is a digest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from dashboard.engine import planner, verification
from dashboard.engine.errors import NotAcknowledged
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Action, Plan
from dashboard.engine.run.executor import Approval
from dashboard.local import targets as local
from dashboard.models import ChangeRequest, Decision, Run, RunStep, environments
from dashboard.models.environments import Environment
from dashboard.models.roles import Role, has_role
from dashboard.models.tokens import Scope
from dashboard.selectors import git
from dashboard.services import (
    audit,
    evidence,
    forecasts,
    independence,
    limits,
    permissions,
    plans,
    policies,
    quorum,
    rehearsals,
)
from dashboard.services.actors import SIGNALBOX, Actor
from dashboard.services.errors import (
    AlreadyDecided,
    ApprovalsMissing,
    RequesterGone,
    TokenGone,
)
from dashboard.services.evidence import Evidence
from dashboard.services.quorum import Quorum


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
    permissions.check_scope(by, Scope.REQUEST, environment.slug)
    policies.check_is_apart(environment, plan.identity)
    limits.check_open_requests(by)
    limits.check_hourly(by, environment)
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
        loses_data=environment.loss_needs_more and forecasts.of_plan(plan, environment).threatens,
        requested_by=by.person,
        token=by.token,
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
        source=plan.source,
        commit=git.in_words(plan),
        steps=[s.label for s in plan.steps],
        saves=[] if plan.action is Action.BRING_BACK else plans.copied(plan),
        accepted=list(accepted),
        reason=request.reason,
        irreversible_because=request.irreversible_because,
        suppressions=evidence.suppressions(plan),
        reasons=plan.reasons,
    )


@transaction.atomic
def approve(
    request_id: int, *, by: Actor, digest: str, reason: str = "", accepts_no_change: bool = False
) -> ChangeRequest:
    """Approve the digest that was on the page. The request is approved once as many people have done so as the policy
    asks for; of all who decide at once, exactly as many count.

    Raises EvidenceMissing where something that the environment asks for is not there, NotAcknowledged where a rehearsal
    saw a migration change nothing and nobody `accepts_no_change`.
    """
    environment = environments.get(_environment_of(request_id))
    request = _decide(request_id, Decision.Verdict.APPROVED, by=by, digest=digest, reason=reason)
    check_requester(request)
    independence.check(request, by.person)
    proof = evidence.check(request)
    if proof.changes_nothing and not accepts_no_change:
        raise NotAcknowledged(warning=proof.changes_nothing[0])
    _keep_evidence(request, by, proof)
    policies.check_is_bound(environment)
    policies.check_is_apart(environment, request.plan.identity)
    _see_what_it_loses(request, environment)
    standing = standing_of(request, environment)
    if standing.is_met:
        _move(request, ChangeRequest.Status.APPROVED, expires_at=_expiry(request, environment))
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
        approvers=list(standing.approvers),
        needed=standing.needed,
        **proof.to_dict(),
    )
    return request


def standing_of(request: ChangeRequest, environment: Environment) -> Quorum:
    return quorum.of(request, environment, request.decisions.select_related("by"))


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
    permissions.check_scope(by, Scope.REQUEST, request.environment)
    policies.check_can_be_withdrawn(request)
    _move(request, ChangeRequest.Status.WITHDRAWN)
    audit.record(audit.Event.REQUEST_WITHDRAWN, by=by, environment=request.environment, request=request)
    return request


def live(plan: Plan, *, for_run: Run | None = None) -> tuple[ChangeRequest, Approval] | None:
    """The approval that covers this plan now: of a request for it, or of the apply that it exactly undoes.

    `for_run` is the run that asks for itself, which does not count as a use.
    """
    request = _approved_for(plan) or _standing_rollback(plan, for_run)
    standing = _bearing(request, plan) if request else None
    if request is None or standing is None:
        return None
    digest = request.digest if request.digest in _covering(plan) else plan.without_saving().digest
    return request, _approval(request, standing, digest=digest, until=_covered_until(request, plan))


def expired(request: ChangeRequest, plan: Plan) -> Approval | None:
    """The approval that covered this plan until its time ran out; None where none ever did."""
    covered = {request.digest, request.rollback_digest} & set(_covering(plan))
    approved = {ChangeRequest.Status.APPROVED, ChangeRequest.Status.DONE, ChangeRequest.Status.EXPIRED}
    if request.status not in approved or not covered:
        return None
    until = _covered_until(request, plan)
    standing = standing_of(request, environments.get(request.environment))
    return _approval(request, standing, digest=covered.pop(), until=until) if until <= timezone.now() else None


def check_still_approved(request: ChangeRequest, plan: Plan) -> None:
    """Raises RequesterGone, ApproverGone, ApproverTouched or ApprovalsMissing where the people and the policy of now do
    not bear it any more: asked when a run is started, and when it is executed."""
    environment = environments.get(request.environment)
    check_requester(request)
    _see_what_it_loses(request, environment)
    standing = _standing_for(request, plan, environment)
    if standing.is_met:
        return
    quorum.check_all(request, environment, request.decisions.select_related("by"))
    raise ApprovalsMissing(
        environment=environment.name, request=request.pk, count=len(standing.approvers), needed=standing.needed
    )


def reevaluate() -> int:
    """Hold every open and approved request against the policy as it is now: what a changed policy lets pass is
    approved, what it does not let pass any more waits again, and what it has made another plan is closed."""
    live_ones = ChangeRequest.objects.filter(closed_at__isnull=True, expires_at__gt=Now())
    untouched = live_ones.exclude(runs__status__in=Run.ACTIVE)
    return sum(_reevaluate(pk) for pk in untouched.values_list("pk", flat=True))


def check_requester(request: ChangeRequest) -> None:
    """Raises RequesterGone where who asked for it may not any more. The rollback of what ran does not ask."""
    waiting = {ChangeRequest.Status.OPEN, ChangeRequest.Status.APPROVED}
    requester = User.objects.get(pk=request.requested_by_id)  # as the person is now, not as the request was read
    if request.status in waiting and not has_role(requester, Role.REQUESTER):
        raise RequesterGone(requester=requester.get_username(), request=request.pk)
    token = request.token if request.status in waiting else None
    if token and (token.is_withdrawn or not token.allows(Scope.REQUEST, request.environment)):
        raise TokenGone(token=token.name, deed=f"request {request.pk} was asked for")


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


@transaction.atomic
def _reevaluate(pk: int) -> bool:
    request = ChangeRequest.objects.select_for_update(of=("self",), skip_locked=True).filter(pk=pk).first()
    try:
        environment = environments.get(request.environment) if request else None
    except environments.UnknownEnvironment:
        return False
    if request is None or environment is None or request.closed_at or request.runs.filter(status__in=Run.ACTIVE):
        return False
    policy, dual_write = local.policy(environment), environment.dual_write
    if changed := verification.declaration_change(request.plan, policy, dual_write):
        supersede(request, f"The policy of {environment.name} was changed: {changed}.")
        return True
    _see_what_it_loses(request, environment)
    standing = standing_of(request, environment)
    is_approved = request.status == ChangeRequest.Status.APPROVED
    if standing.is_met == is_approved or (standing.is_met and evidence.of_request(request, environment).missing):
        return False
    if standing.is_met:
        _move(request, ChangeRequest.Status.APPROVED, expires_at=_expiry(request, environment))
    else:
        _move(request, ChangeRequest.Status.OPEN, start_at=None, scheduled_by=None, scheduled_word="")
    audit.record(
        audit.Event.REQUEST_REEVALUATED,
        by=SIGNALBOX,
        environment=request.environment,
        request=request,
        status=request.status,
        approvers=list(standing.approvers),
        lapsed=list(standing.lapsed),
        needed=standing.needed,
    )
    return True


def _approval(request: ChangeRequest, standing: Quorum, *, digest: str, until: datetime) -> Approval:
    return Approval(
        digest=digest,
        requested_by=request.requested_by.get_username(),
        approved_by=standing.approvers,
        needed=standing.needed,
        expires_at=until,
    )


def _bearing(request: ChangeRequest, plan: Plan) -> Quorum | None:
    """The people and the policy of now, where they bear the approval still."""
    try:
        check_requester(request)
    except RequesterGone:
        return None
    standing = _standing_for(request, plan, environments.get(request.environment))
    return standing if standing.is_met else None


def _standing_for(request: ChangeRequest, plan: Plan, environment: Environment) -> Quorum:
    """A rollback that an approval covers too is held against what the rollback itself destroys."""
    loses = None
    if request.digest not in _covering(plan) and environment.loss_needs_more:
        loses = forecasts.of_plan(plan, environment).is_destructive
    return quorum.of(request, environment, request.decisions.select_related("by"), loses_data=loses)


def _see_what_it_loses(request: ChangeRequest, environment: Environment) -> None:
    """Looked at again where it matters; once it was seen to destroy something it stays so. What could not be counted
    for the moment asks for more people too, and is not kept."""
    if request.loses_data or not environment.loss_needs_more:
        return
    forecast = forecasts.of_plan(request.plan, environment)
    request.loses_data = forecast.is_destructive
    if forecast.threatens:
        ChangeRequest.objects.filter(pk=request.pk).update(loses_data=True)


def _expiry(request: ChangeRequest, environment: Environment) -> datetime:
    """An approval ages from when it was given: the oldest one that counts decides."""
    counting = standing_of(request, environment).approvers
    given = request.decisions.filter(verdict=Decision.Verdict.APPROVED, by__username__in=counting)
    oldest: datetime = given.earliest("at").at
    return oldest + timedelta(hours=environment.approval_hours)


def _environment_of(request_id: int) -> str:
    return ChangeRequest.objects.values_list("environment", flat=True).get(pk=request_id)


def _decide(request_id: int, verdict: Decision.Verdict, *, by: Actor, digest: str, reason: str) -> ChangeRequest:
    request = ChangeRequest.objects.select_for_update().get(pk=request_id)
    if verdict is Decision.Verdict.APPROVED:
        decisions = request.decisions.select_related("by")
        permissions.check_can_approve(by, request, environments.get(request.environment), decisions)
    else:
        permissions.check_can_decide(by, request)
    policies.check_is_open(request)
    policies.check_same_digest(request, digest)
    if policies.is_expired(request):
        raise AlreadyDecided(subject=f"Request {request.pk}", status=ChangeRequest.Status.EXPIRED)
    decided = {"verdict": verdict, "digest": digest, "reason": reason.strip(), "at": timezone.now()}
    Decision.objects.update_or_create(request=request, by=by.person, defaults=decided)
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
            requested_by__is_active=True,
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
