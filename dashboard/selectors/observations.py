"""The last look at each target, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboard.engine import planner
from dashboard.engine.errors import OtherDatabase, TargetUnreachable
from dashboard.engine.migration import History
from dashboard.engine.plan import NO_REACH, RollbackReach, TargetIdentity
from dashboard.models import Observation
from dashboard.models.environments import Environment
from dashboard.models.failures import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class LastLook:
    """`history` and `identity` are of the last good look, at `seen_at`; `failure` is of the last one, at `tried_at`."""

    tried_at: datetime
    seen_at: datetime | None
    history: History | None
    identity: TargetIdentity | None
    failure: Failure | None

    @property
    def ok(self) -> bool:
        return self.failure is None

    @property
    def rollback_reach(self) -> RollbackReach:
        """How far a rollback went when it was last seen well. Who asks for one has the target read again."""
        return planner.rollback_reach(self.history) if self.history else NO_REACH

    @property
    def unreachable(self) -> bool:
        """Nothing answered; other failures are about what was answered."""
        return self.failure is not None and self.failure.code == TargetUnreachable.code

    @property
    def other_database(self) -> bool:
        """The URL leads elsewhere than it did, and no administrator has confirmed that."""
        return self.failure is not None and self.failure.code == OtherDatabase.code


def looks(environments: Sequence[Environment]) -> Mapping[str, LastLook]:
    """By slug; an environment nobody ever looked at is not in it."""
    rows = Observation.objects.filter(environment__in=[e.slug for e in environments])
    by_environment = {row.environment: _look(row) for row in rows}
    return {slug: look for slug, look in by_environment.items() if look.history or look.failure}


def look_since(environment: Environment, moment: datetime) -> LastLook | None:
    """The last good look, if it was not before that moment."""
    row = Observation.objects.filter(pk=environment.slug, seen_at__gte=moment).first()
    return _look(row) if row else None


def bound_to(environment: Environment) -> TargetIdentity | None:
    """Which database the environment is: that of the last good look. None before the first."""
    return bindings([environment]).get(environment.slug)


def bindings(environments: Sequence[Environment]) -> Mapping[str, TargetIdentity]:
    """By slug; an environment nobody ever looked at is not in it."""
    rows = Observation.objects.filter(environment__in=[e.slug for e in environments])
    by_environment = {row.environment: identity_in(row) for row in rows}
    return {slug: identity for slug, identity in by_environment.items() if identity}


def leads_elsewhere(environment: Environment) -> bool:
    """The last look found another database than the one the environment is bound to."""
    return Observation.objects.filter(pk=environment.slug, failure__code=OtherDatabase.code).exists()


def identity_in(row: Observation) -> TargetIdentity | None:
    """None before the first good look, and where an earlier release kept it in another shape."""
    try:
        return TargetIdentity(**(row.identity or {}))
    except TypeError:
        return None


def last_seen(row: Observation) -> tuple[History, TargetIdentity] | None:
    """What the last good look saw; None before the first, and where an earlier release kept it in another shape."""
    try:
        return History.from_dict(row.history or {}), TargetIdentity(**(row.identity or {}))
    except (KeyError, TypeError, ValueError):
        return None


def _look(row: Observation) -> LastLook:
    history, identity = last_seen(row) or (None, None)
    return LastLook(
        tried_at=row.tried_at,
        seen_at=row.seen_at if history else None,
        history=history,
        identity=identity,
        failure=Failure.from_dict(row.failure) if row.failure else None,
    )
