"""A worker is frozen, as by a pause of its machine, until its lease is over; another one finds out what it did and a
person goes on. When the frozen one comes back it must do nothing.
"""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db.models.functions import Now

from dashboard.models import AuditEvent, ChangeRequest, DriftCheck, Observation, Run, RunStatement, RunStep, Snapshot
from tests.faults import outside
from tests.faults.conftest import MakeTrial
from tests.faults.trial import NO_TX, TX, Mode, Outcome, Trial, end, wait_until_frozen
from tests.fix_faults import Size, Tally, size, sized
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

PHASES = {
    TX.name: ("claimed", "locked", "begun", "before_statement:2", "body_done", "before_commit", "committed"),
    NO_TX.name: ("journal_started:1", "journal_started:2", "statement_done", "journal_done:1", "journal_started:3"),
}
CASES = [
    pytest.param(mode, phase, id=f"{mode.name} {phase}".replace(" ", "-"))
    for mode in (TX, NO_TX)
    for phase in PHASES[mode.name]
    if size() is not Size.SMALL or phase in {"before_commit", "journal_started:3"}
]
SAID = (Run, RunStep, RunStatement, ChangeRequest, AuditEvent, DriftCheck, Snapshot, Observation)
LEASE = {"dashboard.services.runs.LEASE": timedelta(seconds=1), "dashboard.engine.run.recovery.GRACE": 0.5}


@pytest.mark.parametrize(("mode", "phase"), CASES)
def test_a_worker_that_comes_back_after_its_lease_does_nothing(
    mode: Mode, phase: str, make_trial: MakeTrial, tally: Tally
) -> None:
    trial = make_trial(mode, **LEASE)
    tally.part = "frozen workers"
    for _ in range(sized(small=1, ci=1, full=5)):
        _freeze_and_thaw(trial, phase, tally)


def _freeze_and_thaw(trial: Trial, phase: str, tally: Tally) -> None:
    point, _, nth = phase.partition(":")
    run = trial.next()
    process = trial.work(run, fault := f"{point}:stop:{nth or 1}")
    wait_until_frozen(process)
    wait_until(lambda: _lease_is_over(run), "the lease of the frozen worker is over")
    tally.took(trial.recover(run))
    judged = trial.judge(run)
    finished = trial.finish(run)
    before, said_before = _all_of(trial), _all_said()
    os.kill(process.pid or 0, signal.SIGCONT)
    assert end(process) == 0
    after, said_after = _all_of(trial), _all_said()
    did_something = (before, said_before) != (after, said_after)
    tally.add(frozen=1, double=trial.judge(run) is Outcome.DOUBLE, did_something_after_thaw=did_something)
    assert (judged, finished) == (Outcome.EXACTLY_ONCE, Outcome.EXACTLY_ONCE), f"SIGNALBOX_FAULT={fault}"
    assert before == after, f"SIGNALBOX_FAULT={fault}"
    assert said_before == said_after, f"SIGNALBOX_FAULT={fault}"
    trial.check_quiet(run)


def _lease_is_over(run: Run) -> bool:
    return Run.objects.filter(pk=run.pk, lease_until__lt=Now()).exists()


def _all_of(trial: Trial) -> list[Any]:
    """Everything a statement could have changed: marks, history, log, catalog."""
    database = trial.database
    return [trial.marks(), outside.history(database), outside.log(database), outside.catalog(database)]


def _all_said() -> list[Any]:
    """Everything that the control database says of runs, their requests, what was done and what was seen."""
    return [list(model.objects.order_by("pk").values()) for model in SAID]


@pytest.mark.acceptance
def test_a_worker_frozen_while_it_writes_its_progress_keeps_nobody_waiting(make_trial: MakeTrial, tally: Tally) -> None:
    """It holds the row of its run. The control database ends such a session by itself, or nobody could take over."""
    trial = make_trial(TX)
    run = trial.next()
    assert end(trial.work(run, "before_commit:kill")) < 0
    options = settings.DATABASES["default"]["OPTIONS"]["options"]
    parts = trial.site.control
    with psycopg.connect(
        host=parts["HOST"],
        port=parts["PORT"],
        dbname=parts["NAME"],
        user=parts["USER"],
        password=parts["PASSWORD"],
        options=options,
    ) as frozen:
        trial.end_lease(run)
        frozen.execute("UPDATE dashboard_run SET title = title WHERE id = %s", (run.pk,))
        tally.part = "frozen workers"
        tally.took(trial.recover(run))
        frozen.close()
    assert trial.judge(run) is Outcome.EXACTLY_ONCE
