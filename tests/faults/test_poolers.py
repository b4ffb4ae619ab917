"""Through a real PgBouncer: transaction mode is refused with advice, session mode carries the whole line."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from dashboard.engine import errors
from dashboard.engine.localserver import LocalServer
from tests.engine.folders import Bench
from tests.faults import outside
from tests.faults.conftest import MakeTrial
from tests.faults.pgbouncer import Pooler, pooled
from tests.faults.trial import MODES, Mode, Outcome, end, wait_until_frozen
from tests.fix_faults import Tally
from tests.fix_postgres import Database

PART = "pooler"
MORE_BACKENDS = 12  # more than the doctor asks for


@pytest.fixture(scope="module")
def session_pooler(postgres_server: LocalServer) -> Iterator[Pooler]:
    with pooled(postgres_server, "session") as pooler:
        yield pooler


@pytest.fixture
def bench_through_pooler(bench: Bench, session_pooler: Pooler) -> Bench:
    bench.database = Database(name=bench.database.name, url=session_pooler.url(bench.database.url))
    return bench


@pytest.mark.parametrize("more", ["", "server_round_robin = 1"], ids=["last in first out", "round robin"])
@pytest.mark.parametrize("busy", [0, MORE_BACKENDS], ids=["one backend", "many backends"])
def test_a_transaction_pooler_is_refused_with_advice(
    bench: Bench, postgres_server: LocalServer, more: str, busy: int, tally: Tally
) -> None:
    bench.write("001_users.sql", "CREATE TABLE users (id int);")
    direct = bench.database
    plan = bench.plan()
    with pooled(postgres_server, "transaction", more) as pooler:
        bench.database = Database(name=direct.name, url=pooler.url(direct.url))
        _warm_up(bench.database, busy)
        with pytest.raises(errors.TargetUnsuitable, match="transaction pooler") as caught:
            bench.execute(plan)
    assert "session-mode or unpooled URL" in caught.value.next_step
    assert outside.history(direct) == []
    tally.part = PART
    tally.add(refused_in_transaction_mode=1)


def _warm_up(database: Database, backends: int) -> None:
    """So many transactions at once that the pooler opens as many backends, and keeps them idle."""
    connections = [database.connect(autocommit=False) for _ in range(backends)]
    for connection in connections:
        connection.execute("SELECT 1")
    for connection in connections:
        connection.rollback()  # the pooler throws away a backend whose client goes inside a transaction
        connection.close()


def test_the_port_of_a_known_transaction_pooler_is_refused_before_any_probe(bench: Bench) -> None:
    from dashboard.engine.database import connection as connections
    from dashboard.engine.database import doctor
    from dashboard.engine.database.connection import Address

    with connections.reading(bench.address) as connection:
        supabase = Address(environment="p", name="P", variable="URL", url="postgresql://u@h:6543/db")
        with pytest.raises(errors.TargetUnsuitable, match="transaction pooler"):
            doctor.examine(connection, supabase)


def test_a_session_pooler_carries_an_apply_a_failure_and_a_rollback(bench_through_pooler: Bench, tally: Tally) -> None:
    bench = bench_through_pooler
    bench.write("001_users.sql", "SET search_path = nowhere; CREATE TABLE public.users (id int);")
    bench.write("001_rollback.sql", "DROP TABLE public.users;")
    bench.write("002_index.sql", "CREATE INDEX CONCURRENTLY users_idx ON users (id);")
    bench.apply("002")
    bench.write("003_bad.sql", "CREATE TABLE bad (id int); SELECT 1/0;")
    with pytest.raises(errors.StatementFailed, match="division by zero"):
        bench.apply(run_id="2")
    assert [row[0] for row in outside.history(bench.database)] == ["001", "002"]
    assert bench.tables() == {"public.users"}
    tally.part = PART
    tally.add(passed_in_session_mode=1)


def test_two_runs_through_a_session_pooler_meet_the_lock(bench_through_pooler: Bench, tally: Tally) -> None:
    bench = bench_through_pooler
    bench.write("001_users.sql", "CREATE TABLE users (id int); SELECT pg_sleep(0.3);")
    plan, outcomes = bench.plan(), []
    threads = [
        threading.Thread(target=_attempt, args=(Bench(folder=bench.folder, database=bench.database), plan, outcomes))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["applied", "target_busy", "target_busy", "target_busy"]
    tally.part = PART
    tally.add(passed_in_session_mode=1)


def _attempt(bench: Bench, plan: object, outcomes: list[str]) -> None:
    try:
        bench.execute(plan)  # type: ignore[arg-type]
        outcomes.append("applied")
    except errors.EngineError as error:
        outcomes.append(error.code)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_a_worker_killed_behind_a_session_pooler_is_found_out(
    mode: Mode, make_trial: MakeTrial, session_pooler: Pooler, tally: Tally
) -> None:
    trial = make_trial(mode, through=session_pooler)
    point = "journal_started:2" if mode.index else "body_done:1"
    name, _, nth = point.partition(":")
    run = trial.next()
    process = trial.work(run, f"{name}:stop:{nth}")
    wait_until_frozen(process)
    assert outside.sessions(trial.database, run.pk), "the session keeps its name, so that it is found after a crash"
    process.kill()
    assert end(process) == -signal.SIGKILL
    trial.recover(run)
    assert trial.judge(run) is Outcome.EXACTLY_ONCE
    assert trial.finish(run) is Outcome.EXACTLY_ONCE
    tally.part = PART
    tally.add(passed_in_session_mode=1)
