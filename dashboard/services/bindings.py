"""Which database an environment is: that of the last good look, until an administrator confirms another one.

A URL that was swapped, or a copy that was restored behind the right name, is told by the server's own identity.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from django.db import transaction

from dashboard.engine.errors import NothingToDo
from dashboard.engine.plan import Plan, Target, TargetIdentity
from dashboard.models import ChangeRequest, Run, environments
from dashboard.models.environments import Environment
from dashboard.selectors import observations
from dashboard.selectors.observations import LastLook
from dashboard.services import approvals, audit, permissions, policies, queue, targets
from dashboard.services import observations as looks
from dashboard.services.actors import Actor
from dashboard.services.errors import AlreadyDecided, DatabaseOutdated

#: An interrupted run may wait for a database that is gone; only another one can end it.
WAITS = frozenset({Run.Status.INTERRUPTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebinding:
    """The database that an environment is bound to, and the other one its URL leads to now."""

    bound: TargetIdentity
    last: LastLook  # at the bound one
    current: Target
    known_as: tuple[str, ...]  # names of other environments that are bound to what was found

    @property
    def mark(self) -> str:
        """Changes with the database that was found."""
        return hashlib.sha256(repr(self.current.identity).encode()).hexdigest()


def change(environment: Environment) -> Rebinding:
    """Read from the target now. Raises NothingToDo where it is the database that the environment is bound to."""
    policies.check_is_free(environment, apart_from=WAITS)
    target = targets.read(environment)
    bound, last = observations.bound_to(environment), observations.looks([environment]).get(environment.slug)
    if bound is None or last is None or bound == target.identity:
        raise NothingToDo(environment=environment.name, reason="its URL leads to the database that it is bound to")
    known_as = tuple(_bound_to(target.identity, except_for=environment))
    return Rebinding(bound=bound, last=last, current=target, known_as=known_as)


def check_shown(change: Rebinding, mark: str, environment: Environment) -> None:
    """The database must be the one that was on the page. Raises DatabaseOutdated."""
    if change.mark != mark:
        raise DatabaseOutdated(environment=environment.name)


def rebind(change: Rebinding, *, environment: Environment, by: Actor, reason: str, typed_name: str = "") -> None:
    """Bind the environment to the database that was found. Requests made for another one are closed."""
    permissions.check_can_rebind(by)
    policies.check_name_typed(environment, typed_name)
    reason = policies.check_reason(reason, "confirm another database")
    with transaction.atomic():
        policies.check_is_free(environment, apart_from=WAITS)
        if not looks.rebind(environment, change.current, before=change.bound):
            raise AlreadyDecided(subject=f"The database of {environment.name}", status="confirmed")
        audit.record(
            audit.Event.ENVIRONMENT_REBOUND,
            by=by,
            environment=environment.slug,
            before=asdict(change.bound),
            now=asdict(change.current.identity),
            reason=reason,
        )
        _close_requests(environment, change)
        _send_interrupted_there(environment, change, by)


def was_rebound(run: Run) -> bool:
    """Whether an administrator has bound the environment to another database since the run was interrupted."""
    return "rebound_to" in (run.failure or {})


def to_resolve(run: Run) -> Plan:
    """The plan of an interrupted run, for the database in which its end is to be found: its own, unless an
    administrator has bound the environment to another one since."""
    plan = run.plan
    rebound = (run.failure or {}).get("rebound_to")
    return replace(plan, identity=TargetIdentity(**rebound)) if rebound else plan


def _bound_to(identity: TargetIdentity, *, except_for: Environment) -> Iterable[str]:
    declared = environments.all_environments()
    bound = observations.bindings(declared)
    return (e.name for e in declared if e.slug != except_for.slug and bound.get(e.slug) == identity)


def _close_requests(environment: Environment, change: Rebinding) -> None:
    """Those whose run is under way are left to it."""
    live = ChangeRequest.objects.filter(
        environment=environment.slug, status__in=[ChangeRequest.Status.OPEN, ChangeRequest.Status.APPROVED]
    )
    made_for_another = live.exclude(frozen_plan__identity=asdict(change.current.identity))
    for request in made_for_another.exclude(runs__status__in=Run.ACTIVE).select_for_update(of=("self",)):
        approvals.supersede(request, f"{environment.name} was bound to another database: {_words(change)}.")


def _send_interrupted_there(environment: Environment, change: Rebinding, by: Actor) -> None:
    for run in Run.objects.filter(environment=environment.slug, status=Run.Status.INTERRUPTED):
        reported = (run.failure or {}).get("sentence", "")
        sentence = f"{reported} {by.name} then confirmed another database: what is said here is about that one.".strip()
        run.failure = {**(run.failure or {}), "sentence": sentence, "rebound_to": asdict(change.current.identity)}
        run.save(update_fields=["failure"])
        queue.recover_run(run.pk)


def _words(change: Rebinding) -> str:
    return f"its URL {change.bound.change_to(change.current.identity)}"
