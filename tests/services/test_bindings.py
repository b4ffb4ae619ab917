"""Another database behind the right name: nothing is read there or run until an administrator confirms it."""

from __future__ import annotations

import pytest

from config.environments import Environment
from dashboard.engine.errors import NothingToDo, OtherDatabase
from dashboard.engine.migration import MigrationId
from dashboard.engine.run.faultpoints import InjectedFault
from dashboard.models import AuditEvent, ChangeRequest, Observation, Run
from dashboard.selectors import observations as seen
from dashboard.services import approvals, bindings, execution, observations, plans, runs, targets
from dashboard.services.actors import Actor
from dashboard.services.errors import (
    AlreadyDecided,
    DatabaseNotConfirmed,
    EnvironmentOccupied,
    NameNotTyped,
    PermissionRefused,
    ReasonMissing,
)
from tests.fix_postgres import Database, MakeDatabase
from tests.fix_project import CopyOf, PointAt, Project
from tests.services.workflow import (
    approve,
    approved_request,
    execute,
    open_request,
    run_on_staging,
    start_on_production,
)

pytestmark = pytest.mark.django_db(transaction=True)

WHY = "The old server was lost, this is last night's backup"


def rebind(environment: Environment, by: Actor, **given: str) -> None:
    answers = {"reason": WHY, "typed_name": environment.slug, **given}
    bindings.rebind(bindings.change(environment), environment=environment, by=by, **answers)


def users_in(database: Database) -> bool:
    return database.query("SELECT to_regclass('public.users') IS NOT NULL") == [(True,)]


# Told


def test_two_swapped_urls_stop_both_environments(two_files: Project, alice: Actor, point_at: PointAt) -> None:
    run_on_staging(two_files, alice)
    observations.refresh_all()
    kept = dict(Observation.objects.values_list("environment", "history"))
    staging, production = two_files.staging, two_files.production
    point_at(staging, two_files.databases["production"])
    point_at(production, two_files.databases["staging"])
    observations.refresh_all()
    for row in Observation.objects.all():
        assert (row.ok, row.failure["code"], row.history) == (False, "other_database", kept[row.environment])
    before, now = (two_files.databases[slug].name for slug in ("production", "staging"))
    sentence = f"URL_OF_PRODUCTION led to {before} and now leads to {now}, on the same server."
    assert sentence in Observation.objects.get(pk="production").failure["sentence"]


def test_a_copy_of_the_database_is_another_one_with_the_same_history(
    two_files: Project, alice: Actor, point_at: PointAt, copy_of: CopyOf
) -> None:
    run_on_staging(two_files, alice)
    copied = point_at(two_files.staging, copy_of(two_files.staging))
    assert targets.read(copied).history == targets.read(two_files.staging).history
    with pytest.raises(OtherDatabase):
        plans.rollback(copied, downto=MigrationId("001", "users"))
    assert not observations.refresh(copied).ok


def test_a_database_that_was_made_anew_under_the_same_name_is_told(
    project: Project, make_database: MakeDatabase, point_at: PointAt
) -> None:
    first = make_database()
    environment = point_at(project.staging, first)
    observations.refresh(environment)
    project.databases["staging"].query(f"DROP DATABASE {first.name}")
    project.databases["staging"].query(f"CREATE DATABASE {first.name}")
    with pytest.raises(OtherDatabase, match=f"now leads to another database called {first.name}, on the same server"):
        targets.look(environment)


def test_a_renamed_database_is_called_the_same_one(
    project: Project, make_database: MakeDatabase, point_at: PointAt
) -> None:
    first = make_database()
    observations.refresh(point_at(project.staging, first))
    project.databases["staging"].query(f"ALTER DATABASE {first.name} RENAME TO renamed")
    renamed = Database(name="renamed", url=first.url.replace(first.name, "renamed"))
    try:
        with pytest.raises(OtherDatabase, match="renamed, which is the same one renamed"):
            targets.look(point_at(project.staging, renamed))
    finally:
        project.databases["staging"].query(f"ALTER DATABASE renamed RENAME TO {first.name}")


def test_a_url_that_was_put_back_needs_no_word(two_files: Project, point_at: PointAt, copy_of: CopyOf) -> None:
    observations.refresh(two_files.staging)
    observations.refresh(point_at(two_files.staging, copy_of(two_files.staging)))
    back = point_at(two_files.staging, two_files.databases["staging"])
    assert observations.refresh(back).ok
    assert plans.apply(back)


