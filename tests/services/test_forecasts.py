"""What a forecast rests on, and that nobody destroys rows on a protected environment without saying how many."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Plan
from dashboard.engine.rehearsal.report import Origin, Proof, Report, ScriptRun
from dashboard.engine.schema.diff import Change, Difference
from dashboard.models import AuditEvent, Rehearsal, Run, Snapshot
from dashboard.services import approvals, forecasts, plans, runs
from dashboard.services.errors import RowsNotTyped
from dashboard.services.forecasts import Confirmation
from tests.fix_project import Project
from tests.services.workflow import approve, execute, run_on_staging, start_on_production

if TYPE_CHECKING:
    from config.environments import Environment
    from dashboard.services.actors import Actor

pytestmark = pytest.mark.django_db(transaction=True)

HIDDEN = "DO $$ BEGIN EXECUTE 'DROP TABLE ' || 'users'; END $$;"
PLAIN = "DROP TABLE users;"
RAN = ScriptRun(ok=True, ms=1)


@pytest.fixture
def applied_project(project: Project, alice: Actor, bob: Actor) -> Project:
    """001 on staging and production, with three rows in each; its rollback hides what it drops."""
    return migrate(project, alice, bob, HIDDEN)


@pytest.fixture
def readable_project(project: Project, alice: Actor, bob: Actor) -> Project:
    """The same, with a rollback that says what it drops."""
    return migrate(project, alice, bob, PLAIN)


def migrate(project: Project, alice: Actor, bob: Actor, rollback: str) -> Project:
    project.write(_001_users="CREATE TABLE users (id int PRIMARY KEY);", _001_rollback=rollback)
    run_on_staging(project, alice)
    plan = plans.apply(project.production)
    request = approvals.open_request(plan, environment=project.production, by=alice, irreversible_because="A test")
    request = approve(request, bob)
    execute(start_on_production(request, alice))
    for environment in (project.staging, project.production):
        project.query(environment, "INSERT INTO users SELECT generate_series(1, 3)")
    return project


def rollback(environment: Environment) -> Plan:
    return plans.rollback(environment, downto=MigrationId("001", "users"))


def proof_of(plan: Plan, **changes: Any) -> Rehearsal:
    difference = Difference(key="table public.users", change=Change.REMOVED, before="", after=None)
    report = Report(
        origin=Origin.COPY,
        server_version=170000,
        ms=1,
        proofs=(Proof(version="001", name="users", up=RAN, down=RAN, reversible=True, unmade=(difference,)),),
    )
    values = {
        "environment": plan.environment,
        "action": plan.action,
        "digest": plan.digest,
        "frozen_plan": plan.to_dict(),
        "origin": Origin.COPY,
        "status": Rehearsal.Status.DONE,
        "asked_at": timezone.now(),
        "target_major": 17,
        "server_major": 17,
        "report": report.to_dict(),
        "passed": True,
        "reversible": True,
        "expires_at": timezone.now() + timedelta(hours=1),
    }
    return Rehearsal.objects.create(**(values | changes))


def test_a_rehearsal_shows_what_the_text_hides_and_proves_nothing_of_rows(applied_project: Project) -> None:
    plan = rollback(applied_project.staging)
    before = forecasts.of_plan(plan, applied_project.staging)
    assert (before.losses, before.word, before.from_rehearsal) == ((), "unknown", False)
    proof_of(plan)
    after = forecasts.of_plan(plan, applied_project.staging)
    assert ([loss.relation for loss in after.losses], after.word, after.from_rehearsal) == (
        ["public.users"],
        "unknown",
        True,
    )


def test_a_rehearsal_that_counts_no_more_shows_nothing(applied_project: Project) -> None:
    plan = rollback(applied_project.staging)
    proof_of(plan, expires_at=timezone.now() - timedelta(minutes=1))
    assert not forecasts.of_plan(plan, applied_project.staging).from_rehearsal


def test_rows_written_since_are_measured_from_the_run_that_applied_it(applied_project: Project) -> None:
    plan = rollback(applied_project.staging)
    proof_of(plan)
    deadline = time.monotonic() + 10
    while forecasts.of_plan(plan, applied_project.staging).losses[0].written_since != 3:
        assert time.monotonic() < deadline  # a session's writes are counted a moment after
        time.sleep(0.2)
    Snapshot.objects.filter(run__environment="staging").update(counted_since="")
    assert forecasts.of_plan(plan, applied_project.staging).losses[0].written_since is None


def starting(plan: Plan, environment: Environment, by: Actor) -> dict[str, Any]:
    accepted = [warning.key for warning in plan.warnings]
    return {"environment": environment, "by": by, "typed_name": "production", "accepted": accepted}


def test_without_a_word_rows_are_counted_and_kept(readable_project: Project, alice: Actor) -> None:
    plan = rollback(readable_project.production)
    start = starting(plan, readable_project.production, alice)
    with pytest.raises(RowsNotTyped, match="3 rows would be lost"):
        runs.start(plan, **start)
    given = Confirmation(forecast=forecasts.of_plan(plan, readable_project.production), typed="3", shown="3")
    assert runs.start(plan, **start, confirmation=given).status == Run.Status.QUEUED


def test_a_table_in_use_has_more_rows_by_then_and_that_is_recorded_and_stops_nobody(
    readable_project: Project, alice: Actor
) -> None:
    plan = rollback(readable_project.production)
    readable_project.query(readable_project.production, "INSERT INTO users SELECT generate_series(4, 9)")
    given = Confirmation(forecast=forecasts.of_plan(plan, readable_project.production), typed="3", shown="3")
    run = runs.start(plan, **starting(plan, readable_project.production, alice), confirmation=given)
    said = AuditEvent.objects.get(kind="run.queued", run_id=run.pk).data
    assert (said["rows_to_lose"], said["rows_shown"]) == ("9", "3")


def test_the_word_is_asked_for_on_an_environment_that_is_not_protected(applied_project: Project, alice: Actor) -> None:
    plan = rollback(applied_project.staging)
    start = starting(plan, applied_project.staging, alice)
    with pytest.raises(RowsNotTyped) as refused:
        runs.start(plan, **start)
    assert not Run.objects.filter(action=plan.action).exists()
    with pytest.raises(RowsNotTyped) as of_machine:
        runs.start(plan, **start, confirmation=Confirmation(typed="2", by_machine=True))
    assert '"rows_to_lose": "unknown"' in of_machine.value.remedy
    assert "rows_to_lose" not in refused.value.remedy
    assert runs.start(plan, **start, confirmation=Confirmation(typed="unknown")).status == Run.Status.QUEUED


def test_what_is_saved_first_needs_no_number(readable_project: Project, alice: Actor) -> None:
    bare = rollback(readable_project.production)
    plan = bare.saving(forecasts.of_plan(bare, readable_project.production).copies)
    run = runs.start(plan, **starting(plan, readable_project.production, alice))
    assert run.status == Run.Status.QUEUED


def test_an_empty_table_needs_no_word(readable_project: Project, alice: Actor) -> None:
    plan = rollback(readable_project.production)
    readable_project.query(readable_project.production, "TRUNCATE users")
    assert runs.start(plan, **starting(plan, readable_project.production, alice)).status == Run.Status.QUEUED
