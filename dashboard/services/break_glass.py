"""One person lets a request run without the approvals, the proof or the time that its environment asks for.

The environment has to allow it, the reason is kept, the run has to begin within minutes, and a notice stands until
somebody else has signed the review. It lifts what is asked of people and of the clock. The executor still runs nothing
but the digest that was on the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from dashboard.engine.errors import EngineError
from dashboard.engine.plan import Plan
from dashboard.engine.run.executor import Approval
from dashboard.models import BreakGlass, ChangeRequest, Run, environments
from dashboard.models.environments import Environment
from dashboard.models.roles import has_role
from dashboard.services import audit, evidence, gates, independence, permissions, policies, quorum
from dashboard.services.actors import Actor
from dashboard.services.errors import AlreadyDecided, BreakGlassRefused
from dashboard.services.quorum import Quorum


@transaction.atomic
def open_for(request_id: int, *, by: Actor, digest: str, reason: str, typed_name: str) -> BreakGlass:
    """Let the digest that was on the page be run by this person, for a few minutes."""
    request = ChangeRequest.objects.select_for_update().get(pk=request_id)
    environment = environments.get(request.environment)
    check_can_be_opened(request, environment)
    permissions.check_can_break_glass(by, environment)
    if request.plan.action.is_by_hand:
        permissions.check_can_skip(by)
    policies.check_same_digest(request, digest)
    policies.check_name_typed(environment, typed_name)
    reason = policies.check_reason(reason, "break the glass")
    if live(request):
        raise BreakGlassRefused(environment=environment.name, reason="it is open already", remedy=_WAIT)
    now = timezone.now()
    opening = BreakGlass.objects.create(
        request=request,
        digest=request.digest,
        reason=reason,
        lifted=list(lifted(request, environment)),
        by=by.person,
        at=now,
        expires_at=now + timedelta(minutes=environment.break_glass_minutes),
    )
    audit.record(
        audit.Event.BREAK_GLASS_OPENED,
        by=by,
        environment=request.environment,
        request=request,
        digest=request.digest,
        reason=reason,
        lifted=opening.lifted,
        minutes=environment.break_glass_minutes,
    )
    return opening


@transaction.atomic
def review(opening_id: int, *, by: Actor, comment: str) -> BreakGlass:
    """Signed by somebody else: the notice goes. Raises ApproverTouched where that is whoever opened it once more."""
    opening = BreakGlass.objects.select_for_update(of=("self",)).select_related("request", "by").get(pk=opening_id)
    permissions.check_can_review(by, opening)
    independence.check_review(opening, by.person)
    comment = policies.check_reason(comment, "sign the review")
    if opening.reviewed_by_id is not None:
        raise AlreadyDecided(subject="The review", status="signed")
    opening.reviewed_by, opening.reviewed_at, opening.review = by.person, timezone.now(), comment
    opening.save(update_fields=["reviewed_by", "reviewed_at", "review"])
    audit.record(
        audit.Event.BREAK_GLASS_REVIEWED,
        by=by,
        environment=opening.request.environment,
        request=opening.request,
        opened_by=opening.by.get_username(),
        comment=comment,
    )
    return opening


def check_can_be_opened(request: ChangeRequest, environment: Environment) -> None:
    """Raises BreakGlassRefused, or AlreadyDecided for a request that is over."""
    if not environment.protected or not environment.break_glass:
        remedy = "Its policy says so: `break_glass` in config/environments.toml."
        raise BreakGlassRefused(environment=environment.name, reason="it is switched off there", remedy=remedy)
    if request.closed_at is not None or policies.is_expired(request):
        raise AlreadyDecided(subject=f"Request {request.pk}", status=request.status)


def live(request: ChangeRequest) -> BreakGlass | None:
    """The opening that still lets it be started."""
    open_now = request.openings.filter(expires_at__gt=timezone.now(), digest=request.digest, runs__isnull=True)
    return open_now.select_related("by").first()


def live_for(request: ChangeRequest, by: Actor, environment: Environment) -> BreakGlass | None:
    """The same, where this person opened it and still may."""
    opening = live(request)
    if opening is None or opening.by_id != by.person.pk or not _may(opening, environment):
        return None
    return opening


def approval(run: Run, plan: Plan, environment: Environment) -> Approval | None:
    """What the executor is given for such a run: asked again when it is executed."""
    opening = run.break_glass
    if opening is None or opening.by_id != run.started_by_id or not _may(opening, environment):
        return None
    return Approval(
        digest=opening.digest,
        requested_by=opening.request.requested_by.get_username(),
        approved_by=(),
        expires_at=opening.expires_at,
        broken_glass_by=opening.by.get_username(),
    )


def lifted(request: ChangeRequest, environment: Environment) -> Iterator[str]:
    """What it would run without, as clauses."""
    standing: Quorum = quorum.of(request, environment, request.decisions.select_related("by"))
    if standing.missing:
        yield f"{len(standing.approvers)} of {standing.needed} approvals"
    if request.status == ChangeRequest.Status.OPEN:
        missing = evidence.of_request(request, environment).missing
        yield from (f"the proof {item.requirement.value}" for item in missing)
    if closed := gates.closed(request.plan, environment):
        yield str(closed.facts["reason"])


def refusal(request: ChangeRequest, environment: Environment) -> EngineError | None:
    """Why it cannot be opened, for a page; the policy and the state only."""
    try:
        check_can_be_opened(request, environment)
    except EngineError as error:
        return error
    return None


def _may(opening: BreakGlass, environment: Environment) -> bool:
    return environment.break_glass and has_role(opening.by, environment.break_glass_role)


_WAIT = "Whoever opened it can start it now; else wait until its time is over."
