"""What is known of a request before somebody decides: whether its plan still holds, and what is in its way."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from config.environments import Environment
from dashboard.engine.plan import Action
from dashboard.models import ChangeRequest, Run
from dashboard.selectors import migrations
from dashboard.services import validity
from dashboard.services.errors import EnvironmentOccupied
from dashboard.services.validity import RequestState
from tests.presenters import values

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _declared(settings: Any) -> None:
    settings.ENVIRONMENTS = (values.STAGING, values.PRODUCTION)


def state(where: Environment = values.PRODUCTION, **changes: Any) -> RequestState:
    """A skip that is taken back takes nothing from the files, so it holds as long as nobody looked at its target."""
    plan = values.plan(values.step(action=Action.UNSKIP), where=where)
    return validity.state_of(values.request(environment=where.slug, plan=plan, **changes))


def test_a_plan_that_nothing_speaks_against_holds():
    holds = state()
    assert (holds.objection, holds.occupied, holds.is_running) == ("", None, False)
    assert holds.proof is not None
    assert holds.proof.missing == ()


def test_a_plan_with_another_digest_than_was_asked_for_holds_no_longer():
    assert state(digest="0" * 64).objection


def test_where_its_environment_is_gone_the_plan_holds_no_longer():
    gone = state(values.environment("gone"))
    assert "gone" in gone.objection
    assert gone.environment.protected


def test_of_what_is_closed_or_under_way_nobody_asks_whether_it_holds():
    tampered = {"digest": "0" * 64}
    assert state(**tampered, status=ChangeRequest.Status.DONE, closed_at=values.MOMENT).objection == ""
    under_way = state(**tampered, status=ChangeRequest.Status.APPROVED, runs=[values.run(Run.Status.RUNNING)])
    assert (under_way.objection, under_way.is_running) == ("", True)


def test_another_run_of_the_environment_is_in_its_way(requester: User):
    values.run(Run.Status.RUNNING, pk=None, environment="production", started_by=requester).save()
    assert isinstance(state().occupied, EnvironmentOccupied)


def test_a_run_is_known_by_its_number_in_its_own_environment_only(requester: User):
    run = values.run(pk=None, started_by=requester)
    run.save()
    assert migrations.runs_by_id({str(run.pk), "-1", "²", "9" * 30, "0b5c-uuid", ""}, "staging") == {str(run.pk): run}
    assert migrations.runs_by_id({str(run.pk)}, "production") == {}
