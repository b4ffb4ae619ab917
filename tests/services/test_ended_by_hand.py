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
from tests.services import workflow

pytestmark = pytest.mark.django_db(transaction=True)

WORD = {"typed_name": "staging", "reason": "The schema was dropped; neither table is there"}


def test_it_ends_without_proof_and_the_environment_takes_runs_again(
    unprovable_run: Run, two_files: Project, alice: Actor, carol: Actor
) -> None:
    ended = runs.end_by_hand(unprovable_run.pk, by=carol, **WORD)
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


def test_what_was_read_back_before_stays_committed(unprovable_run: Run, carol: Actor) -> None:
    unprovable_run.steps.filter(position=0).update(status=RunStep.Status.COMMITTED)
    runs.end_by_hand(unprovable_run.pk, by=carol, **WORD)
    assert list(unprovable_run.steps.values_list("status", flat=True)) == ["committed", "unknown"]


def test_only_an_administrator_may(unprovable_run: Run, alice: Actor, bob: Actor) -> None:
    for by in (alice, bob):
        with pytest.raises(PermissionRefused):
            runs.end_by_hand(unprovable_run.pk, by=by, **WORD)


def test_while_it_may_still_be_found_out_nobody_ends_it(two_files: Project, alice: Actor, carol: Actor) -> None:
    with pytest.raises(RunStillAsked):
        runs.end_by_hand(workflow.lost_run(two_files, alice).pk, by=carol, **WORD)


def test_the_name_and_a_reason_are_asked_for(unprovable_run: Run, carol: Actor) -> None:
    with pytest.raises(NameNotTyped):
        runs.end_by_hand(unprovable_run.pk, by=carol, **{**WORD, "typed_name": "Staging"})
    with pytest.raises(ReasonMissing):
        runs.end_by_hand(unprovable_run.pk, by=carol, **{**WORD, "reason": " "})


def test_it_ends_once(unprovable_run: Run, carol: Actor) -> None:
    runs.end_by_hand(unprovable_run.pk, by=carol, **WORD)
    with pytest.raises(AlreadyDecided):
        runs.end_by_hand(unprovable_run.pk, by=carol, **WORD)


def test_a_worker_or_a_recovery_that_comes_back_changes_nothing(unprovable_run: Run, carol: Actor) -> None:
    ended = runs.end_by_hand(unprovable_run.pk, by=carol, **WORD)
    execution.recover(ended.pk)
    runs.note_unresolved(unprovable_run, {"code": "late"})
    assert runs.renew_lease(unprovable_run) is None
    assert not runs.begin(unprovable_run)
    with transaction.atomic():
        assert not runs.hold(unprovable_run)
    ended.refresh_from_db()
    assert ended.status == Run.Status.UNPROVEN
    assert (ended.failure or {})["unresolved"]["code"] == "witness_gone"
