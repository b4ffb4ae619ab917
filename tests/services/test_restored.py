"""After a rollback: is the schema what it was before the apply? Told from what was seen around both runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from dashboard.engine.errors import TargetUnreachable
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Plan
from dashboard.models import Run, Snapshot
from dashboard.selectors import restored
from dashboard.selectors.restored import ChangedBy, Restored
from dashboard.services import drift, plans, runs, unfinished
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


def elsewhere(comparison: Restored | None) -> dict[str, ChangedBy]:
    assert comparison is not None
    return {d.key: comparison.origins[d.key] for d in comparison.elsewhere}


TABLE = "table public.extra"
COLUMN = "column public.extra.id"


def test_what_somebody_made_by_hand_meanwhile_is_told_as_such(project: Project, alice: Actor) -> None:
    apply(project, alice, **USERS)
    apply(project, alice, **MAIL)
    project.query(project.staging, "CREATE TABLE extra (id int)")
    comparison = restored.compared(roll_back(project, alice, "002", "mail"))
    assert comparison is not None
    assert comparison.differences == ()
    assert elsewhere(comparison) == {TABLE: ChangedBy(by_hand=True), COLUMN: ChangedBy(by_hand=True)}


def test_who_accepted_what_was_made_by_hand_is_named(project: Project, alice: Actor, carol: Actor) -> None:
    apply(project, alice, **USERS)
    apply(project, alice, **MAIL)
    project.query(project.staging, "CREATE TABLE extra (id int)")
    check = drift.check(project.staging, by=SIGNALBOX)
    drift.accept(project.staging, by=carol, fingerprint=check.fingerprint, reason="a hotfix")
    comparison = restored.compared(roll_back(project, alice, "002", "mail"))
    assert comparison is not None
    assert comparison.differences == ()
    assert elsewhere(comparison)[TABLE] == ChangedBy(by_hand=True, accepted_by="carol")


def test_what_was_made_by_hand_before_the_apply_and_never_accepted_is_no_difference(
    project: Project, alice: Actor
) -> None:
    apply(project, alice, **USERS)
    project.query(project.staging, "CREATE TABLE extra (id int); ALTER TABLE users ALTER name SET DEFAULT 'x'")
    up, down = "ALTER TABLE users ALTER name TYPE varchar(80);", "ALTER TABLE users ALTER name TYPE text;"
    apply(project, alice, _002_narrow=up, _002_rollback=down)
    comparison = restored.compared(roll_back(project, alice, "002", "narrow"))
    assert comparison is not None
    assert (comparison.differences, comparison.elsewhere, comparison.unseen) == ((), (), ())


def test_what_another_run_left_is_put_down_to_that_run(project: Project, alice: Actor) -> None:
    apply(project, alice, **USERS)
    apply(project, alice, **MAIL)
    other = apply(project, alice, _003_extra="CREATE TABLE extra (id int);", _003_rollback="SELECT 1;")
    roll_back(project, alice, "003", "extra")
    comparison = restored.compared(roll_back(project, alice, "002", "mail"))
    assert comparison is not None
    assert comparison.differences == ()
    assert elsewhere(comparison) == {TABLE: ChangedBy(runs=(other,)), COLUMN: ChangedBy(runs=(other,))}


def test_what_one_rollback_of_several_runs_leaves_is_its_own(project: Project, alice: Actor) -> None:
    apply(project, alice, **USERS)
    apply(project, alice, **MAIL)
    apply(project, alice, _003_extra="CREATE TABLE extra (id int);", _003_rollback="SELECT 1;")
    comparison = restored.compared(roll_back(project, alice, "002", "mail"))
    assert comparison is not None
    assert [d.key for d in comparison.differences] == [TABLE, COLUMN]
    assert (comparison.elsewhere, comparison.origins) == ((), {})


def test_what_the_script_left_and_somebody_changed_is_told_with_both(project: Project, alice: Actor) -> None:
    apply(project, alice, **USERS)
    up = "ALTER TABLE users ADD mail text; ALTER TABLE users ADD fax text;"
    apply(project, alice, _002_mail=up, _002_rollback="ALTER TABLE users DROP mail;")
    project.query(project.staging, "ALTER TABLE users ALTER fax SET DEFAULT '-'")
    comparison = restored.compared(roll_back(project, alice, "002", "mail"))
    assert comparison is not None
    assert [d.key for d in comparison.differences] == ["column public.users.fax"]
    assert comparison.origins == {"column public.users.fax": ChangedBy(by_hand=True)}


def test_a_migration_that_broke_off_and_was_continued_is_compared_from_its_first_run(
    project: Project, alice: Actor
) -> None:
    apply(project, alice, **USERS)
    project.write(
        _002_none="-- signalbox: transaction=none\nCREATE TABLE extra (id int);\nSELECT 1/0;",
        _002_rollback="-- signalbox: transaction=none\nDROP TABLE extra;",
    )
    broken = execute(runs.start(plans.apply(project.staging), environment=project.staging, by=alice))
    assert broken.status == Run.Status.FAILED
    project.write(_002_none="-- signalbox: transaction=none\nCREATE TABLE extra (id int);\nSELECT 1;")
    broken_off = unfinished.look(project.staging, MigrationId("002", "none"))
    assert broken_off is not None
    assert isinstance(broken_off.again, Plan)
    _run(broken_off.again, project, alice)
    comparison = restored.compared(roll_back(project, alice, "002", "none"))
    assert comparison is not None
    assert (comparison.applied, comparison.differences, comparison.elsewhere) == (broken, (), ())


def test_around_a_run_that_nobody_saw_end_hands_are_not_told_from_it(
    project: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(project, alice, **USERS)
    with monkeypatch.context() as patched:
        gone = TargetUnreachable(environment="Staging", address="db:5432", reason="gone", variable="STAGING")
        patched.setattr(drift, "_look", lambda environment: gone)
        run = apply(project, alice, **MAIL)
    project.query(project.staging, "CREATE TABLE extra (id int)")
    drift.check(project.staging, by=SIGNALBOX)
    comparison = restored.compared(roll_back(project, alice, "002", "mail"))
    assert comparison is not None
    assert [each.pk for each in comparison.unseen] == [run.pk]


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