def test_the_first_look_binds(project: Project, copy_of: CopyOf, point_at: PointAt) -> None:
    assert seen.bound_to(project.staging) is None
    observations.refresh(project.staging)
    assert seen.bound_to(project.staging) == targets.read(project.staging).identity


# Refused


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_nothing_is_planned_for_another_database(
    two_files: Project, point_at: PointAt, copy_of: CopyOf, environment: str
) -> None:
    observations.refresh_all()
    there = two_files.staging if environment == "staging" else two_files.production
    elsewhere = point_at(there, copy_of(there))
    for plan in (plans.apply, lambda e: plans.skip(e, [MigrationId("001", "users")], reason="no")):
        with pytest.raises(OtherDatabase):
            plan(elsewhere)


def test_an_approved_request_starts_no_run_against_another_database(
    two_files: Project, alice: Actor, bob: Actor, point_at: PointAt, copy_of: CopyOf
) -> None:
    observations.refresh_all()
    approved = approved_request(two_files, alice, bob)
    observations.refresh(point_at(two_files.production, copy_of(two_files.production)))
    with pytest.raises(DatabaseNotConfirmed):
        start_on_production(approved, alice)
    assert Run.objects.count() == 0


def test_a_queued_run_is_refused_under_the_lock(
    two_files: Project, alice: Actor, point_at: PointAt, copy_of: CopyOf
) -> None:
    observations.refresh_all()
    run = runs.start(plans.apply(two_files.staging), environment=two_files.staging, by=alice)
    copied = copy_of(two_files.staging)
    point_at(two_files.staging, copied)
    execute(run)
    assert (run.status, run.failure["code"]) == (Run.Status.FAILED, "plan_changed")
    assert not users_in(copied)
    assert not users_in(two_files.databases["staging"])


