"""An interrupted run of which its target gives no account any more is ended by a person, and never called a success."""

from __future__ import annotations

import pytest
from django.db import transaction

from dashboard.models import AuditEvent, Run, RunStep
from dashboard.services import execution, plans, runs
from dashboard.services.actors import Actor
from dashboard.services.errors import (
    AlreadyDecided,
    NameNotTyped,
    PermissionRefused,
    ReasonMissing,
    RunStillAsked,
)
from tests.fix_project import Project

pytestmark = pytest.mark.django_db(transaction=True)

WORD = {"typed_name": "staging", "reason": "The schema was dropped; neither table is there"}


@pytest.fixture
def lost(two_files: Project, alice: Actor) -> Run:
    """Its worker is gone, and so are the tracking tables that could tell what it did."""
    run = runs.claim(runs.start(plans.apply(two_files.staging), environment=two_files.staging, by=alice).pk)
    assert run is not None
    assert runs.begin(run)
    runs.interrupt(run, {"code": "worker_lost", "sentence": "Its worker has sent no sign of life."})
    return Run.objects.get(pk=run.pk)


@pytest.fixture
def hopeless(lost: Run) -> Run:
    execution.recover(lost.pk)
    lost.refresh_from_db()
    assert lost.status == Run.Status.INTERRUPTED
    assert (lost.failure or {})["unresolved"]["code"] == "witness_gone"
    return lost


def test_it_ends_without_proof_and_the_environment_takes_runs_again(
    hopeless: Run, two_files: Project, alice: Actor, carol: Actor
) -> None:
    ended = runs.end_by_hand(hopeless.pk, by=carol, **WORD)
    ended.refresh_from_db()
    assert (ended.status, ended.ended_by, ended.ended_because) == (Run.Status.UNPROVEN, carol.person, WORD["reason"])
    assert ended.finished_at is not None
    assert set(ended.steps.values_list("status", flat=True)) == {RunStep.Status.UNKNOWN}
    event = AuditEvent.objects.get(kind="run.ended_by_hand")
    assert (event.actor, event.run_id, event.data) == (carol.name, ended.pk, {"reason": WORD["reason"]})
    again = runs.start(plans.apply(two_files.staging), environment=two_files.staging, by=alice)
    execution.execute(again.pk)
    again.refresh_from_db()
    assert again.status == Run.Status.SUCCEEDED


def test_what_was_read_back_before_stays_committed(hopeless: Run, carol: Actor) -> None:
    hopeless.steps.filter(position=0).update(status=RunStep.Status.COMMITTED)
    runs.end_by_hand(hopeless.pk, by=carol, **WORD)
    assert list(hopeless.steps.values_list("status", flat=True)) == ["committed", "unknown"]


def test_only_an_administrator_may(hopeless: Run, alice: Actor, bob: Actor) -> None:
    for by in (alice, bob):
        with pytest.raises(PermissionRefused):
            runs.end_by_hand(hopeless.pk, by=by, **WORD)


def test_while_it_may_still_be_found_out_nobody_ends_it(lost: Run, carol: Actor) -> None:
    with pytest.raises(RunStillAsked):
        runs.end_by_hand(lost.pk, by=carol, **WORD)


def test_the_name_and_a_reason_are_asked_for(hopeless: Run, carol: Actor) -> None:
    with pytest.raises(NameNotTyped):
        runs.end_by_hand(hopeless.pk, by=carol, **{**WORD, "typed_name": "Staging"})
    with pytest.raises(ReasonMissing):
        runs.end_by_hand(hopeless.pk, by=carol, **{**WORD, "reason": " "})


def test_it_ends_once(hopeless: Run, carol: Actor) -> None:
    runs.end_by_hand(hopeless.pk, by=carol, **WORD)
    with pytest.raises(AlreadyDecided):
        runs.end_by_hand(hopeless.pk, by=carol, **WORD)


def test_a_worker_or_a_recovery_that_comes_back_changes_nothing(hopeless: Run, carol: Actor) -> None:
    ended = runs.end_by_hand(hopeless.pk, by=carol, **WORD)
    execution.recover(ended.pk)
    runs.note_unresolved(hopeless, {"code": "late"})
    assert runs.renew_lease(hopeless) is None
    assert not runs.begin(hopeless)
    with transaction.atomic():
        assert not runs.hold(hopeless)
    ended.refresh_from_db()
    assert ended.status == Run.Status.UNPROVEN
    assert (ended.failure or {})["unresolved"]["code"] == "witness_gone"
