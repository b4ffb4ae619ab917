"""What the engine needs to know of an environment, and a look at its target."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

from django.conf import settings

from dashboard.engine import planner
from dashboard.engine.database import captured, connection, doctor, grammar, history, strings, tables
from dashboard.engine.database.connection import Access, Address
from dashboard.engine.database.doctor import Check, CheckLevel
from dashboard.engine.errors import EngineError, PlanBlocked, TargetNotRead
from dashboard.engine.files import script
from dashboard.engine.files.listing import Limits
from dashboard.engine.migration import Folder, Severity
from dashboard.engine.plan import Action, OutOfOrder, Plan, Policy, Target, TargetIdentity
from dashboard.models import environments, sources
from dashboard.models.environments import Environment
from dashboard.selectors import control, observations
from dashboard.selectors.observations import LastLook
from dashboard.services.errors import EnvironmentNotDeclared

logger = logging.getLogger(__name__)


def declared(slug: str) -> Environment:
    """Raises EnvironmentNotDeclared: rows outlive the declaration of their environment."""
    try:
        return environments.get(slug)
    except environments.UnknownEnvironment:
        raise EnvironmentNotDeclared(slug=slug) from None


def address(environment: Environment) -> Address:
    """How it is looked at. The web process takes the URL of the role that only reads, where there is one."""
    given = environment.read_url or environment.read_fault
    if given and (settings.SERVES_PAGES or not environment.url):
        return address_to_read(environment)
    return address_to_write(environment)


def address_to_write(environment: Environment) -> Address:
    return Address(
        environment=environment.slug,
        name=environment.name,
        variable=environment.variable,
        url=environment.url,
        transport=environment.transport,
        refused=environment.fault,
    )


def address_to_read(environment: Environment) -> Address:
    return Address(
        environment=environment.slug,
        name=environment.name,
        variable=environment.read_variable,
        url=environment.read_url,
        transport=environment.transport,
        refused=environment.read_fault,
        only_reads=True,
    )


def policy(environment: Environment) -> Policy:
    return Policy(
        protected=environment.protected,
        lock_timeout_ms=environment.lock_timeout_ms,
        statement_timeout_ms=environment.statement_timeout_ms,
        deadline_s=environment.deadline_minutes * 60,
        out_of_order=environment.out_of_order,
    )


def access(environment: Environment) -> Access:
    """To look at it."""
    return Access(
        address=address(environment),
        policy=policy(environment),
        schema=settings.TRACKING_SCHEMA,
        dual_write=environment.dual_write,
        history_table=sources.of(environment).reading.history_table,
    )


def access_to_write(environment: Environment) -> Access:
    """To run something there; a web process need not have it."""
    to = replace(access(environment), address=address_to_write(environment))
    return replace(to, control=control.identity())


def checkup(environment: Environment, *, installation: str = "") -> tuple[Check, ...]:
    """What stands between here and a run, the unfit first. Needs no control database; who knows the identity of this
    installation is told of each other one, who does not of several. Raises TargetUnreachable, TargetNotConfigured."""
    to = replace(access(environment), control=control.identity_if_reachable())
    with connection.working(to, name="signalbox doctor") as opened, connection.cut_off_after(20, opened):
        checks = doctor.checkup(opened, to, installation=installation)
    checks = (*checks, *_check_of_order(environment))
    if not environment.read_url or to.address.only_reads:
        return checks
    return (*checks, _check_of_reader(environment))


def _check_of_order(environment: Environment) -> Iterator[Check]:
    """Told where it is not as usual."""
    says = {
        OutOfOrder.REFUSE: "takes no migration out of order: a plan stops before one that comes late",
        OutOfOrder.ALLOW: "takes migrations out of order, and nobody has to accept it",
    }
    if finding := says.get(environment.out_of_order, ""):
        yield Check(code="out_of_order", level=CheckLevel.NOTE, finding=f"it {finding} (`out_of_order`).")


def _check_of_reader(environment: Environment) -> Check:
    """That pages could not look there keeps no run from it."""
    to = replace(access(environment), address=address_to_read(environment))
    try:
        with connection.working(to, name="signalbox doctor") as opened, connection.cut_off_after(20, opened):
            return doctor.reading(opened, to)
    except EngineError as error:
        finding = f"pages cannot read it with {environment.read_variable}: {error}"
        return Check(code="reader", level=CheckLevel.WARNING, finding=finding, remedy=error.remedy)


def look(environment: Environment, *, scripts: bool = False) -> Target:
    """Read the target now. Raises what `history.read` does: OtherDatabase where it is not the database that the
    environment is bound to."""
    return read(environment, scripts=scripts, expected=observations.bound_to(environment))


def read(environment: Environment, *, scripts: bool = False, expected: TargetIdentity | None = None) -> Target:
    """Read the target now, and whatever database it is where none is expected. Needs no control database."""
    target = history.read(access(environment), scripts=scripts, expected=expected)
    return replace(target, source=environment.source)


def read_or_error(environment: Environment, *, expected: TargetIdentity | None = None) -> Target | EngineError:
    """As `read`, and never raises: for a look at several, where one must not hide the others."""
    try:
        return read(environment, expected=expected)
    except EngineError as error:
        return error
    except Exception as error:  # a look at one target ends no look at another, whatever it holds
        logger.exception("The look at %s failed", environment.slug)
        return TargetNotRead(environment=environment.name, reason=f"an unexpected {type(error).__name__}")


def judged(environment: Environment, folder: Folder, target: Target | None = None) -> Folder:
    """The folder, with what the server there says of the grammar and the strings of its files: of those that are
    pending on `target`, or of all. Raises TargetUnreachable, TargetNotConfigured."""
    settled = {row.identity for row in target.history.rows if row.success} if target else set()
    wanted = {migration.identity for migration in folder.migrations} - settled
    if not wanted:
        return folder
    with connection.as_given(address(environment)) as opened:
        folder = strings.judged(opened, folder, wanted, name=environment.name)
        return grammar.judged(opened, folder, wanted, name=environment.name)


def doubted(environment: Environment, plan: Plan, folder: Folder) -> Plan:
    """The plan, with a warning where tables and views are not there that the files make which it records as applied.
    Reads the catalog. Raises TargetUnreachable, TargetNotConfigured."""
    relations = planner.relations_of(plan, folder)
    with connection.reading(address(environment)) as opened:
        absent = tables.absent(opened, {name for names in relations.values() for name in names})
    return planner.doubted(
        plan, {each: gone for each, names in relations.items() if (gone := [n for n in names if n in absent])}
    )


def check_captured(environment: Environment, plan: Plan) -> None:
    """The rollbacks that a plan takes out of the history are read as files are. Raises PlanBlocked, TargetUnreachable,
    TargetNotConfigured."""
    steps = [step for step in plan.steps if step.action is Action.ROLLBACK]
    for step in steps:
        reading = script.read(f"{step.label} (captured rollback)", step.sql.encode(), Limits())
        for problem in reading.problems:
            if problem.severity is Severity.ERROR:
                reason = f"the rollback that was captured with it cannot run. {problem.sentence}"
                raise PlanBlocked(version=step.label, reason=reason, remedy=captured.REMEDY)
    if steps:
        with connection.as_given(address(environment)) as opened:
            captured.check(opened, plan, name=environment.name)


def last_seen(environment: Environment, look: LastLook | None) -> Target | None:
    """The target as the last good look saw it; None without one."""
    if look is None or look.history is None or look.identity is None:
        return None
    return Target(
        environment=environment.slug,
        name=environment.name,
        identity=look.identity,
        policy=policy(environment),
        history=look.history,
        source=environment.source,
        dual_write=environment.dual_write,
    )


def major(environment: Environment) -> int:
    """PostgreSQL's major version there. Raises TargetUnreachable, TargetNotConfigured."""
    with connection.reading(address(environment)) as opened:
        return opened.info.server_version // 10_000
