"""What the engine needs to know of an environment, and a look at its target."""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings

from dashboard.engine.database import connection
from dashboard.engine.database.connection import Access, Address
from dashboard.engine.database.doctor import Check
from dashboard.engine.errors import EngineError
from dashboard.engine.migration import Folder
from dashboard.engine.plan import Plan, Target, TargetIdentity
from dashboard.local import targets as local
from dashboard.models import environments
from dashboard.models.environments import Environment
from dashboard.selectors import control, observations
from dashboard.selectors.observations import LastLook
from dashboard.services.errors import EnvironmentNotDeclared


def declared(slug: str) -> Environment:
    """Raises EnvironmentNotDeclared: rows outlive the declaration of their environment."""
    try:
        return environments.get(slug)
    except environments.UnknownEnvironment:
        raise EnvironmentNotDeclared(slug=slug) from None


def address(environment: Environment) -> Address:
    """How it is looked at."""
    return local.address(environment, serves_pages=settings.SERVES_PAGES)


def access(environment: Environment) -> Access:
    """To look at it."""
    return local.access(environment, environments.declaration(), serves_pages=settings.SERVES_PAGES)


def access_to_write(environment: Environment) -> Access:
    """To run something there; a web process need not have it."""
    to = replace(access(environment), address=local.address_to_write(environment))
    return replace(to, control=control.identity())


def checkup(environment: Environment, *, installation: str = "") -> tuple[Check, ...]:
    """What stands between here and a run, the unfit first. Needs no control database; who knows the identity of this
    installation is told of each other one, who does not of several. Raises TargetUnreachable, TargetNotConfigured."""
    to = replace(access(environment), control=control.identity_if_reachable())
    return local.checkup(environment, to, installation=installation)


def look(environment: Environment, *, scripts: bool = False) -> Target:
    """Read the target now. Raises what `history.read` does: OtherDatabase where it is not the database that the
    environment is bound to."""
    return read(environment, scripts=scripts, expected=observations.bound_to(environment))


def read(environment: Environment, *, scripts: bool = False, expected: TargetIdentity | None = None) -> Target:
    """Read the target now, and whatever database it is where none is expected. Needs no control database."""
    return local.read(environment, access(environment), scripts=scripts, expected=expected)


def read_or_error(environment: Environment, *, expected: TargetIdentity | None = None) -> Target | EngineError:
    """As `local.read_or_error`, of this environment."""
    return local.read_or_error(environment, access(environment), expected=expected)


def judged(environment: Environment, folder: Folder, target: Target | None = None) -> Folder:
    """As `local.judged`, by the server of this environment."""
    return local.judged(address(environment), folder, target)


def doubted(environment: Environment, plan: Plan, folder: Folder) -> Plan:
    """As `local.doubted`, by the catalog of this environment."""
    return local.doubted(address(environment), plan, folder)


def check_captured(environment: Environment, plan: Plan) -> None:
    """As `local.check_captured`, by the server of this environment."""
    local.check_captured(address(environment), plan)


def last_seen(environment: Environment, look: LastLook | None) -> Target | None:
    """The target as the last good look saw it; None without one."""
    if look is None or look.history is None or look.identity is None:
        return None
    return Target(
        environment=environment.slug,
        name=environment.name,
        identity=look.identity,
        policy=local.policy(environment),
        history=look.history,
        source=environment.source,
        dual_write=environment.dual_write,
    )


def major(environment: Environment) -> int:
    """PostgreSQL's major version there. Raises TargetUnreachable, TargetNotConfigured."""
    with connection.reading(address(environment)) as opened:
        return opened.info.server_version // 10_000
