"""The server, or the way to the control database, goes away at each phase of a run; and a disk that is full."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection

from dashboard.engine import errors
from dashboard.engine.localserver import LocalServer
from dashboard.models import Run, RunStatement
from tests.engine.folders import Bench
from tests.faults import outside
from tests.faults import proxy as proxies
from tests.faults.conftest import MakeTrial
from tests.faults.proxy import Proxy
from tests.faults.server_faults import FAULTS
from tests.faults.trial import NO_TX, TX, Mode, Outcome, Trial, end, wait_until_frozen
from tests.fix_faults import Size, Tally, size, sized
from tests.fix_postgres import Database
from tests.waiting import wait_until

PART = "server faults"
PHASES = {
    TX.name: ("locked", "begun", "before_statement:2", "body_done", "before_commit", "committed"),
    NO_TX.name: ("journal_started:2", "statement_done", "journal_done:3"),
}
CASES = [
    pytest.param(mode, phase, id=f"{mode.name} {phase}".replace(" ", "-"))
    for mode in (TX, NO_TX)
    for phase in PHASES[mode.name]
    if size() is not Size.SMALL or phase == "before_commit"
]
REPEATS = sized(small=1, ci=1, full=5)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("mode", "phase"), CASES)
def test_a_server_that_fails_under_a_run_is_no_riddle(
    mode: Mode, phase: str, fault: str, make_trial: MakeTrial, breakable_server: LocalServer, tally: Tally
) -> None:
    trial = make_trial(mode, server=breakable_server)
    for _ in range(REPEATS):
        run, process = _until(trial, phase)
        FAULTS[fault](trial, breakable_server, run)
        _thaw(process)
        assert end(process) == 0
        _settle(trial, run, tally, f"{fault} at {phase}")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("mode", "phase"), CASES)
def test_a_run_goes_on_without_the_control_database(
    mode: Mode, phase: str, make_trial: MakeTrial, postgres_server: LocalServer, tally: Tally
) -> None:
    """The work is done, and its end is written as soon as there is where to write it. One that has not begun waits."""
    parts = urlsplit(postgres_server.url())
    with proxies.running(str(parts.hostname), int(parts.port or 0)) as proxy:
        trial = make_trial(mode)
        run, process = _until(trial, phase, proxy)
        proxy.cut_off()
        _thaw(process)
        if phase == "locked":
            time.sleep(2)
            assert not trial.stands(), "nothing is sent while it is not certain whose run it is"
        else:
            wait_until(trial.stands, "what was begun is finished", seconds=30)
        run.refresh_from_db()
        assert run.status == Run.Status.RUNNING, "nobody could have written anything else"
        proxy.refusing = False
        end(process)
    run.refresh_from_db()
    assert run.status == Run.Status.SUCCEEDED
    _settle(trial, run, tally, f"control database gone at {phase}")
    assert list(run.steps.values_list("status", flat=True)) == ["committed"]


@pytest.mark.django_db(transaction=True)
def test_a_control_database_that_is_far_away_hears_of_everything(
    make_trial: MakeTrial, postgres_server: LocalServer, tally: Tally
) -> None:
    """Each statement is told of twice: written one by one, that would take ten times as long as anyone waits."""
    parts = urlsplit(postgres_server.url())
    long = replace(TX, up=TX.up + "SELECT 1;\n" * 400)
    with proxies.running(str(parts.hostname), int(parts.port or 0)) as proxy:
        proxy.delay = 0.025
        trial = make_trial(long, **{"dashboard.services.recorder.DRAIN_TIMEOUT": 2})
        run = trial.next()
        assert end(trial.through(proxy).work(run)) == 0
    run.refresh_from_db()
    assert run.status == Run.Status.SUCCEEDED
    assert [step.status for step in run.steps.all()] == ["committed"]
    assert RunStatement.objects.filter(step__run=run, status="ok").count() == 402
    _settle(trial, run, tally, "control database far away")


@pytest.mark.django_db(transaction=True)
def test_a_control_database_that_closes_idle_connections_loses_no_end(make_trial: MakeTrial, tally: Tally) -> None:
    """While a long statement runs, nobody talks on the connection that its end is written on."""
    name = str(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} SET idle_session_timeout = '700ms'")
    try:
        trial = make_trial(replace(TX, up=TX.up + "SELECT pg_sleep(2.5);\n"))
        run = trial.next()
        assert end(trial.work(run)) == 0
        run.refresh_from_db()
        assert run.status == Run.Status.SUCCEEDED, "nothing was lost, so nothing has to be found out"
        _settle(trial, run, tally, "control database closes idle connections")
    finally:
        connection.close()
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {name} RESET idle_session_timeout")


def _until(trial: Trial, phase: str, control: Proxy | None = None) -> tuple[Run, ForkServerProcess]:
    """A worker frozen at that phase; everything before its run is safely on disk."""
    point, _, nth = phase.partition(":")
    run = trial.next()
    trial.database.query("CHECKPOINT")
    process = trial.through(control).work(run, f"{point}:stop:{nth or 1}")
    wait_until_frozen(process)
    return run, process


def _thaw(process: ForkServerProcess) -> None:
    os.kill(process.pid or 0, signal.SIGCONT)


def _settle(trial: Trial, run: Run, tally: Tally, case: str) -> None:
    run.refresh_from_db()
    if run.is_active:
        tally.took(trial.recover(run))
    judged = trial.judge(run)
    tally.part = PART
    tally.add(faults=1, **{o.value.replace(" ", "_"): o is judged for o in Outcome})
    assert judged is Outcome.EXACTLY_ONCE, case
    trial.check_quiet(run)
    assert trial.finish(run) is Outcome.EXACTLY_ONCE, case


# A standby that does not answer


@contextmanager
def stalled_standby(server: LocalServer) -> Iterator[None]:
    """Every COMMIT that asks to be safe waits for a standby that does not exist: committed here, and not answered."""
    database = Database(name="postgres", url=server.url())
    _standby(database, "'nosuch'")
    try:
        yield
    finally:
        _standby(database, "DEFAULT")


def _standby(database: Database, name: str) -> None:
    with database.connect() as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = {name}")
        connection.execute("SELECT pg_reload_conf()")
    wanted = "nosuch" if "nosuch" in name else ""
    wait_until(
        lambda: database.query("SHOW synchronous_standby_names") == [(wanted,)], "the server has read its settings"
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mode", [TX] if size() is Size.SMALL else [TX, NO_TX], ids=lambda mode: mode.name)
def test_a_commit_that_is_durable_and_never_answered_is_found_to_be_committed(
    mode: Mode, make_trial: MakeTrial, breakable_server: LocalServer, tally: Tally
) -> None:
    """Whoever only reads would say that nothing was applied, and run it twice: the row is not visible yet."""
    trial = make_trial(mode, server=breakable_server)
    first = trial.next()  # it makes the tracking tables, whose own COMMIT would wait as well
    assert end(trial.work(first)) == 0
    assert trial.judge(first) is Outcome.EXACTLY_ONCE
    run = trial.next()
    with stalled_standby(breakable_server):
        process = trial.work(run)
        wait_until(lambda: _waits_for_standby(trial, run), "the COMMIT waits for the standby")
        assert not trial.stands()
        process.kill()
        end(process)
        _settle(trial, run, tally, "killed while COMMIT waits for a standby")
    assert list(run.steps.values_list("status", flat=True)) == ["committed"]


def _waits_for_standby(trial: Trial, run: Run) -> bool:
    query = (
        f"SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'signalbox:{run.pk}:%' AND wait_event = 'SyncRep'"
    )
    return bool(trial.database.query(query))


# A disk that is full


@pytest.fixture
def small_disk(breakable_server: LocalServer) -> Iterator[str]:
    """A tablespace of a few megabytes."""
    place = Path(tempfile.mkdtemp(prefix="small-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700,uid=65534,gid=65534", "tmpfs", str(place)]
    subprocess.run(mount, check=True)
    server = Database(name="postgres", url=breakable_server.url())
    server.query(f"CREATE TABLESPACE small LOCATION '{place}'")
    yield "small"
    server.query("DROP TABLESPACE small")
    subprocess.run(["umount", str(place)], check=True)
    place.rmdir()


@pytest.mark.root
def test_a_full_disk_leaves_nothing_and_is_not_tried_again(breakable_bench: Bench, small_disk: str) -> None:
    bench = breakable_bench
    bench.write(
        "001_big.sql",
        f"CREATE TABLE big (t text) TABLESPACE {small_disk};\n"
        "INSERT INTO big SELECT repeat('x', 1000) FROM generate_series(1, 20000);",
    )
    with pytest.raises(errors.StatementFailed) as caught:
        bench.apply()
    assert caught.value.facts["error"].sqlstate == "53100"
    assert "Make room" in caught.value.next_step
    assert bench.tables() == set()
    assert [(row[3], row[2]) for row in outside.log(bench.database)] == [("failed", "apply")]
