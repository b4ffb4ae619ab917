"""Who may, by person. What may be done in a state is in `policies`.

A superuser counts as administrator; nobody approves their own request.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from django.contrib.auth.models import User

from dashboard.engine.plan import Action
from dashboard.models import BreakGlass, ChangeRequest, Decision, Run, sources
from dashboard.models.environments import Environment
from dashboard.models.roles import RANK, Role, has_role
from dashboard.models.sources import Source
from dashboard.models.tokens import Scope
from dashboard.services.actors import Actor
from dashboard.services.errors import (
    NotForTokens,
    NotNamed,
    OwnDecision,
    OwnRequest,
    OwnReview,
    OwnToken,
    PermissionRefused,
    ScopeMissing,
)


def _check(purpose: str, needed: Role, by: Actor) -> None:
    """A token never does more than ask and start, whoever it acts for: deciding and managing are for people."""
    if by.token is not None and RANK[needed] > RANK[Role.REQUESTER]:
        raise NotForTokens(what=purpose)
    if not has_role(by.person, needed):
        raise PermissionRefused(what=purpose, needed=needed.value)


check_can_look = partial(_check, "see this", Role.VIEWER)
check_can_request = partial(_check, "ask for a run", Role.REQUESTER)
check_can_comment = partial(_check, "comment on requests", Role.REQUESTER)
check_can_run = partial(_check, "start a run", Role.REQUESTER)
check_can_fetch = partial(_check, "have a source fetched", Role.REQUESTER)
check_can_skip = partial(_check, "settle a migration by hand", Role.ADMIN)
check_can_end_run = partial(_check, "end a run without proof", Role.ADMIN)
check_can_erase = partial(_check, "erase what a server said", Role.ADMIN)
check_can_rebind = partial(_check, "confirm another database", Role.ADMIN)
check_can_confirm_copy = partial(_check, "let a copy of the control database run migrations", Role.ADMIN)
check_can_accept_drift = partial(_check, "accept a changed schema", Role.ADMIN)
check_can_set_up = partial(_check, "set Signalbox up", Role.ADMIN)
check_can_manage_people = partial(_check, "manage people", Role.ADMIN)
check_can_manage_tokens = partial(_check, "manage tokens", Role.ADMIN)


def check_scope(by: Actor, scope: Scope, environment: str = "") -> None:
    """That the token of a machine may do this, there. Who acts without one is held by role alone."""
    if by.token is None:
        return
    if scope not in by.token.scopes:
        raise ScopeMissing(token=by.token.name, needed=f"the scope {scope}")
    if environment:
        check_reaches(by, environment)


def check_reaches(by: Actor, environment: str) -> None:
    """That the token of a machine is for this environment, whatever it may do there."""
    if by.token is not None and environment not in by.token.environments:
        raise ScopeMissing(token=by.token.name, needed=f"the environment {environment}")


def check_reaches_source(by: Actor, source: Source) -> None:
    """That the token of a machine is for an environment that takes its files from there."""
    used_by = {each.slug for each in sources.environments_of(source)}
    if by.token is not None and used_by.isdisjoint(by.token.environments):
        raise ScopeMissing(token=by.token.name, needed=f"an environment that takes its files from {source.name}")


def check_can_start(by: Actor, action: Action) -> None:
    """What is written by a person's word is started by those who may give it, also where somebody has approved it."""
    if action.is_by_hand:
        check_can_skip(by)
    check_can_run(by)


def check_can_manage_person(by: Actor, person: User) -> None:
    """Only a superuser touches a superuser."""
    check_can_manage_people(by)
    if person.is_superuser and not by.person.is_superuser:
        raise PermissionRefused(what="change a superuser", needed="superuser")


def check_can_make_superusers(by: Actor) -> None:
    if not by.person.is_superuser:
        raise PermissionRefused(what="say who is a superuser", needed="superuser")


def check_can_decide(by: Actor, request: ChangeRequest) -> None:
    """Raises PermissionRefused, or OwnRequest for everyone who asked for it, superusers included."""
    _check("decide on requests", Role.APPROVER, by)
    if request.requested_by_id == by.person.pk:
        raise OwnRequest
    if request.token is not None and request.token.made_by_id == by.person.pk:
        raise OwnToken


def check_can_approve(
    by: Actor, request: ChangeRequest, environment: Environment, decisions: Iterable[Decision]
) -> None:
    """The policy may ask for a higher role, or for named people. Who has approved it counts once."""
    check_can_decide(by, request)
    _check(f"approve for {environment.name}", environment.approver_role, by)
    if environment.approvers and by.person.get_username() not in environment.approvers:
        raise NotNamed(environment=environment.name, names=", ".join(environment.approvers))
    if any(d.by_id == by.person.pk and d.verdict == Decision.Verdict.APPROVED for d in decisions):
        raise OwnDecision


def check_can_break_glass(by: Actor, environment: Environment) -> None:
    _check("break the glass", environment.break_glass_role, by)


def check_can_review(by: Actor, opening: BreakGlass) -> None:
    """Never for one's own."""
    _check("review it", Role.APPROVER, by)
    if opening.by_id == by.person.pk:
        raise OwnReview


def check_can_withdraw(by: Actor, request: ChangeRequest) -> None:
    if request.requested_by_id != by.person.pk:
        _check("withdraw the request of someone else", Role.ADMIN, by)


def check_can_cancel(by: Actor, run: Run) -> None:
    if run.started_by_id != by.person.pk:
        _check("cancel the run of someone else", Role.APPROVER, by)
