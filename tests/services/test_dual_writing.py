"""An environment that names the table of another tool: people approve that, and no other one is written to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dashboard.engine.errors import PlanChanged
from dashboard.engine.plan import WRITES_TWICE, DualWrite
from dashboard.models import ChangeRequest, Run
from dashboard.services import approvals
from tests.services import workflow

if TYPE_CHECKING:
    from dashboard.services.actors import Actor
    from tests.fix_project import ChangeProduction, Project

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = "SELECT version FROM schema_migrations ORDER BY 1"


@pytest.fixture
def request_of_both(two_files: Project, change_production: ChangeProduction, alice: Actor, bob: Actor) -> ChangeRequest:
    """Approved while rows are also written for dbmate."""
    production = change_production(dual_write=DualWrite.declared("dbmate"))
    two_files.query(two_files.production, "CREATE TABLE schema_migrations (version varchar PRIMARY KEY)")
    return workflow.approve(workflow.open_request(replace(two_files, production=production), alice), bob)


def test_what_was_approved_is_written_to_both(request_of_both: ChangeRequest, two_files: Project, alice: Actor) -> None:
    assert WRITES_TWICE in {warning.code for warning in request_of_both.plan.warnings}
    run = workflow.execute(workflow.start_on_production(request_of_both, alice))
    assert run.status == Run.Status.SUCCEEDED
    assert two_files.query(two_files.production, ROWS) == [("001",), ("002",)]


def test_taking_it_out_closes_the_request(request_of_both: ChangeRequest, change_production: ChangeProduction) -> None:
    change_production(dual_write=None)
    assert approvals.reevaluate() == 1
    request_of_both.refresh_from_db()
    assert request_of_both.status == ChangeRequest.Status.SUPERSEDED
    assert "dual_write from dbmate:public.schema_migrations to nothing" in request_of_both.closed_because


def test_a_run_that_was_queued_before_writes_to_neither(
    request_of_both: ChangeRequest, two_files: Project, change_production: ChangeProduction, alice: Actor
) -> None:
    queued = workflow.start_on_production(request_of_both, alice)
    change_production(dual_write=None)
    run = workflow.execute(queued)
    assert (run.failure or {})["code"] == PlanChanged.code
    assert two_files.query(two_files.production, ROWS) == []
