"""Rehearsals: asked for once, carried out by one worker at a time, ended exactly once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from config.environments import Requirement
from dashboard.engine.errors import RunCancelled
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Plan
from dashboard.engine.rehearsal.report import Report
from dashboard.models import AuditEvent, Rehearsal
from dashboard.selectors import rehearsals as selector
from dashboard.services import approvals, plans, rehearsals
from dashboard.services.actors import Actor
from dashboard.services.errors import NotRehearsable, PermissionRefused
from tests.fix_project import Project
from tests.fix_rehearsals import RehearsalsFind, RequireOnProduction, passing, without_a_server
from tests.services.workflow import run_on_staging

pytestmark = pytest.mark.django_db(transaction=True)


def ask(project: Project, by: Actor) -> Rehearsal:
    return rehearsals.ask(plans.apply(project.production), environment=project.production, by=by)


def rehearsed(project: Project, by: Actor) -> Rehearsal:
    rehearsal = ask(project, by)
    rehearsals.work()
    rehearsal.refresh_from_db()
    return rehearsal


def breaks(plan: Plan) -> Report:
    raise RuntimeError


def test_a_rehearsal_is_carried_out_and_counts(
    two_files: Project, alice: Actor, rehearsals_find: RehearsalsFind
) -> None:
    rehearsals_find(passing)
    done = rehearsed(two_files, alice)
    assert (done.status, done.passed, done.reversible, done.server_major) == ("done", True, True, 17)
    assert selector.of_plan(plans.apply(two_files.production)).proof == done
    kinds = AuditEvent.objects.order_by("id").values_list("kind", flat=True)
    assert [kind for kind in kinds if kind.startswith("rehearsal")] == ["rehearsal.asked", "rehearsal.done"]


def test_asking_twice_is_asking_once(two_files: Project, alice: Actor, bob: Actor) -> None:
    assert ask(two_files, alice) == ask(two_files, bob)
    assert Rehearsal.objects.count() == 1


def test_a_rehearsal_that_ended_can_be_asked_for_again(
    two_files: Project, alice: Actor, rehearsals_find: RehearsalsFind
) -> None:
    rehearsals_find(passing)
    first = rehearsed(two_files, alice)
    assert ask(two_files, alice) != first


def test_a_viewer_cannot_ask(two_files: Project, vera: Actor) -> None:
    with pytest.raises(PermissionRefused):
        ask(two_files, vera)


def test_what_runs_no_migration_cannot_be_rehearsed(two_files: Project, alice: Actor) -> None:
    plan = plans.skip(two_files.production, [MigrationId("001", "users")], reason="Made by hand")
    with pytest.raises(NotRehearsable):
        rehearsals.ask(plan, environment=two_files.production, by=alice)


def test_one_that_cannot_be_carried_out_says_why_and_proves_nothing(
    two_files: Project, alice: Actor, rehearsals_find: RehearsalsFind
) -> None:
    rehearsals_find(without_a_server)
    failed = rehearsed(two_files, alice)
    assert (failed.status, failed.passed) == ("failed", None)
    assert failed.failure == {
        "code": "local_server",
        "sentence": "There is no PostgreSQL.",
        "state_now": "",
        "remedy": "Install one.",
    }
    assert selector.of_plan(plans.apply(two_files.production)).proof is None


def test_one_that_breaks_off_fails_and_the_next_is_carried_out(
    two_files: Project, alice: Actor, rehearsals_find: RehearsalsFind
) -> None:
    rehearsals_find(breaks)
    assert rehearsed(two_files, alice).failure["code"] == "broken_off"  # type: ignore[index]
    rehearsals_find(passing)
    assert rehearsed(two_files, alice).status == "done"


def test_one_whose_worker_is_gone_has_failed(two_files: Project, alice: Actor) -> None:
    lost = ask(two_files, alice)
    Rehearsal.objects.filter(pk=lost.pk).update(status="running", lease_until=timezone.now() - timedelta(seconds=1))
    rehearsals.find_lost()
    lost.refresh_from_db()
    assert (lost.status, lost.failure["code"]) == ("failed", "worker_lost")


def test_a_worker_that_comes_back_late_changes_nothing(
    two_files: Project, alice: Actor, rehearsals_find: RehearsalsFind
) -> None:
    def late(plan: Plan) -> Report:
        Rehearsal.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        rehearsals.find_lost()
        return passing(plan)

    rehearsals_find(late)
    assert rehearsed(two_files, alice).status == "failed"


def test_a_worker_that_is_shut_down_puts_it_back(
    two_files: Project, alice: Actor, rehearsals_find: RehearsalsFind
) -> None:
    def stopped(plan: Plan) -> Report:
        raise RunCancelled(by="a shutdown of the worker", version="001")

    rehearsals_find(stopped)
    waiting = ask(two_files, alice)
    stops = iter([False, True])
    rehearsals.work(told_to_stop=lambda: next(stops))
    waiting.refresh_from_db()
    assert (waiting.status, waiting.lease_until) == ("queued", None)


def test_while_one_is_carried_out_no_other_begins(
    two_files: Project, alice: Actor, rehearsals_find: RehearsalsFind
) -> None:
    waiting: list[Rehearsal] = []

    def slow(plan: Plan) -> Report:
        if not waiting:
            waiting.append(rehearsals.ask(plans.apply(two_files.staging), environment=two_files.staging, by=alice))
            rehearsals.work()
            waiting[0].refresh_from_db()
            assert waiting[0].status == "queued"
        return passing(plan)

    rehearsals_find(slow)
    assert rehearsed(two_files, alice).status == "done"
    waiting[0].refresh_from_db()
    assert waiting[0].status == "done"


def test_another_plan_is_not_proven(two_files: Project, alice: Actor, rehearsals_find: RehearsalsFind) -> None:
    rehearsals_find(passing)
    rehearsed(two_files, alice)
    two_files.write(_002_rollback="DROP TABLE orders CASCADE;")
    assert selector.of_plan(plans.apply(two_files.production)).latest is None


def test_an_old_rehearsal_counts_no_longer(two_files: Project, alice: Actor, rehearsals_find: RehearsalsFind) -> None:
    rehearsals_find(passing)
    done = rehearsed(two_files, alice)
    assert timedelta(hours=23) < done.expires_at - timezone.now() < timedelta(hours=25)  # type: ignore[operator]
    Rehearsal.objects.update(expires_at=timezone.now())
    assert selector.of_plan(plans.apply(two_files.production)).proof is None


def test_a_rehearsal_on_another_major_version_does_not_count(
    two_files: Project, alice: Actor, rehearsals_find: RehearsalsFind
) -> None:
    rehearsals_find(passing)
    rehearsed(two_files, alice)
    Rehearsal.objects.update(target_major=15)
    assert selector.of_plan(plans.apply(two_files.production)).proof is None


def test_the_last_one_decides(two_files: Project, alice: Actor, rehearsals_find: RehearsalsFind) -> None:
    rehearsals_find(passing)
    rehearsed(two_files, alice)
    rehearsals_find(lambda plan: passing(plan, refused="The copy differs."))
    rehearsed(two_files, alice)
    assert selector.of_plan(plans.apply(two_files.production)).proof is None


# By a policy


def test_a_request_for_an_environment_that_wants_one_begins_one(
    two_files: Project, alice: Actor, require_on_production: RequireOnProduction
) -> None:
    production = require_on_production(Requirement.REHEARSAL)
    request = approvals.open_request(plans.apply(production), environment=production, by=alice, reason="December")
    assert Rehearsal.objects.get().digest == request.digest


def test_none_begins_where_one_counts_already(
    two_files: Project, alice: Actor, require_on_production: RequireOnProduction, rehearsals_find: RehearsalsFind
) -> None:
    rehearsals_find(passing)
    rehearsed(two_files, alice)
    production = require_on_production(Requirement.REHEARSAL)
    approvals.open_request(plans.apply(production), environment=production, by=alice, reason="December")
    assert Rehearsal.objects.count() == 1


def test_none_begins_where_nobody_wants_one(two_files: Project, alice: Actor) -> None:
    approvals.open_request(plans.apply(two_files.production), environment=two_files.production, by=alice, reason="Now")
    assert not Rehearsal.objects.exists()


# The rollback it proves


def warnings_of_rollback(project: Project, version: str, name: str) -> list[str]:
    return [w.code for w in plans.rollback(project.staging, downto=MigrationId(version, name)).warnings]


@pytest.mark.parametrize(("version", "name"), [("001", "users"), ("002", "orders")])
def test_the_rehearsal_of_an_apply_proves_its_rollback(
    two_files: Project, alice: Actor, rehearsals_find: RehearsalsFind, version: str, name: str
) -> None:
    """All of it, or the last migrations of it alone."""
    rehearsals_find(passing)
    rehearsals.ask(plans.apply(two_files.staging), environment=two_files.staging, by=alice)
    rehearsals.work()
    run_on_staging(two_files, alice)
    assert warnings_of_rollback(two_files, version, name) == []


def test_a_rollback_that_left_something_behind_is_not_proven(
    two_files: Project, alice: Actor, rehearsals_find: RehearsalsFind
) -> None:
    rehearsals_find(lambda plan: passing(plan, reversible=False))
    rehearsals.ask(plans.apply(two_files.staging), environment=two_files.staging, by=alice)
    rehearsals.work()
    run_on_staging(two_files, alice)
    assert warnings_of_rollback(two_files, "002", "orders") == ["unproven_rollback"]


def test_what_came_between_voids_the_proof(two_files: Project, alice: Actor, rehearsals_find: RehearsalsFind) -> None:
    rehearsals_find(passing)
    rehearsals.ask(plans.apply(two_files.staging), environment=two_files.staging, by=alice)
    rehearsals.work()
    run_on_staging(two_files, alice)
    two_files.write(_003_more="CREATE TABLE more (id int);", _003_rollback="DROP TABLE more;")
    run_on_staging(two_files, alice)
    assert set(warnings_of_rollback(two_files, "002", "orders")) == {"unproven_rollback"}


@pytest.mark.parametrize(("repeatable", "warnings"), [(True, []), (False, ["unproven_rollback"])])
def test_a_rollback_can_be_rehearsed_by_itself(
    two_files: Project, alice: Actor, rehearsals_find: RehearsalsFind, repeatable: bool, warnings: list[str]
) -> None:
    """It is proven where applying the migration again led to the same schema as before."""
    run_on_staging(two_files, alice)
    rehearsals_find(lambda plan: passing(plan, repeatable=repeatable))
    plan = plans.rollback(two_files.staging, downto=MigrationId("002", "orders"))
    rehearsals.ask(plan, environment=two_files.staging, by=alice)
    rehearsals.work()
    assert warnings_of_rollback(two_files, "002", "orders") == warnings


def test_a_real_rehearsal(two_files: Project, alice: Actor) -> None:
    done = rehearsed(two_files, alice)
    assert (done.status, done.passed, done.reversible, done.failure) == ("done", True, True, None)
    assert done.target_major == done.server_major
    assert two_files.query(two_files.production, "SELECT to_regclass('users')") == [(None,)]
