"""Cases of docs/faults.md that need no process and no broken line, one test each."""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from django.utils import timezone

from dashboard.engine import errors
from dashboard.engine.database import connection as connections
from dashboard.engine.database import locks, wire
from dashboard.engine.database.connection import Connection
from dashboard.engine.run.events import StepRetried
from dashboard.models import Run
from dashboard.services import execution, runs
from tests.engine.folders import Bench
from tests.faults import outside
from tests.faults.conftest import MakeTrial
from tests.faults.trial import TX, Outcome
from tests.fix_postgres import Database
from tests.waiting import wait_until

CODE = Path(__file__).parents[2] / "dashboard"


def test_no_code_hands_sql_to_the_program_psql() -> None:
    """Case 7: a `\\!` in a file would be a shell."""
    programs = re.compile(r"""["'/]psql["']""")
    assert not [path for path in CODE.rglob("*.py") if programs.search(path.read_text(encoding="utf-8"))]


def test_no_verdict_rests_on_the_status_of_a_transaction_id() -> None:
    """Case 45: ids are used again after a crash of the server, and the status then speaks of another transaction."""
    code = [path for pattern in ("*.py", "*.sql") for path in CODE.rglob(pattern)]
    assert not [path for path in code if "xact_status(" in path.read_text(encoding="utf-8")]


def test_after_a_refused_copy_the_lock_is_free(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Case 8: the connection is of no use any more, so it is closed, and everything it held is let go."""
    bench.write("001_copy.sql", "CREATE TABLE a (id int);")
    plan = bench.plan()
    send = wire.send
    monkeypatch.setattr(wire, "send", lambda connection, sql: send(connection, "COPY pg_class TO STDOUT"))
    with pytest.raises(errors.StatementFailed, match="COPY"):
        bench.execute(plan)
    monkeypatch.undo()
    wait_until(lambda: _is_free(bench), "the lock is free")
    bench.execute(plan)
    assert bench.tables() == {"public.a"}


def _is_free(bench: Bench) -> bool:
    with (
        suppress(errors.TargetBusy),
        connections.working(bench.access, name="a look") as connection,
        locks.held(connection, "test"),
    ):
        return True
    return False


def test_a_commit_that_is_answered_with_rollback_is_a_failure(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Case 28: COMMIT of a broken transaction raises nothing; only its tag tells."""
    bench.write("001_users.sql", "CREATE TABLE users (id int);")
    send = wire.send

    def break_before_commit(connection: Connection, sql: str) -> wire.Reply:
        if sql == "COMMIT":
            with suppress(psycopg.Error):
                connection.execute("SELECT 1/0")
        return send(connection, sql)

    monkeypatch.setattr(wire, "send", break_before_commit)
    with pytest.raises(errors.StatementFailed, match="COMMIT was answered with ROLLBACK"):
        bench.apply()
    assert bench.tables() == set()
    assert outside.history(bench.database) == []


def test_two_urls_of_one_database_share_its_lock(bench: Bench) -> None:
    """Case 38: the lock is in the database, so no second name goes round it."""
    bench.write("001_users.sql", "CREATE TABLE users (id int);")
    plan = bench.plan()
    alias = Bench(
        folder=bench.folder,
        database=Database(name=bench.database.name, url=bench.database.url.replace("127.0.0.1", "localhost")),
    )
    with (
        connections.working(bench.access, name="signalbox:77") as other,
        locks.held(other, "test"),
        pytest.raises(errors.TargetBusy, match="signalbox:77"),
    ):
        alias.execute(plan)


def test_timeouts_of_the_platform_are_replaced_by_those_of_the_environment(bench: Bench) -> None:
    """Case 39: Supabase gives every role two minutes; here it is a tenth of a second."""
    for setting in ("statement_timeout = '100ms'", "lock_timeout = '1ms'"):
        bench.database.query(f"ALTER DATABASE {bench.database.name} SET {setting}")
    bench.write("001_slow.sql", "CREATE TABLE slow (id int); SELECT pg_sleep(0.3);")
    bench.apply()
    assert bench.tables() == {"public.slow"}


def test_a_deadlock_with_the_application_is_tried_again_as_a_whole(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 40: whichever side the server ends, the migration is applied once and the application is not harmed."""
    monkeypatch.setattr("dashboard.engine.run.transactional.FIRST_PAUSE", 0.05)
    bench.database.query(f"ALTER DATABASE {bench.database.name} SET deadlock_timeout = '50ms'")
    bench.database.query("CREATE TABLE a (id int); CREATE TABLE b (id int)")
    bench.write("001_both.sql", "ALTER TABLE a ADD COLUMN n int; ALTER TABLE b ADD COLUMN n int;")
    application = bench.database.connect(autocommit=False)
    application.execute("SET deadlock_timeout = '10s'")
    application.execute("LOCK TABLE b")
    crossing = threading.Thread(target=_cross, args=(bench, application))
    crossing.start()
    bench.apply()
    crossing.join()
    application.close()
    assert [event.reason for event in bench.events if isinstance(event, StepRetried)] == ["deadlock detected"]
    assert bench.database.query("SELECT count(*) FROM information_schema.columns WHERE column_name = 'n'") == [(2,)]


def _cross(bench: Bench, application: psycopg.Connection) -> None:
    """Once the migration waits for b, ask for what it holds."""
    waits = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'b'::regclass"
    wait_until(lambda: bench.database.query(waits), "the migration waits for b")
    application.execute("LOCK TABLE a")
    application.rollback()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("hours", [-1, 1])
def test_a_worker_whose_clock_is_wrong_does_its_work_once(
    hours: int, make_trial: MakeTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 82: leases are measured by the control database's clock, times in a target by its own."""
    now = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: now() + timedelta(hours=hours))
    trial = make_trial(TX)
    run = trial.next()
    execution.execute(run.pk)
    assert trial.judge(run) is Outcome.EXACTLY_ONCE
    run = trial.next()
    assert runs.claim(run.pk) is not None
    assert runs.lost() == [], "the lease has just begun"
    Run.objects.filter(pk=run.pk).update(lease_until=now() - timedelta(seconds=1))
    assert [lost.pk for lost in runs.lost()] == [run.pk]
    (applied_at,) = trial.database.query("SELECT applied_at FROM platform.schema_migrations")[0]
    assert abs(applied_at - datetime.now(applied_at.tzinfo)) < timedelta(minutes=1)
