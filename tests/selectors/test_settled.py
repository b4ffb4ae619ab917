"""What has become since of what a run left open: told by later runs, and by the history of the target."""

from __future__ import annotations

import pytest

from dashboard.engine.plan import Action
from dashboard.models import Run
from dashboard.selectors import runs as selector
from dashboard.selectors import settled
from dashboard.selectors.settled import Settled
from dashboard.services import observations
from dashboard.services.actors import Actor
from tests.fix_project import Project
from tests.services.workflow import run_on_staging

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def failed_run(project: Project, alice: Actor) -> Run:
    project.write(_001_orders="CREATE TABLE orders (id int);\nSELECT 1/0;", _002_city="CREATE TABLE city (id int);")
    return run_on_staging(project, alice)


def since(run: Run) -> tuple[Settled, ...]:
    return settled.since(run, selector.steps(run))


def test_nothing_is_settled_before_anybody_did_anything(failed_run: Run):
    assert since(failed_run) == ()


def test_the_run_that_applied_it_settles_it(project: Project, failed_run: Run, alice: Actor):
    project.write(_001_orders="CREATE TABLE orders (id int);")
    later = run_on_staging(project, alice)
    assert [(each.migration.label, each.action, each.run) for each in since(failed_run)] == [
        ("001_orders", Action.APPLY, later.pk),
        ("002_city", Action.APPLY, later.pk),
    ]
    assert since(later) == ()


def test_a_second_failure_settles_nothing(project: Project, failed_run: Run, alice: Actor):
    run_on_staging(project, alice)
    assert since(failed_run) == ()


def test_a_run_of_another_environment_settles_nothing(project: Project, failed_run: Run, alice: Actor):
    project.write(_001_orders="CREATE TABLE orders (id int);")
    later = run_on_staging(project, alice)
    Run.objects.filter(pk=later.pk).update(environment="production")
    Run.objects.filter(pk=failed_run.pk).update(finished_at=later.finished_at)
    assert since(Run.objects.get(pk=failed_run.pk)) == ()


def test_what_another_signalbox_or_a_person_recorded_is_told_of_too(project: Project, failed_run: Run):
    project.query(
        project.staging,
        "UPDATE platform.schema_migrations SET success = true, applied_by = 'dba', run_id = '', attempt_id = '',"
        " applied_at = now() WHERE version = '001'",
    )
    observations.refresh(project.staging)
    (later,) = since(failed_run)
    assert (later.migration.version, later.action, later.run, later.by) == ("001", Action.APPLY, None, "dba")
