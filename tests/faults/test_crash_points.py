"""kill -9 at each named point of a run, in each way to run; another worker finds out; a person goes on.

The naive runner goes through the same and must be caught, or this test proves nothing.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from dashboard.services import policies
from dashboard.services.errors import EnvironmentOccupied
from tests.faults import naive, worker
from tests.faults.conftest import MakeTrial
from tests.faults.trial import MODES, TX, Mode, Outcome, Trial, end, processes
from tests.fix_faults import NAIVE, Size, Tally, size, sized
from tests.fix_postgres import Database

PART = "crash points"
REPEATS = sized(small=1, ci=2, full=25)

#: With every `make test` only the points around the commit, where naive runners go wrong.
AROUND_COMMIT = {"body_done", "before_commit", "committed", "journal_started:2", "statement_done", "journal_done:2"}
CASES = [
    pytest.param(mode, point, id=f"{mode.name} {point}".replace(" ", "-"))
    for mode in MODES
    for point in mode.points
    if point in AROUND_COMMIT or size() is not Size.SMALL
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("mode", "point"), CASES)
def test_a_worker_killed_anywhere_does_its_work_exactly_once(
    mode: Mode, point: str, make_trial: MakeTrial, tally: Tally
) -> None:
    trial = make_trial(mode)
    name, _, nth = point.partition(":")
    fault = f"{name}:kill:{nth or 1}"
    tally.part = PART
    tally.add(cells=1)
    for _ in range(REPEATS):
        outcomes = _crash(trial, fault, tally)
        tally.add(crashes=1, **{outcome.value.replace(" ", "_"): 0 for outcome in Outcome})
        worst = next((o for o in outcomes if o is not Outcome.EXACTLY_ONCE), Outcome.EXACTLY_ONCE)
        tally.add(**{worst.value.replace(" ", "_"): 1})
        assert worst is Outcome.EXACTLY_ONCE, f"SIGNALBOX_FAULT={fault} ({mode.name}, version {trial.label})"


def _crash(trial: Trial, fault: str, tally: Tally) -> tuple[Outcome, Outcome]:
    run = trial.next()
    assert end(trial.work(run, fault)) == -signal.SIGKILL, f"the point of SIGNALBOX_FAULT={fault} is never passed"
    tally.took(trial.recover(run))
    judged = trial.judge(run)
    if judged is Outcome.UNRESOLVED:
        return judged, judged
    trial.check_quiet(run)
    return judged, trial.finish(run)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("point", ["recovering", "resolved"])
def test_a_worker_killed_while_it_recovers_leaves_it_to_the_next(
    point: str, make_trial: MakeTrial, tally: Tally
) -> None:
    trial = make_trial(TX)
    run = trial.next()
    end(trial.work(run, "committed:kill"))
    assert trial.recover(run, fault=f"{point}:kill") > 0
    assert trial.judge(run) is Outcome.UNRESOLVED
    with pytest.raises(EnvironmentOccupied):
        policies.check_is_free(trial.environment)
    tally.part = PART
    tally.took(trial.recover(run))
    assert trial.judge(run) is Outcome.EXACTLY_ONCE


# The naive runner


@pytest.fixture
def naive_target(target_db: Database) -> Database:
    target_db.query("CREATE TABLE effects (version int, mark int)")
    target_db.query(naive.SETUP)
    return target_db


def test_the_naive_runner_is_caught(naive_target: Database, tmp_path: Path, tally: Tally) -> None:
    tally.part = NAIVE + PART
    tally.add(double=0, lost=0)
    for version, point in enumerate(naive.POINTS, start=1):
        marks = _crash_naively(naive_target, version, point, tmp_path / "worker.log")
        tally.add(runs=1, double=marks > 1, lost=marks < 1)
    assert tally.counts["double"] + tally.counts["lost"] > 0, "the suite would not notice a runner that runs twice"


def _crash_naively(database: Database, version: int, point: str, log: Path) -> int:
    """Killed, and then retried as a queue would: how often the migration's mark stands."""
    arguments = {
        "url": database.url,
        "version": version,
        "statements": [f"INSERT INTO effects VALUES ({version}, 1)"],
    }
    for fault in (f"{point}:kill", ""):
        process = processes.Process(target=worker.naive_main, args=(log, fault, arguments))
        process.start()
        end(process)
    return len(database.query(f"SELECT mark FROM effects WHERE version = {version}"))
