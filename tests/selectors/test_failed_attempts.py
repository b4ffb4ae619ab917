"""The same bytes that have failed before, here or in another environment, are known before anyone lets them run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Action
from dashboard.models import Run
from dashboard.selectors import failed_attempts
from dashboard.services import plans, runs
from dashboard.services.actors import Actor
from tests.fix_project import Project
from tests.presenters import values
from tests.services.workflow import execute, run_on_staging

pytestmark = pytest.mark.django_db(transaction=True)

FAILS = "CREATE TABLE orders (id int);\nSELECT 1/0;"


@pytest.fixture
def failed_on_staging(project: Project, requester: User, acting: Callable[[User], Actor]) -> Run:
    project.write(_001_orders=FAILS)
    return run_on_staging(project, acting(requester))


def test_a_failure_of_the_same_text_is_told(project: Project, failed_on_staging: Run):
    (failure,) = failed_attempts.of_plan(plans.apply(project.production))
    assert (failure.label, failure.environment, failure.run) == ("001_orders", "staging", failed_on_staging.pk)
    assert "division by zero" in failure.sentence


def test_another_text_has_not_failed_yet(project: Project, failed_on_staging: Run):
    project.write(_001_orders="CREATE TABLE orders (id int);")
    assert failed_attempts.of_plan(plans.apply(project.production)) == ()


def test_a_later_success_there_answers_it(
    project: Project, failed_on_staging: Run, requester: User, acting: Callable[[User], Actor]
):
    project.write(_001_orders="CREATE TABLE orders (id int);")
    run_on_staging(project, acting(requester))
    project.write(_001_orders=FAILS)
    assert failed_attempts.of_plan(plans.apply(project.production)) == ()


def test_the_environment_itself_comes_first(
    project: Project, failed_on_staging: Run, requester: User, acting: Callable[[User], Actor]
):
    Run.objects.filter(pk=failed_on_staging.pk).update(environment="production")
    again = run_on_staging(project, acting(requester))
    failures = failed_attempts.of_plan(plans.apply(project.staging))
    assert [(failure.environment, failure.run) for failure in failures] == [
        ("staging", again.pk),
        ("production", failed_on_staging.pk),
    ]


def test_a_rollback_that_failed_is_told_on_the_page_of_the_same_rollback(
    project: Project, requester: User, acting: Callable[[User], Actor]
):
    project.write(_001_orders="CREATE TABLE orders (id int);", _001_rollback="DROP TABLE orders;\nSELECT 1/0;")
    run_on_staging(project, acting(requester))
    plan = plans.rollback(project.staging, downto=MigrationId("001", "orders"))
    assert failed_attempts.of_plan(plan) == ()
    accepted = [warning.key for warning in plan.warnings]
    run = runs.start(plan, environment=project.staging, by=acting(requester), accepted=accepted)
    execute(run)
    (failure,) = failed_attempts.of_plan(plan)
    assert (failure.label, failure.run) == ("001_orders", run.pk)


def test_what_runs_no_migration_has_not_failed_before():
    assert failed_attempts.of_plan(values.plan(action=Action.SKIP)) == ()
