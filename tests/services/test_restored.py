"""After a rollback: is the schema what it was before the apply? Told from what was seen around both runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from dashboard.engine.migration import MigrationId
from dashboard.models import Run, Snapshot
from dashboard.selectors import restored
from dashboard.services import drift, plans, runs
from dashboard.services.actors import SIGNALBOX, Actor
from tests.fix_project import Project
from tests.services.workflow import execute

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.django_db(transaction=True)

USERS: Mapping[str, str] = {
    "_001_users": "CREATE TABLE users (id int PRIMARY KEY, name text, age int);",
    "_001_rollback": "DROP TABLE users;",
}
MAIL: Mapping[str, str] = {
    "_002_mail": "ALTER TABLE users ADD mail text;",
    "_002_rollback": "ALTER TABLE users DROP mail;",
}


def apply(project: Project, by: Actor, **files: str) -> Run:
    project.write(**files)
    return _run(plans.apply(project.staging), project, by)


def roll_back(project: Project, by: Actor, version: str, name: str) -> Run:
    return _run(plans.rollback(project.staging, downto=MigrationId(version, name)), project, by)


def _run(plan, project: Project, by: Actor) -> Run:
    accepted = [warning.key for warning in plan.warnings]
    run = execute(runs.start(plan, environment=project.staging, by=by, accepted=accepted))
    assert run.status == Run.Status.SUCCEEDED
    return run


def keys(run: Run) -> list[str]:
    comparison = restored.compared(run)
    assert comparison is not None
    return [f"{d.change} {d.key}" for d in comparison.differences]


def test_a_rollback_that_undoes_everything_restores_the_schema(project: Project, alice: Actor) -> None:
    apply(project, alice, **USERS)
    second = apply(
        project, alice, _002_mail="ALTER TABLE users ADD mail text;", _002_rollback="ALTER TABLE users DROP mail;"
    )
    comparison = restored.compared(roll_back(project, alice, "002", "mail"))
    assert comparison is not None
    assert (comparison.applied.pk, comparison.since, comparison.differences) == (second.pk, "002", ())


def test_what_a_rollback_leaves_behind_is_named(project: Project, alice: Actor) -> None:
    apply(project, alice, **USERS)
    up = "ALTER TABLE users ADD mail text; CREATE INDEX mail_idx ON users (name);"
    apply(project, alice, _002_mail=up, _002_rollback="ALTER TABLE users DROP mail;")
    assert keys(roll_back(project, alice, "002", "mail")) == ["added index mail_idx on public.users"]


def test_the_order_of_columns_is_told_as_such(project: Project, alice: Actor) -> None:
    apply(project, alice, **USERS)
    apply(project, alice, _002_less="ALTER TABLE users DROP name;", _002_rollback="ALTER TABLE users ADD name text;")
    comparison = restored.compared(roll_back(project, alice, "002", "less"))
    assert comparison is not None
    assert [d.is_order for d in comparison.differences] == [True]


def test_a_change_made_by_hand_is_not_put_down_to_the_rollback(project: Project, alice: Actor) -> None:
    apply(project, alice, **USERS)
    apply(project, alice, **MAIL)
    project.query(project.staging, "CREATE TABLE made_by_hand (id int)")
    drift.check(project.staging, by=SIGNALBOX)
    assert keys(roll_back(project, alice, "002", "mail")) == []


def test_the_first_migration_of_all_is_compared_too(project: Project, alice: Actor) -> None:
    apply(project, alice, **USERS)
    assert keys(roll_back(project, alice, "001", "users")) == []


def test_a_moment_that_nobody_saw_is_not_compared_with(project: Project, alice: Actor) -> None:
    apply(project, alice, **USERS, **MAIL)
    assert restored.compared(roll_back(project, alice, "002", "mail")) is None


def test_a_snapshot_without_its_schema_says_nothing(project: Project, alice: Actor) -> None:
    apply(project, alice, **USERS)
    run = roll_back(project, alice, "001", "users")
    Snapshot.objects.exclude(run=run).update(schema={})
    assert restored.compared(run) is None


def test_a_page_waits_for_the_look_after_the_run_and_not_for_ever(project: Project, alice: Actor) -> None:
    apply(project, alice, **USERS)
    run = roll_back(project, alice, "001", "users")
    assert not restored.is_awaited(run), "the look has come"
    run.finished_at = timezone.now() + restored.SOON / 2
    assert restored.is_awaited(run)
    run.finished_at = timezone.now() - restored.SOON * 2
    assert not restored.is_awaited(run)
