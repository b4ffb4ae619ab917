"""The worker as it is deployed, `manage.py procrastinate worker`: killed, it is found out about by the next one
without anyone's help; told to stop, it stops cleanly.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection

from dashboard.models import Run, RunStep
from tests.faults import outside
from tests.faults.conftest import MakeTrial
from tests.faults.trial import Mode, Outcome, Trial
from tests.fix_faults import Tally
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.acceptance]

ROOT = Path(__file__).parents[2]
PART = "deployed workers"

#: Short leases; everything else is what the command does.
COMMAND = """
import sys
from datetime import timedelta
import django
django.setup()
from dashboard.services import runs
runs.LEASE = timedelta(seconds=2)
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "procrastinate", "worker", "--shutdown-graceful-timeout", "1"])
"""

SLOW = Mode(
    name="slow",
    up="INSERT INTO effects VALUES ({version}, 1);\nSELECT pg_sleep(600);\n",
    marks=(1,),
    points=(),
)
SLOW_OUTSIDE = Mode(
    name="slow, no transaction",
    up="-- signalbox: transaction=none\nINSERT INTO effects VALUES ({version}, 1);\nSELECT pg_sleep(600);\n",
    marks=(1,),
    points=(),
)

type StartWorker = Callable[[Trial], subprocess.Popen[bytes]]


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[StartWorker]:
    started: list[subprocess.Popen[bytes]] = []

    def start(trial: Trial) -> subprocess.Popen[bytes]:
        declared = tmp_path / "environments.toml"
        declared.write_text('[environments.staging]\nname = "Staging"\nurl = "URL_OF_STAGING"\n')
        environment = {
            **os.environ,
            "SIGNALBOX_DATABASE_URL": _control_url(),
            "SIGNALBOX_ENVIRONMENTS": str(declared),
            "SIGNALBOX_SOURCE": str(trial.site.source),
            "URL_OF_STAGING": trial.environment.url,
        }
        with (tmp_path / "deployed.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", COMMAND], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def _control_url() -> str:
    parts = connection.settings_dict
    return f"postgresql://{parts['USER']}:{quote(parts['PASSWORD'])}@{parts['HOST']}:{parts['PORT']}/{parts['NAME']}"


@pytest.mark.parametrize(("mode", "said"), [(SLOW, {"failed"}), (SLOW_OUTSIDE, {"partial"})], ids=lambda v: str(v)[:20])
def test_what_a_killed_worker_did_is_found_out_by_the_next(
    mode: Mode, said: set[str], make_trial: MakeTrial, start_worker: StartWorker, tally: Tally
) -> None:
    trial = make_trial(mode)
    run = trial.next()
    first = start_worker(trial)
    wait_until(lambda: _is_asleep(trial, run), "the run reached its slow statement", seconds=60)
    first.kill()
    first.wait()
    start_worker(trial)
    wait_until(lambda: _status(run) == Run.Status.RESOLVED, "the run was found out about", seconds=90)
    tally.part = PART
    tally.add(killed=1, unresolved=0)
    assert trial.judge(run) is Outcome.EXACTLY_ONCE
    assert set(run.steps.values_list("status", flat=True)) == said
    assert outside.sessions(trial.database, run.pk) == []


def test_a_worker_told_to_stop_cancels_its_run_cleanly_and_goes(
    make_trial: MakeTrial, start_worker: StartWorker, tally: Tally
) -> None:
    trial = make_trial(SLOW)
    run = trial.next()
    worker = start_worker(trial)
    wait_until(lambda: _is_asleep(trial, run), "the run reached its slow statement", seconds=60)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    run.refresh_from_db()
    assert run.status == Run.Status.CANCELLED
    assert run.failure is not None
    assert "a shutdown of the worker" in run.failure["sentence"]
    assert trial.judge(run) is Outcome.EXACTLY_ONCE
    tally.part = PART
    tally.add(told_to_stop=1)


def _is_asleep(trial: Trial, run: Run) -> bool:
    """In the server, and on the page too: progress is written down a moment later."""
    asleep = any(
        "pg_sleep" in query and state == "active" for _, state, _, query in outside.sessions(trial.database, run.pk)
    )
    return asleep and run.steps.filter(status=RunStep.Status.RUNNING).exists()


def _status(run: Run) -> str:
    run.refresh_from_db()
    return run.status
