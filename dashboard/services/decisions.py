"""Deciding and acting in one go, as the approver's page offers it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction

from dashboard.engine.plan import Plan
from dashboard.models import ChangeRequest, Run
from dashboard.models.environments import Environment
from dashboard.selectors import requests
from dashboard.services import approvals, installations, runs
from dashboard.services.actors import Actor
from dashboard.services.forecasts import NO_WORD, Confirmation

#: Held with the name of an environment while a machine asks for something there.
_ASK_LOCK = 0x5342414B


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


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedRequest:
    """A request that waits for people; `is_new` where this call opened it."""

    request: ChangeRequest
    is_new: bool


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
    """As `submit`, for a machine."""
    if needs_request(plan, environment):
        asked = ask(
            plan,
            environment=environment,
            by=by,
            accepted=accepted,
            reason=reason,
            irreversible_because=irreversible_because,
        )
        return asked.request
    return start(plan, environment=environment, by=by, accepted=accepted, rows=rows)


def ask(
    plan: Plan,
    *,
    environment: Environment,
    by: Actor,
    accepted: Sequence[str] = (),
    reason: str = "",
    irreversible_because: str = "",
) -> AskedRequest:
    """For a machine: while a request for exactly this plan waits, whoever asked, that one is the answer. The first of
    calls that come at one moment opens it. Raises CopyNotConfirmed before anybody is asked for what could not run
    here."""
    installations.check_may_run()  # apart: in a copy it writes, and what it wrote stays where it refuses
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_ASK_LOCK, environment.slug])
        if waits := requests.open_for(plan):
            return AskedRequest(request=waits, is_new=False)
        opened = approvals.open_request(
            plan,
            environment=environment,
            by=by,
            accepted=accepted,
            reason=reason,
            irreversible_because=irreversible_because,
        )
        return AskedRequest(request=opened, is_new=True)


def start(plan: Plan, *, environment: Environment, by: Actor, accepted: Sequence[str] = (), rows: str = "") -> Run:
    """For a machine, which has named the environment by asking there: `rows` is what it says of the rows that would be
    lost. Raises what `runs.start` does."""
    return runs.start(
        plan,
        environment=environment,
        by=by,
        accepted=accepted,
        typed_name=environment.slug,
        confirmation=Confirmation(typed=rows, by_machine=True),
    )
