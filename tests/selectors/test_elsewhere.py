"""The same bytes that failed in another environment are known before anyone approves them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from dashboard.models import Run
from dashboard.selectors import elsewhere
from dashboard.services import plans
from dashboard.services.actors import Actor
from tests.fix_project import Project
from tests.services.workflow import run_on_staging

pytestmark = pytest.mark.django_db(transaction=True)

FAILS = "CREATE TABLE orders (id int);\nSELECT 1/0;"


@pytest.fixture
def failed_on_staging(project: Project, requester: User, acting: Callable[[User], Actor]) -> Run:
    project.write(_001_orders=FAILS)
    return run_on_staging(project, acting(requester))


def test_a_failure_of_the_same_text_is_told(project: Project, failed_on_staging: Run):
    (failure,) = elsewhere.failures(plans.apply(project.production))
    assert (failure.label, failure.environment, failure.run) == ("001_orders", "staging", failed_on_staging.pk)
    assert "division by zero" in failure.sentence


def test_another_text_has_not_failed_yet(project: Project, failed_on_staging: Run):
    project.write(_001_orders="CREATE TABLE orders (id int);")
    assert elsewhere.failures(plans.apply(project.production)) == ()


def test_a_later_success_there_answers_it(
    project: Project, failed_on_staging: Run, requester: User, acting: Callable[[User], Actor]
):
    project.write(_001_orders="CREATE TABLE orders (id int);")
    run_on_staging(project, acting(requester))
    project.write(_001_orders=FAILS)
    assert elsewhere.failures(plans.apply(project.production)) == ()


def test_the_environment_itself_is_not_elsewhere(project: Project, failed_on_staging: Run):
    assert elsewhere.failures(plans.apply(project.staging)) == ()
