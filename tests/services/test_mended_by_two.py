"""Mending the history of a protected environment: one person asks, a second approves, and exactly those rows are
written; what changed in between is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from dashboard.engine.errors import EngineError
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Action, Plan
from dashboard.models import AuditEvent, ChangeRequest, Run
from dashboard.services import approvals, audit, plans, repairs
from dashboard.services.actors import Actor
from dashboard.services.errors import OwnRequest, PermissionRefused, ReasonMissing, Refused
from tests.fix_project import Project
from tests.services.workflow import approve, approved_request, execute, start_on_production

pytestmark = pytest.mark.django_db(transaction=True)

USERS, ORDERS = MigrationId("001", "users"), MigrationId("002", "orders")
BOTH = (USERS, ORDERS)
FILES = {"_001_users": "CREATE TABLE users (id int);", "_002_orders": "CREATE TABLE orders (id int);"}
COMMENTED = {name: f"-- Said better\n{sql}" for name, sql in FILES.items()}
CHANGED = {name: sql.replace("int", "bigint") for name, sql in FILES.items()}
EDITED_SINCE = {"_002_orders": "CREATE TABLE orders (id text);"}
WHY = "Ada ran them with psql"

type Prepare = Callable[["Mending"], None]


@dataclass(frozen=True, kw_only=True)
class Mending:
    """A project, its administrator, and whoever approves."""

    project: Project
    carol: Actor
    bob: Actor

    def ask(self, plan: Plan) -> ChangeRequest:
        accepted = [warning.key for warning in plan.warnings if warning.needs_acceptance]
        environment = self.project.production
        return approvals.open_request(plan, environment=environment, by=self.carol, reason=WHY, accepted=accepted)

    def run(self, request: ChangeRequest) -> Run:
        return execute(start_on_production(request, self.carol))

    def change(self, sql: str) -> None:
        self.project.query(self.project.production, sql)

    @property
    def rows(self) -> list[tuple[object, ...]]:
        sql = "SELECT version, kind, checksum, rollback_script FROM platform.schema_migrations ORDER BY version"
        is_there = "SELECT pg_catalog.to_regclass('platform.schema_migrations') IS NOT NULL"
        ((known,),) = self.project.query(self.project.production, is_there)
        return self.project.query(self.project.production, sql) if known else []


def nothing_ran(mending: Mending) -> None:
    """A database that nobody has touched."""


def both_applied(mending: Mending) -> None:
    assert mending.run(approved_request(mending.project, mending.carol, mending.bob)).status == Run.Status.SUCCEEDED


def both_skipped(mending: Mending) -> None:
    request = approve(mending.ask(plans.skip(mending.project.production, BOTH, reason=WHY)), mending.bob)
    assert mending.run(request).status == Run.Status.SUCCEEDED


def applied_then(files: Mapping[str, str]) -> Prepare:
    def prepare(mending: Mending) -> None:
        both_applied(mending)
        mending.project.write(**files)

    return prepare


def applied_and_forgotten(mending: Mending) -> None:
    both_applied(mending)
    mending.change("DELETE FROM platform.schema_migrations")


@dataclass(frozen=True, kw_only=True)
class Case:
    """`kinds` are those of the rows afterwards."""

    prepare: Prepare
    kinds: tuple[str, ...]
    reads_files: bool = True


CASES: Mapping[Action, Case] = {
    Action.SKIP: Case(prepare=nothing_ran, kinds=("skipped", "skipped")),
    Action.UNSKIP: Case(prepare=both_skipped, kinds=(), reads_files=False),
    Action.MARK_APPLIED: Case(prepare=nothing_ran, kinds=("applied", "applied")),
    Action.BASELINE: Case(prepare=nothing_ran, kinds=("baseline", "baseline")),
    Action.ACCEPT: Case(prepare=applied_then(COMMENTED), kinds=("applied", "applied")),
    Action.ACCEPT_CHANGE: Case(prepare=applied_then(CHANGED), kinds=("applied", "applied")),
    Action.RESTORE_RECORD: Case(prepare=applied_and_forgotten, kinds=("applied", "applied")),
}
each_action = pytest.mark.parametrize("action", CASES, ids=str)


@pytest.fixture
def mending(project: Project, carol: Actor, bob: Actor) -> Mending:
    project.write(**FILES, _001_rollback="DROP TABLE users;")
    return Mending(project=project, carol=carol, bob=bob)


def plan_of(mending: Mending, action: Action) -> Plan:
    """For both migrations."""
    environment = mending.project.production
    if action is Action.RESTORE_RECORD:
        return plans.restore_record(environment, BOTH, reason=WHY)
    return repairs.plan(environment, action, BOTH, upto=ORDERS.version, reason=WHY)


def test_every_action_that_is_offered_is_asked_here() -> None:
    assert CASES.keys() - {Action.RESTORE_RECORD} == repairs.OFFERED.keys()


@each_action
def test_two_people_write_exactly_these_rows_and_the_audit_log_names_both(mending: Mending, action: Action) -> None:
    CASES[action].prepare(mending)
    plan = plan_of(mending, action)
    request = approve(mending.ask(plan), mending.bob)
    run = mending.run(request)
    assert (run.status, run.action, run.digest) == (Run.Status.SUCCEEDED, action, plan.digest)
    assert tuple(row[1] for row in mending.rows) == CASES[action].kinds
    events = AuditEvent.objects.filter(request_id=request.pk).order_by("id")
    said = {event.kind: event.actor for event in events}
    assert said[audit.Event.REQUEST_OPENED] == "carol"
    assert said[audit.Event.REQUEST_APPROVED] == "bob"
    assert said[audit.Event.RUN_QUEUED] == "carol"
    request.refresh_from_db()
    assert request.status == ChangeRequest.Status.DONE


@each_action
def test_nobody_approves_what_they_asked_for(mending: Mending, action: Action) -> None:
    CASES[action].prepare(mending)
    request, before = mending.ask(plan_of(mending, action)), mending.rows
    with pytest.raises(OwnRequest):
        approve(request, mending.carol)
    with pytest.raises(Refused):
        start_on_production(request, mending.carol)
    assert mending.rows == before


@each_action
def test_a_row_that_changed_since_the_approval_is_written_over_by_nobody(mending: Mending, action: Action) -> None:
    CASES[action].prepare(mending)
    request = approve(mending.ask(plan_of(mending, action)), mending.bob)
    if not mending.rows:
        both_skipped(mending)
    else:
        mending.change("UPDATE platform.schema_migrations SET kind = 'baseline' WHERE version = '002'")
    assert_refused(mending, request)


@pytest.mark.parametrize("action", [action for action, case in CASES.items() if case.reads_files], ids=str)
def test_a_file_that_changed_since_the_approval_voids_it(mending: Mending, action: Action) -> None:
    CASES[action].prepare(mending)
    request = approve(mending.ask(plan_of(mending, action)), mending.bob)
    mending.project.write(**EDITED_SINCE)
    assert_refused(mending, request)


def assert_refused(mending: Mending, request: ChangeRequest) -> None:
    """By the service, or by the executor under the lock; the history is as it was."""
    before = mending.rows
    try:
        run = mending.run(request)
    except EngineError:
        assert Run.objects.latest("id").action != request.action or not Run.objects.exists()
    else:
        assert run.status == Run.Status.FAILED
    assert mending.rows == before


@pytest.mark.parametrize("action", [action for action in CASES if action is not Action.ACCEPT], ids=str)
def test_without_a_reason_there_is_no_plan(mending: Mending, action: Action) -> None:
    CASES[action].prepare(mending)
    with pytest.raises(ReasonMissing):
        blank_plan(mending, action)


def blank_plan(mending: Mending, action: Action) -> Plan:
    environment = mending.project.production
    if action is Action.RESTORE_RECORD:
        return plans.restore_record(environment, BOTH, reason=" ")
    return repairs.plan(environment, action, BOTH, upto=ORDERS.version, reason=" ")


@pytest.mark.parametrize("action", [action for action in CASES if action is not Action.ACCEPT], ids=str)
def test_whoever_may_ask_for_migrations_may_not_write_the_history(
    mending: Mending, alice: Actor, action: Action
) -> None:
    CASES[action].prepare(mending)
    before = ChangeRequest.objects.count()
    with pytest.raises(PermissionRefused):
        approvals.open_request(plan_of(mending, action), environment=mending.project.production, by=alice, reason=WHY)
    assert ChangeRequest.objects.count() == before
