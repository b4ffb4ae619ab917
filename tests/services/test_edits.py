"""Edited files: a real edit is shown and refused; an edit of comments is accepted as a run, and only that."""

from __future__ import annotations

import pytest

from dashboard.engine.errors import NothingToDo, PlanBlocked
from dashboard.engine.migration import MigrationId
from dashboard.models import Run
from dashboard.services import approvals, edits, plans, runs
from dashboard.services.actors import Actor
from dashboard.services.errors import ApprovalNeeded
from tests.fix_project import Project
from tests.services.workflow import approve, execute, run_on_staging, start_on_production

pytestmark = pytest.mark.django_db(transaction=True)

PLAIN = "CREATE TABLE users (id int);"
ANNOTATED = "-- People who sign in\nCREATE TABLE users (\n    id int\n);"
EDITED = "CREATE TABLE users (id bigint);"


@pytest.fixture
def applied_project(project: Project, alice: Actor) -> Project:
    project.write(_001_users=PLAIN, _001_rollback="DROP TABLE users;", _002_orders="CREATE TABLE orders (id int);")
    run_on_staging(project, alice)
    return project


def accept(project: Project, by: Actor) -> Run:
    plan = edits.acceptance(project.staging, edits.look(project.staging))
    assert plan
    return execute(runs.start(plan, environment=project.staging, by=by))


def recorded(project: Project) -> tuple[object, ...]:
    sql = "SELECT checksum, checksum_sql, forward_script, rollback_script, run_id FROM platform.schema_migrations"
    return project.query(project.staging, f"{sql} WHERE version = '001'")[0]


def test_what_ran_stands_beside_the_file(applied_project: Project) -> None:
    applied_project.write(_001_users=ANNOTATED, _002_orders="CREATE TABLE orders (id bigint);")
    edited = edits.look(applied_project.staging)
    assert [(e.identity, e.comments_only, e.applied) for e in edited] == [
        (MigrationId("001", "users"), True, PLAIN),
        (MigrationId("002", "orders"), False, "CREATE TABLE orders (id int);"),
    ]
    orders = MigrationId("002", "orders")
    assert [e.identity for e in edits.look(applied_project.staging, only=orders)] == [orders]


def test_an_edit_of_comments_is_accepted_and_nothing_else_changes(applied_project: Project, alice: Actor) -> None:
    before = recorded(applied_project)
    applied_project.write(_001_users=ANNOTATED)
    run = accept(applied_project, alice)
    assert run.status == Run.Status.SUCCEEDED
    after = recorded(applied_project)
    assert (after[0] != before[0], after[2]) == (True, ANNOTATED)
    assert (after[1], *after[3:]) == (before[1], *before[3:])
    assert edits.look(applied_project.staging) == ()


def test_a_real_edit_is_not_accepted(applied_project: Project) -> None:
    applied_project.write(_001_users=EDITED)
    assert edits.acceptance(applied_project.staging, edits.look(applied_project.staging)) is None
    with pytest.raises(PlanBlocked):
        plans.accept_edits(applied_project.staging, [MigrationId("001", "users")])


def test_what_was_not_edited_has_nothing_to_accept(applied_project: Project) -> None:
    with pytest.raises(NothingToDo):
        plans.accept_edits(applied_project.staging, [MigrationId("001", "users")])


def test_a_file_edited_again_after_the_plan_is_not_recorded(applied_project: Project, alice: Actor) -> None:
    applied_project.write(_001_users=ANNOTATED)
    plan = plans.accept_edits(applied_project.staging, [MigrationId("001", "users")])
    before = recorded(applied_project)
    run = runs.start(plan, environment=applied_project.staging, by=alice)
    applied_project.write(_001_users=EDITED)
    execute(run)
    assert (run.status, run.failure["code"]) == (Run.Status.FAILED, "plan_changed")
    assert recorded(applied_project) == before


def test_the_target_itself_refuses_other_sql(applied_project: Project, alice: Actor) -> None:
    """Should a plan ever say so: the row's own checksum of its SQL decides."""
    applied_project.write(_001_users=ANNOTATED)
    plan = plans.accept_edits(applied_project.staging, [MigrationId("001", "users")])
    applied_project.query(
        applied_project.staging, "UPDATE platform.schema_migrations SET checksum_sql = 'other' WHERE version = '001'"
    )
    run = execute(runs.start(plan, environment=applied_project.staging, by=alice))
    assert run.failure["code"] == "plan_changed"
    assert recorded(applied_project)[2] == PLAIN


def test_of_a_baseline_no_text_is_kept_because_none_ran(applied_project: Project, alice: Actor) -> None:
    sql = "UPDATE platform.schema_migrations SET kind = 'baseline', forward_script = NULL WHERE version = '001'"
    applied_project.query(applied_project.staging, sql)
    applied_project.write(_001_users=ANNOTATED)
    assert accept(applied_project, alice).status == Run.Status.SUCCEEDED
    assert recorded(applied_project)[2] is None
    assert edits.look(applied_project.staging) == ()


def test_a_protected_environment_asks_for_approval(project: Project, alice: Actor, bob: Actor) -> None:
    project.write(_001_users=PLAIN, _001_rollback="DROP TABLE users;")
    request = approvals.open_request(plans.apply(project.production), environment=project.production, by=alice)
    approved = approve(request, bob)
    execute(start_on_production(approved, alice))
    project.write(_001_users=ANNOTATED)
    plan = plans.accept_edits(project.production, [MigrationId("001", "users")])
    with pytest.raises(ApprovalNeeded):
        runs.start(plan, environment=project.production, by=alice, typed_name="production")
    request = approvals.open_request(plan, environment=project.production, by=alice, reason="comments only")
    approved = approve(request, bob)
    run = execute(start_on_production(approved, alice))
    assert run.status == Run.Status.SUCCEEDED
