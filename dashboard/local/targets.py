"""What the engine needs to know of an environment, and a look at its target. `serves_pages`: the web process takes the
URL of the role that only reads, where there is one."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace

from config.declaration import Declaration
from config.environments import Environment
from dashboard.engine import planner
from dashboard.engine.database import captured, connection, doctor, grammar, history, strings, tables
from dashboard.engine.database.connection import Access, Address
from dashboard.engine.database.doctor import Check, CheckLevel
from dashboard.engine.errors import EngineError, PlanBlocked, TargetNotRead
from dashboard.engine.files import script
from dashboard.engine.files.listing import Limits
from dashboard.engine.migration import Folder, Severity
from dashboard.engine.plan import Action, OutOfOrder, Plan, Policy, Target, TargetIdentity

logger = logging.getLogger(__name__)


def address(environment: Environment, *, serves_pages: bool = False) -> Address:
    """How it is looked at."""
    given = environment.read_url or environment.read_fault
    if given and (serves_pages or not environment.url):
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
    return replace(
        address_to_write(environment),
        variable=environment.read_variable,
        url=environment.read_url,
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


def access(environment: Environment, declaration: Declaration, *, serves_pages: bool = False) -> Access:
    """To look at it."""
    return Access(
        address=address(environment, serves_pages=serves_pages),
        policy=policy(environment),
        schema=declaration.tracking_schema,
        dual_write=environment.dual_write,
        history_table=declaration.source_of(environment).reading.history_table,
    )


def read(
    environment: Environment, to: Access, *, scripts: bool = False, expected: TargetIdentity | None = None
) -> Target:
    """Read the target now, and whatever database it is where none is expected."""
    return replace(history.read(to, scripts=scripts, expected=expected), source=environment.source)


def read_or_error(
    environment: Environment, to: Access, *, expected: TargetIdentity | None = None
) -> Target | EngineError:
    """As `read`, and never raises: for a look at several, where one must not hide the others."""
    try:
        return read(environment, to, expected=expected)
    except EngineError as error:
        return error
    except Exception as error:  # a look at one target ends no look at another, whatever it holds
        logger.exception("The look at %s failed", environment.slug)
        return TargetNotRead(environment=environment.name, reason=f"an unexpected {type(error).__name__}")


def checkup(environment: Environment, to: Access, *, installation: str = "") -> tuple[Check, ...]:
    """What stands between here and a run, the unfit first. Raises TargetUnreachable, TargetNotConfigured."""
    with connection.working(to, name="signalbox doctor") as opened, connection.cut_off_after(20, opened):
        checks = doctor.checkup(opened, to, installation=installation)
    checks = (*checks, *_check_of_order(environment))
    if not environment.read_url or to.address.only_reads:
        return checks
    return (*checks, _check_of_reader(environment, to))


def unfit_first(checks: Iterable[Check]) -> tuple[Check, ...]:
    return tuple(sorted(checks, key=lambda check: list(CheckLevel)[::-1].index(check.level)))


def _check_of_order(environment: Environment) -> Iterator[Check]:
    """Told where it is not as usual."""
    says = {
        OutOfOrder.REFUSE: "takes no migration out of order: a plan stops before one that comes late",
        OutOfOrder.ALLOW: "takes migrations out of order, and nobody has to accept it",
    }
    if finding := says.get(environment.out_of_order, ""):
        yield Check(code="out_of_order", level=CheckLevel.NOTE, finding=f"it {finding} (`out_of_order`).")


def _check_of_reader(environment: Environment, access: Access) -> Check:
    """That pages could not look there keeps no run from it."""
    to = replace(access, address=address_to_read(environment), control=None)
    try:
        with connection.working(to, name="signalbox doctor") as opened, connection.cut_off_after(20, opened):
            return doctor.reading(opened, to)
    except EngineError as error:
        finding = f"pages cannot read it with {environment.read_variable}: {error}"
        return Check(code="reader", level=CheckLevel.WARNING, finding=finding, remedy=error.remedy)


def judged(to: Address, folder: Folder, target: Target | None = None) -> Folder:
    """The folder, with what the server there says of the grammar and the strings of its files: of those that are
    pending on `target`, or of all. Raises TargetUnreachable, TargetNotConfigured."""
    settled = {row.identity for row in target.history.rows if row.success} if target else set()
    wanted = {migration.identity for migration in folder.migrations} - settled
    if not wanted:
        return folder
    with connection.as_given(to) as opened:
        folder = strings.judged(opened, folder, wanted, name=to.name)
        return grammar.judged(opened, folder, wanted, name=to.name)


def doubted(to: Address, plan: Plan, folder: Folder) -> Plan:
    """The plan, with a warning where tables and views are not there that the files make which it records as applied.
    Reads the catalog. Raises TargetUnreachable, TargetNotConfigured."""
    relations = planner.relations_of(plan, folder)
    with connection.reading(to) as opened:
        absent = tables.absent(opened, {name for names in relations.values() for name in names})
    return planner.doubted(
        plan, {each: gone for each, names in relations.items() if (gone := [n for n in names if n in absent])}
    )


def check_captured(to: Address, plan: Plan) -> None:
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
        with connection.as_given(to) as opened:
            captured.check(opened, plan, name=to.name)
