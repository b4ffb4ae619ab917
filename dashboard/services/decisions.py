"""Deciding and acting in one go, as the approver's page offers it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from dashboard.engine.plan import Plan
from dashboard.models import ChangeRequest, Run
from dashboard.models.environments import Environment
from dashboard.selectors import requests
from dashboard.services import approvals, installations, limits, runs
from dashboard.services.actors import Actor
from dashboard.services.forecasts import NO_WORD, Confirmation


@transaction.atomic
def approve_and_start(
    request_id: int,
    *,
    by: Actor,
    digest: str,
    reason: str,
    typed_name: str,
    confirmation: Confirmation = NO_WORD,
    accepts_no_change: bool = False,
) -> ChangeRequest | Run:
    """Both or neither: where the run cannot start, nothing is approved. Gives the request, where others have to approve
    it too."""
    approved = approvals.approve(request_id, by=by, digest=digest, reason=reason, accepts_no_change=accepts_no_change)
    if approved.status != ChangeRequest.Status.APPROVED:
        return approved
    return runs.start_approved(approved, by=by, typed_name=typed_name, confirmation=confirmation)


def needs_request(plan: Plan, environment: Environment) -> bool:
    """A second person has to agree first, and has not."""
    return environment.protected and approvals.live(plan) is None


def submit(
    plan: Plan,
    *,
    environment: Environment,
    by: Actor,
    accepted: Sequence[str] = (),
    reason: str = "",
    irreversible_because: str = "",
    typed_name: str = "",
    confirmation: Confirmation = NO_WORD,
) -> ChangeRequest | Run:
    """The next step towards running this plan: a request where the policy asks for one, else the run."""
    if needs_request(plan, environment):
        return approvals.open_request(
            plan,
            environment=environment,
            by=by,
            reason=reason,
            accepted=accepted,
            irreversible_because=irreversible_because,
        )
    return runs.start(
        plan, environment=environment, by=by, accepted=accepted, typed_name=typed_name, confirmation=confirmation
    )


def ask_or_start(
    plan: Plan,
    *,
    environment: Environment,
    by: Actor,
    accepted: Sequence[str] = (),
    reason: str = "",
    irreversible_because: str = "",
    rows: str = "",
) -> ChangeRequest | Run:
    """As `submit`, for a machine: it has named the environment by asking there, and `rows` is what it says of the rows
    that would be lost. While a request for exactly this plan waits, that one is the answer. Raises CopyNotConfirmed
    before anybody is asked for what could not run here."""
    installations.check_may_run()
    if needs_request(plan, environment):
        return _ask_once(
            plan,
            environment=environment,
            by=by,
            reason=reason,
            accepted=accepted,
            irreversible_because=irreversible_because,
        )
    return submit(
        plan,
        environment=environment,
        by=by,
        accepted=accepted,
        reason=reason,
        irreversible_because=irreversible_because,
        typed_name=environment.slug,
        confirmation=Confirmation(typed=rows, by_machine=True),
    )


@transaction.atomic
def _ask_once(plan: Plan, *, by: Actor, **asked: Any) -> ChangeRequest:
    """The first of calls that come at one moment opens a request, and the others are answered with it."""
    limits.one_at_a_time(by)
    return requests.open_for(plan) or approvals.open_request(plan, by=by, **asked)
