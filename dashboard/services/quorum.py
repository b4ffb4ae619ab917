"""The approvals that a request has, held against those that its environment asks for now.

Counted anew each time: a policy that was changed, and a person who lost the role, count at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dashboard.models import ChangeRequest, Decision
from dashboard.models.environments import Environment
from dashboard.models.roles import Role, has_role
from dashboard.services import independence
from dashboard.services.errors import ApproverGone, ApproverTouched


@dataclass(frozen=True, slots=True, kw_only=True)
class Quorum:
    needed: int
    approvers: tuple[str, ...]  # different people whose approval counts, in the order in which they gave it
    lapsed: tuple[str, ...]  # approved it, and do not count any more
    because_of_loss: bool  # more are needed than for a plan that destroys nothing
    role: Role
    named: tuple[str, ...]  # who may still approve, where the policy names people

    @property
    def missing(self) -> int:
        return max(self.needed - len(self.approvers), 0)

    @property
    def is_met(self) -> bool:
        return not self.missing


def of(
    request: ChangeRequest, environment: Environment, decisions: Iterable[Decision], *, loses_data: bool | None = None
) -> Quorum:
    """`loses_data` is asked of the request itself, unless it is about another plan that the request covers."""
    loses = request.loses_data if loses_data is None else loses_data
    approved = [d for d in decisions if d.verdict == Decision.Verdict.APPROVED and d.digest == request.digest]
    maker = request.token.made_by_id if request.token else None
    approved = [d for d in approved if d.by_id not in {request.requested_by_id, maker}]
    counting = tuple(d.by.get_username() for d in approved if counts(request, d, environment))
    return Quorum(
        needed=needed(environment, loses_data=loses),
        approvers=counting,
        lapsed=tuple(name for d in approved if (name := d.by.get_username()) not in counting),
        because_of_loss=loses and environment.loss_needs_more,
        role=environment.approver_role,
        named=tuple(name for name in environment.approvers if name not in counting),
    )


def check(request: ChangeRequest, decision: Decision, environment: Environment) -> None:
    """That this approval counts there now. Raises ApproverGone where who gave it may not approve there any more or was
    deactivated since, ApproverTouched where who asked has changed the account that gave it."""
    name = decision.by.get_username()
    is_named = not environment.approvers or name in environment.approvers
    may_approve = is_named and has_role(decision.by, environment.approver_role)
    if not may_approve or independence.was_away_since(decision.by, decision.at):
        raise ApproverGone(approver=name, request=request.pk)
    independence.check(request, decision.by, approved_at=decision.at)


def check_all(request: ChangeRequest, environment: Environment, decisions: Iterable[Decision]) -> None:
    """Raises what `check` does for the first approval that counts no more."""
    for decision in decisions:
        if decision.verdict == Decision.Verdict.APPROVED:
            check(request, decision, environment)


def counts(request: ChangeRequest, decision: Decision, environment: Environment) -> bool:
    try:
        check(request, decision, environment)
    except (ApproverGone, ApproverTouched):
        return False
    return True


def needed(environment: Environment, *, loses_data: bool) -> int:
    return environment.approvals_with_loss if loses_data and environment.loss_needs_more else environment.approvals