@pytest.mark.parametrize("kind", ["copy", "empty"])
def test_a_lost_run_is_not_judged_by_another_database(
    two_files: Project,
    alice: Actor,
    point_at: PointAt,
    copy_of: CopyOf,
    make_database: MakeDatabase,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    run = lose_a_run(two_files, alice, monkeypatch)
    other = copy_of(two_files.staging) if kind == "copy" else make_database()
    point_at(two_files.staging, other)
    execution.recover(run.pk)
    run.refresh_from_db()
    assert run.status == Run.Status.INTERRUPTED
    point_at(two_files.staging, two_files.databases["staging"])
    execution.recover(run.pk)
    run.refresh_from_db()
    assert (run.status, [s.status for s in run.steps.all()]) == (Run.Status.RESOLVED, ["committed", "not_run"])


# Confirmed


def test_an_administrator_binds_the_environment_to_it(
    two_files: Project, carol: Actor, point_at: PointAt, copy_of: CopyOf
) -> None:
    observations.refresh_all()
    before = targets.read(two_files.production).identity
    elsewhere = point_at(two_files.production, copy_of(two_files.production))
    observations.refresh(elsewhere)
    rebind(elsewhere, carol)
    now = targets.read(elsewhere).identity
    assert seen.bound_to(elsewhere) == now != before
    assert Observation.objects.get(pk="production").ok
    assert plans.apply(elsewhere).identity == now
    event = AuditEvent.objects.get(kind="environment.rebound")
    assert (event.actor, event.environment, event.data["reason"]) == ("carol", "production", WHY)
    assert (event.data["before"]["database"], event.data["now"]["database"]) == (before.database, now.database)


def test_requests_made_for_the_old_one_are_closed(
    two_files: Project, alice: Actor, bob: Actor, carol: Actor, point_at: PointAt, copy_of: CopyOf
) -> None:
    observations.refresh_all()
    open_one, approved = open_request(two_files, alice), open_request(two_files, alice)
    approve(approved, bob)
    elsewhere = point_at(two_files.production, copy_of(two_files.production))
    rebind(elsewhere, carol)
    for request in (open_one, approved):
        request.refresh_from_db()
        assert request.status == ChangeRequest.Status.SUPERSEDED
        assert "Production was bound to another database: its URL led to" in request.closed_because
    assert approvals.open_request(plans.apply(elsewhere), environment=elsewhere, by=alice).status == "open"


def test_requests_of_other_environments_and_for_the_new_one_stay(
    two_files: Project, alice: Actor, carol: Actor, point_at: PointAt, copy_of: CopyOf
) -> None:
    observations.refresh_all()
    request = open_request(two_files, alice)
    rebind(point_at(two_files.staging, copy_of(two_files.staging)), carol)
    request.refresh_from_db()
    assert request.status == ChangeRequest.Status.OPEN


@pytest.mark.parametrize("role", ["vera", "alice", "bob"])
def test_only_an_administrator_confirms(
    two_files: Project, point_at: PointAt, copy_of: CopyOf, request: pytest.FixtureRequest, role: str
) -> None:
    by: Actor = request.getfixturevalue(role)
    observations.refresh_all()
    elsewhere = point_at(two_files.staging, copy_of(two_files.staging))
    with pytest.raises(PermissionRefused):
        rebind(elsewhere, by)
    assert seen.bound_to(elsewhere) == targets.read(two_files.staging).identity


def test_it_wants_a_reason_and_the_name_of_a_protected_environment(
    two_files: Project, carol: Actor, point_at: PointAt, copy_of: CopyOf
) -> None:
    observations.refresh_all()
    elsewhere = point_at(two_files.production, copy_of(two_files.production))
    with pytest.raises(ReasonMissing):
        rebind(elsewhere, carol, reason=" ")
    with pytest.raises(NameNotTyped):
        rebind(elsewhere, carol, typed_name="staging")
    assert not AuditEvent.objects.filter(kind="environment.rebound").exists()


def test_one_of_two_administrators_is_first(
    two_files: Project, carol: Actor, point_at: PointAt, copy_of: CopyOf
) -> None:
    observations.refresh_all()
    elsewhere = point_at(two_files.staging, copy_of(two_files.staging))
    shown = bindings.change(elsewhere)
    rebind(elsewhere, carol)
    with pytest.raises(AlreadyDecided):
        bindings.rebind(shown, environment=elsewhere, by=carol, reason=WHY)
    with pytest.raises(NothingToDo):
        bindings.change(elsewhere)
    assert AuditEvent.objects.filter(kind="environment.rebound").count() == 1


def test_a_look_that_began_before_does_not_take_it_back(
    two_files: Project, carol: Actor, point_at: PointAt, copy_of: CopyOf
) -> None:
    observations.refresh_all()
    at_the_old_one = targets.look(two_files.staging)
    elsewhere = point_at(two_files.staging, copy_of(two_files.staging))
    rebind(elsewhere, carol)
    observations._keep(two_files.staging, at_the_old_one)
    assert seen.bound_to(elsewhere) == targets.read(elsewhere).identity


def test_while_a_run_is_queued_nothing_is_confirmed(
    two_files: Project, alice: Actor, carol: Actor, point_at: PointAt, copy_of: CopyOf
) -> None:
    observations.refresh_all()
    runs.start(plans.apply(two_files.staging), environment=two_files.staging, by=alice)
    with pytest.raises(EnvironmentOccupied):
        rebind(point_at(two_files.staging, copy_of(two_files.staging)), carol)


def test_a_lost_run_whose_database_is_gone_is_resolved_in_the_one_that_was_confirmed(
    two_files: Project,
    alice: Actor,
    carol: Actor,
    point_at: PointAt,
    copy_of: CopyOf,
    make_database: MakeDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A backup from before the run: what the run did is not in it."""
    observations.refresh(two_files.staging)
    backup = copy_of(two_files.staging)
    run = lose_a_run(two_files, alice, monkeypatch)
    rebind(point_at(two_files.staging, backup), carol)
    execution.recover(run.pk)
    run.refresh_from_db()
    assert (run.status, [s.status for s in run.steps.all()]) == (Run.Status.RESOLVED, ["failed", "not_run"])
    assert "carol then confirmed another database: what is said here is about that one." in run.failure["sentence"]
    assert users_in(two_files.databases["staging"])
    assert not users_in(backup)


def lose_a_run(project: Project, by: Actor, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Its worker breaks off after the commit of 001."""
    run = runs.start(plans.apply(project.staging), environment=project.staging, by=by)
    with monkeypatch.context() as patch:
        patch.setattr("dashboard.engine.run.transactional.faultpoint", _break_once_committed)
        execute(run)
    assert run.status == Run.Status.INTERRUPTED
    return run


def _break_once_committed(name: str) -> None:
    if name == "committed":
        raise InjectedFault(name)
