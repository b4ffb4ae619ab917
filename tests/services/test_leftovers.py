"""What a broken-off CONCURRENTLY left is the run's own: never drift, never accepted, with its way on."""

from __future__ import annotations

import pytest

from dashboard.models import AuditEvent, DriftCheck, Run, Snapshot
from dashboard.selectors import drift as selector
from dashboard.selectors import leftovers
from dashboard.services import drift, execution
from dashboard.services.actors import SIGNALBOX, Actor
from dashboard.services.errors import DriftChanged
from tests.concurrently import BASE, DETACH, WAYS_ON, broken_off
from tests.fix_project import Project
from tests.services.workflow import run_on_staging

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("text", WAYS_ON)
def test_it_is_named_as_left_by_that_run_with_its_way_on(project: Project, alice: Actor, text: str) -> None:
    run = broken_off(project, alice, text)
    assert run.status == Run.Status.FAILED
    check = drift.check(project.staging, by=SIGNALBOX)
    assert (check.outcome, check.differing) == (DriftCheck.Outcome.HALF_DONE, 0)
    assert [(left.run, left.label, left.way_on) for left in leftovers.kept(check)] == [
        (run.pk, "002_next", WAYS_ON[text])
    ]
    assert selector.changed_outside(check) == ()
    assert not AuditEvent.objects.filter(kind__startswith="drift").exists()
    project.query(project.staging, WAYS_ON[text])
    assert drift.check(project.staging, by=SIGNALBOX).outcome == DriftCheck.Outcome.CLEAN or text in GONE


#: What is gone once its leftover was taken away by hand: only the run that goes on makes that expected.
GONE = {DETACH, "DROP INDEX CONCURRENTLY key"}


def test_it_is_never_accepted_as_the_expected_schema(project: Project, alice: Actor, carol: Actor) -> None:
    broken_off(project, alice, DETACH)
    check = drift.check(project.staging, by=SIGNALBOX)
    with pytest.raises(DriftChanged):
        drift.accept(project.staging, by=carol, fingerprint=check.fingerprint, reason="why not")
    project.query(project.staging, "CREATE TABLE by_hand (id int)")
    check = drift.check(project.staging, by=SIGNALBOX)
    assert (check.outcome, check.differing) == (DriftCheck.Outcome.DRIFTED, 2)
    drift.accept(project.staging, by=carol, fingerprint=check.fingerprint, reason="a hotfix")
    for last in (DriftCheck.objects.first(), drift.check(project.staging, by=SIGNALBOX)):
        assert last is not None
        assert (last.outcome, len(last.leftovers)) == (DriftCheck.Outcome.HALF_DONE, 1)
    accepted = Snapshot.objects.get(reason=Snapshot.Reason.ACCEPTED)
    assert "table public.by_hand" in accepted.schema["objects"]
    assert "detach pending" not in accepted.schema["objects"]["table public.part"]


def test_what_was_half_done_before_the_run_is_not_put_down_to_it(project: Project, alice: Actor) -> None:
    project.write(_001_base=BASE)
    run_on_staging(project, alice)
    project.query(project.staging, "INSERT INTO other VALUES (1); DROP INDEX key; INSERT INTO other VALUES (1)")
    with pytest.raises(Exception, match="could not create unique index"):
        project.query(project.staging, "CREATE UNIQUE INDEX CONCURRENTLY made ON other (id)")
    project.write(_002_next="CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS made ON other (id)")
    run_on_staging(project, alice)
    check = drift.check(project.staging, by=SIGNALBOX)
    assert check.outcome == DriftCheck.Outcome.DRIFTED
    assert leftovers.kept(check) == ()


def test_what_a_crash_left_is_put_down_to_the_run_that_was_found_out(
    project: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = broken_off(project, alice, DETACH)
    Run.objects.filter(pk=run.pk).update(status=Run.Status.INTERRUPTED)
    run.steps.update(status="running")
    execution.recover(run.pk)
    run.refresh_from_db()
    assert run.status == Run.Status.RESOLVED
    check = drift.check(project.staging, by=SIGNALBOX)
    assert [left.run for left in leftovers.kept(check)] == [run.pk]
