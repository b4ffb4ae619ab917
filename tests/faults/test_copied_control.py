"""A copy of the control database works on the same targets as its original: it ends, claims and settles nothing that
the original has begun, and starts nothing by itself.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterator

import pytest

from dashboard.engine.localserver import LocalServer
from dashboard.models import Run, RunStep
from tests.faults import copies, outside
from tests.faults.conftest import MakeTrial
from tests.faults.trial import TX, Mode, Outcome, Trial, end, wait_until_frozen
from tests.fix_faults import Tally
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

#: Long enough that a copy could do harm, and that the original ends well afterwards.
SLOW = Mode(
    name="slow",
    up="INSERT INTO effects VALUES ({version}, 1);\nSELECT pg_sleep(6);\n",
    marks=(1,),
    points=(),
)
IMPATIENT = {"dashboard.engine.run.recovery.GRACE": 0.5, "dashboard.engine.run.recovery.PATIENCE": 2.0}

type MakeCopy = Callable[[], str]


@pytest.fixture
def make_copy(postgres_server: LocalServer) -> Iterator[MakeCopy]:
    """Of the control database as it is at that moment, by a dump that is restored beside it."""
    made: list[str] = []

    def make() -> str:
        made.append(copies.dumped(postgres_server, f"copied_control_{next(_numbers)}"))
        return made[-1]

    yield make
    for name in made:
        postgres_server.drop_database(name)


_numbers = itertools.count(1)


def is_asleep(trial: Trial, run: Run) -> bool:
    sessions = outside.sessions(trial.database, run.pk)
    return any("pg_sleep" in query and state == "active" for _, state, _, query in sessions)


def test_a_run_that_is_under_way_in_the_original_is_left_alone(
    make_trial: MakeTrial, make_copy: MakeCopy, tally: Tally
) -> None:
    trial = make_trial(SLOW, **IMPATIENT)
    run = trial.next()
    worker = trial.work(run)
    wait_until(lambda: is_asleep(trial, run), "the run reached its slow statement")
    name = make_copy()
    log = outside.log(trial.database)
    with copies.working_on(name):
        copies.of(trial, name).recover(run)
        copied = Run.objects.get(pk=run.pk)
        assert copied.status == Run.Status.INTERRUPTED
    assert outside.sessions(trial.database, run.pk) != []
    assert outside.log(trial.database) == log
    assert end(worker) == 0
    run.refresh_from_db()
    tally.part = "copied control databases"
    tally.add(copied=1, ended_by_the_copy=run.status != Run.Status.SUCCEEDED)
    assert run.status == Run.Status.SUCCEEDED
    assert trial.judge(run) is Outcome.EXACTLY_ONCE
    with copies.working_on(name):
        copies.of(trial, name).recover(run)
        copied = Run.objects.get(pk=run.pk)
        assert copied.status == Run.Status.RESOLVED
        assert copied.steps.get().status == RunStep.Status.COMMITTED


@pytest.mark.parametrize("point", ["claimed", "connected", "before_statement"])
def test_a_run_that_is_not_heard_of_in_its_target_yet_is_not_called_undone(
    point: str, make_trial: MakeTrial, make_copy: MakeCopy, tally: Tally
) -> None:
    """The original's worker stands still before it has sent anything, and goes on after the copy has looked."""
    trial = make_trial(TX, **IMPATIENT)
    run = trial.next()
    worker = trial.work(run, f"{point}:stop:1")
    wait_until_frozen(worker)
    name = make_copy()
    with copies.working_on(name):
        copies.of(trial, name).recover(run)
        copied = Run.objects.get(pk=run.pk)
    os.kill(worker.pid or 0, signal.SIGCONT)
    assert end(worker) == 0
    run.refresh_from_db()
    settled = copied.status != Run.Status.INTERRUPTED
    tally.part = "copied control databases"
    tally.add(copied=1, ended_by_the_copy=run.status != Run.Status.SUCCEEDED, settled_by_the_copy=settled)
    assert not settled
    assert run.status == Run.Status.SUCCEEDED
    assert trial.judge(run) is Outcome.EXACTLY_ONCE
    trial.check_quiet(run)
