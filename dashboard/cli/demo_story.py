"""The history the demo opens with: the seed's three environments, told through the same services people use."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import Group, User

from dashboard.engine.database import connection, wire
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Plan
from dashboard.engine.sql import statements
from dashboard.models import environments
from dashboard.models.environments import Environment
from dashboard.models.roles import Role
from dashboard.services import actors, approvals, execution, forecasts, observations, plans, rehearsals, runs, targets
from dashboard.services.actors import Actor
from dashboard.services.forecasts import Confirmation


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    username: str
    password: str
    role: Role
    what: str


#: Known to everyone who reads this: the demo listens on the loopback address only.
ALICE = Person(
    username="alice", password="alice at the signalbox", role=Role.REQUESTER, what="asks for migrations (requester)"
)
BOB = Person(username="bob", password="bob at the signalbox", role=Role.ADMIN, what="approves them and manages (admin)")
CAROL = Person(
    username="carol", password="carol at the signalbox", role=Role.APPROVER, what="approves, asks too (approver)"
)
PEOPLE = (ALICE, BOB, CAROL)

#: What the application has written by the time of 008. Staging and development hold a project with two primaries,
#: so 011 fails there on real data.
DATA = """
INSERT INTO platform.users (email, full_name)
SELECT 'person' || n || '@example.com', 'Person ' || n FROM generate_series(1, 240) n;
INSERT INTO platform.organizations (name, slug)
SELECT 'Organization ' || n, 'organization-' || n FROM generate_series(1, 24) n;
INSERT INTO platform.projects (organization_id, name, ref)
SELECT id, 'Main', slug || '-main' FROM platform.organizations WHERE slug <> 'lancio';
INSERT INTO platform.organization_members (organization_id, user_id, role)
SELECT o.id, u.id, 'developer'
FROM (SELECT id, row_number() OVER (ORDER BY slug) AS n FROM platform.organizations) o
JOIN (SELECT id, row_number() OVER (ORDER BY email) AS n FROM platform.users) u ON u.n % 25 = o.n - 1;
INSERT INTO platform.databases (project_id, name, kind, host, port, is_primary)
SELECT id, 'main', 'postgres', 'postgres.railway.internal', 5432, true FROM platform.projects;
INSERT INTO platform.databases (project_id, name, kind, host, port, is_primary)
SELECT id, 'cache', 'redis', 'redis.railway.internal', 6379, ref = 'blackwhale' FROM platform.projects;
INSERT INTO platform.invoices (organization_id, amount_cents, paid_at)
SELECT id, 2500, now() - interval '20 days' FROM platform.organizations;
"""


#: 007_rollback.sql does not parse, and production asks for a way back.
NO_WAY_BACK = "The rollback of 007 is broken; its two functions are replaced by the next release, not removed."


def tell() -> None:
    """Each run is executed here and now: no worker is up yet, and the jobs left behind find nothing to do."""
    alice, bob, _ = (_person(person) for person in PEOPLE)
    development, staging, production = (environments.get(s) for s in ("development", "staging", "production"))
    for environment in (development, staging):
        _apply(environment, "008", by=alice)
        _fill(environment)
    _apply_with_approval(production, "008", by=alice, approver=bob, reason="The platform as it was before Signalbox")
    _fill(production)
    _apply(development, "010", by=alice)
    _roll_back(development, MigrationId("010", "invoice_due_dates"), by=alice)
    _apply(staging, "010", by=alice)
    _apply(staging, "011", by=alice)
    _ask(production, "010", by=alice, reason="Usage figures and due dates, for the invoices of December")
    observations.refresh_all()


def _person(person: Person) -> Actor:
    user = User.objects.create_user(person.username, password=person.password)
    user.groups.add(Group.objects.get(name=person.role.value))
    if person.role is Role.ADMIN:
        User.objects.filter(pk=user.pk).update(is_staff=True)
    return actors.person(user, source_ip="127.0.0.1")


def _apply(environment: Environment, upto: str, *, by: Actor) -> None:
    plan = plans.apply(environment, upto=upto)
    run = runs.start(plan, environment=environment, by=by, confirmation=_read_and_typed(plan, environment))
    execution.execute(run.pk)


def _read_and_typed(plan: Plan, environment: Environment) -> Confirmation:
    forecast = forecasts.of_plan(plan, environment)
    return Confirmation(forecast=forecast, typed=forecast.word)


def _roll_back(environment: Environment, downto: MigrationId, *, by: Actor) -> None:
    plan = plans.rollback(environment, downto=downto)
    plan = plan.saving(forecasts.of_plan(plan, environment).copies)
    accepted = [warning.key for warning in plan.warnings]
    execution.execute(runs.start(plan, environment=environment, by=by, accepted=accepted).pk)


def _apply_with_approval(environment: Environment, upto: str, *, by: Actor, approver: Actor, reason: str) -> None:
    plan = plans.apply(environment, upto=upto)
    request = approvals.open_request(
        plan, environment=environment, by=by, reason=reason, irreversible_because=NO_WAY_BACK
    )
    rehearsals.work()
    request = approvals.approve(request.pk, by=approver, digest=request.digest)
    word = _read_and_typed(plan, environment)
    run = runs.start_approved(request, by=by, typed_name=environment.slug, confirmation=word)
    execution.execute(run.pk)


def _ask(environment: Environment, upto: str, *, by: Actor, reason: str) -> None:
    approvals.open_request(plans.apply(environment, upto=upto), environment=environment, by=by, reason=reason)
    rehearsals.work()


def _fill(environment: Environment) -> None:
    """The application's own data; no migration, so no run."""
    with connection.working(targets.access_to_write(environment), name="signalbox demo") as opened:
        for statement in statements.split(DATA):
            wire.send(opened, statement.sql)
