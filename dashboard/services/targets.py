"""What the engine needs to know of an environment, and a look at its target."""

from __future__ import annotations

from django.conf import settings

from dashboard.engine import executor
from dashboard.engine.planner import Policy, Target
from dashboard.engine.target import connection
from dashboard.engine.target.connection import Access, Address
from dashboard.models.environments import Environment


def address(environment: Environment) -> Address:
    return Address(
        environment=environment.slug, name=environment.name, variable=environment.variable, url=environment.url
    )


def policy(environment: Environment) -> Policy:
    return Policy(
        protected=environment.protected,
        lock_timeout_ms=environment.lock_timeout_ms,
        statement_timeout_ms=environment.statement_timeout_ms,
        deadline_s=environment.deadline_minutes * 60,
    )


def access(environment: Environment) -> Access:
    return Access(address=address(environment), policy=policy(environment), schema=settings.TRACKING_SCHEMA)


def look(environment: Environment, *, scripts: bool = False) -> Target:
    """Read the target now. Raises TargetUnreachable, TargetNotConfigured, TrackingTableUnusable."""
    return executor.look(access(environment), scripts=scripts)


def major(environment: Environment) -> int:
    """PostgreSQL's major version there. Raises TargetUnreachable, TargetNotConfigured."""
    with connection.reading(address(environment)) as opened:
        return opened.info.server_version // 10_000
