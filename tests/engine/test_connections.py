"""What stands around a run on its connection: settings, a clean session, the lock, the tracking tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from dashboard.engine import errors, localserver
from dashboard.engine.database import connection as connections
from dashboard.engine.database import doctor, locks, tracking, wire
from dashboard.engine.database.connection import Address, Connection
from dashboard.engine.database.tracking import Attempt, RunTracking, TrackingTables
from dashboard.engine.errors import ServerError
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Action, Step
from dashboard.engine.run.events import StatementFinished
from dashboard.engine.run.session import NOTICE_LENGTH, NOTICE_LIMIT, NOTICES_LENGTH
from tests.engine.folders import SCHEMA, Bench

ATTEMPT = Attempt(run_id="1", by="alice")
STEP = Step(action=Action.APPLY, version="001", name="a", key="001", file="", sql="SELECT 1;", checksum="c")


@pytest.fixture
def working_connection(bench: Bench) -> Iterator[Connection]:
    with connections.working(bench.access, name="signalbox:1") as connection:
        yield connection


@pytest.fixture
def run_tracking(working_connection: Connection) -> RunTracking:
    tables = RunTracking(working_connection, SCHEMA, ATTEMPT)
    tables.prepare()
    return tables


def one(connection: Connection, statement: str) -> object:
    row = connection.execute(statement).fetchone()  # type: ignore[call-overload]
    return row[0] if row else None


# Settings


@pytest.mark.parametrize(
    ("setting", "set_there", "value"),
    [
        ("lock_timeout", "1ms", "3s"),
        ("statement_timeout", "1h", "0"),
        ("idle_in_transaction_session_timeout", "1ms", "1min"),
        ("standard_conforming_strings", "off", "on"),
        ("client_encoding", "LATIN1", "UTF8"),
        ("client_connection_check_interval", "0", "1s"),
    ],
)
def test_a_run_has_settings_of_its_own(bench: Bench, setting: str, set_there: str, value: str) -> None:
    bench.database.query(f"ALTER DATABASE {bench.database.name} SET {setting} = '{set_there}'")
    with connections.working(bench.access, name="signalbox:1") as connection:
        assert one(connection, f"SHOW {setting}") == value


def test_a_transaction_timeout_of_the_database_ends_no_run(bench: Bench) -> None:
    if bench.database.query("SELECT 1 FROM pg_settings WHERE name = 'transaction_timeout'"):
        bench.database.query(f"ALTER DATABASE {bench.database.name} SET transaction_timeout = '1s'")
    bench.write("001_slow.sql", "CREATE TABLE slow (id int); SELECT pg_sleep(1.5);")
    bench.apply()
    assert "public.slow" in bench.tables()


def test_what_a_migration_sets_for_the_database_reaches_the_next_one(bench: Bench) -> None:
    """As it does where each file has a connection of its own."""
    name = bench.database.name
    bench.write("001_path.sql", f"CREATE SCHEMA app; ALTER DATABASE {name} SET search_path TO app, public;")
    bench.write("002_in_it.sql", "CREATE TABLE things (id int);")
    bench.write("003_back.sql", f"ALTER DATABASE {name} RESET search_path;")
    bench.write("004_outside.sql", "-- signalbox: transaction=none\nCREATE TABLE others (id int);")
    bench.apply()
    assert bench.tables() == {"app.things", "public.others"}


def test_settings_that_a_pooler_dropped_are_said_again(bench: Bench) -> None:
    with bench.database.connect() as connection:
        connections.reset(connection, bench.access)
        assert one(connection, "SHOW lock_timeout") == "3s"


def test_a_look_cannot_write_and_does_not_last(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with connections.reading(bench.address) as connection:
        assert one(connection, "SHOW statement_timeout") == "10s"
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("CREATE TABLE a (id int)")
    monkeypatch.setattr(connections, "LOOK_AT_MOST", 0.3)
    with connections.reading(bench.address) as connection, pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT pg_sleep(5)")


@pytest.mark.parametrize(
    ("left", "is_gone"),
    [
        ("SET SESSION AUTHORIZATION pg_monitor", "SELECT session_user = 'postgres'"),
        ("SET ROLE pg_monitor", "SELECT current_user = 'postgres'"),
        ("SET work_mem = '77MB'", "SELECT current_setting('work_mem') <> '77MB'"),
        ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", "SELECT NOT EXISTS (SELECT FROM pg_cursors)"),
        ("LISTEN anything", "SELECT NOT EXISTS (SELECT FROM pg_listening_channels())"),
        ("PREPARE q AS SELECT 1", "SELECT NOT EXISTS (SELECT FROM pg_prepared_statements)"),
        ("CREATE TEMP TABLE t (id int)", "SELECT to_regclass('pg_temp.t') IS NULL"),
    ],
)
def test_a_reset_leaves_nothing_in_the_session(
    bench: Bench, working_connection: Connection, left: str, is_gone: str
) -> None:
    working_connection.execute(left)  # type: ignore[call-overload]
    connections.reset(working_connection, bench.access)
    assert one(working_connection, is_gone) is True


def test_a_reset_forgets_what_sequences_gave(bench: Bench, working_connection: Connection) -> None:
    working_connection.execute("CREATE SEQUENCE s")
    working_connection.execute("SELECT nextval('s')")
    connections.reset(working_connection, bench.access)
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        working_connection.execute("SELECT lastval()")


def test_the_reason_of_an_error_holds_no_password(bench: Bench) -> None:
    address = replace(bench.address, url="postgresql://app:s3cret-pw@db.example/app")
    for server_error in ("no user app with s3cret-pw", "cannot reach postgresql://app:s3cret-pw@db.example/app"):
        assert "s3cret-pw" not in connections.reason_of(psycopg.OperationalError(server_error), address)


# What a statement may cost


def test_a_server_that_answers_with_an_error_is_not_called_down(bench: Bench) -> None:
    bench.database = replace(bench.database, url=f"{bench.database.url}_gone")
    with pytest.raises(errors.SessionRefused) as caught:
        bench.look()
    assert "answered at" in str(caught.value)
    assert "does not exist" in str(caught.value)
    assert caught.value.remedy.startswith("Mend what the server names")
    bench.database = replace(bench.database, url="postgresql://app@127.0.0.1:1/db")
    with pytest.raises(errors.TargetUnreachable) as silent:
        bench.look()
    assert "Check that the database is up" in silent.value.remedy


def test_an_event_trigger_that_writes_at_login_is_named(bench: Bench) -> None:
    if bench.database.query("SHOW server_version_num")[0][0] < "170000":
        return  # it has no such triggers
    bench.database.query(
        "CREATE TABLE logins (at timestamptz);"
        "CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO public.logins VALUES (now()); END $$;"
        "CREATE EVENT TRIGGER note ON login EXECUTE FUNCTION note()"
    )
    with pytest.raises(errors.SessionRefused, match="read-only transaction") as caught:
        bench.look()
    assert "An event trigger ON login may write" in caught.value.remedy


def test_of_many_long_notices_a_few_are_kept_and_cut(bench: Bench) -> None:
    loud = "DO $$ BEGIN FOR i IN 1..300 LOOP RAISE NOTICE '%', repeat('x', 5000); END LOOP; END $$;"
    bench.write("001_loud.sql", loud * 5)
    bench.apply()
    kept = [event.notices for event in bench.events if isinstance(event, StatementFinished)]
    assert len(kept[0]) == NOTICE_LIMIT + 1, "and how many more there were"
    assert max(len(notice) for notices in kept for notice in notices) < NOTICE_LENGTH + 20
    assert sum(len(notice) for notices in kept for notice in notices) < NOTICES_LENGTH + 1000


def test_two_statements_in_one_message_are_refused_by_the_server(working_connection: Connection) -> None:
    with pytest.raises(psycopg.errors.SyntaxError, match="multiple commands"):
        wire.send(working_connection, "SELECT 1; SELECT 2")


def test_rows_are_dropped_as_they_come(working_connection: Connection) -> None:
    assert wire.send(working_connection, "SELECT generate_series(1, 500)") == wire.Reply(tag="SELECT 500", rows=500)


def test_the_text_of_an_error_is_cut_before_it_is_kept(bench: Bench, working_connection: Connection) -> None:
    huge = "DO $$ BEGIN RAISE EXCEPTION '%', repeat('A', 1000000); END $$"
    with pytest.raises(psycopg.Error) as caught:
        wire.send(working_connection, huge)
    assert len(str(caught.value)) <= wire.MESSAGE_BYTES
    bench.write("001_huge.sql", f"{huge};")
    with pytest.raises(errors.StatementFailed):
        bench.apply()
    row = bench.history.row(MigrationId("001", "huge"))
    assert row
    assert len(row.error_message or "") <= tracking.MESSAGE_LIMIT


def test_text_that_postgresql_cannot_keep_is_made_keepable() -> None:
    assert tracking.storable("a\0b") == "a\N{SYMBOL FOR NULL}b"


# The lock


def test_the_lock_is_free_after_it_was_held(bench: Bench, working_connection: Connection) -> None:
    with locks.held(working_connection, "test"):
        assert locks.is_held(working_connection)
    with connections.working(bench.access, name="signalbox:2") as rival, locks.held(rival, "test"):
        assert locks.is_held(rival)
        assert not locks.is_held(working_connection), "what another session holds is not ours"


def test_a_try_for_the_lock_never_waits(bench: Bench, working_connection: Connection) -> None:
    """The form that waits deadlocks with CREATE INDEX CONCURRENTLY."""
    with connections.working(bench.access, name="signalbox:2") as rival, locks.held(rival, "test"):
        working_connection.execute("SET lock_timeout = '200ms'")
        with pytest.raises(errors.TargetBusy, match="signalbox:2"), locks.held(working_connection, "test"):
            pass


# The tracking tables


def test_a_success_is_recorded_once(run_tracking: RunTracking) -> None:
    run_tracking.record(STEP, ms=1)
    with pytest.raises(errors.PlanChanged, match="recorded already"):
        run_tracking.record(replace(STEP, checksum="d"), ms=2)
    assert one(run_tracking.connection, "SELECT checksum FROM platform.schema_migrations") == "c"


@pytest.mark.parametrize("action", [Action.ROLLBACK, Action.UNSKIP])
def test_what_is_not_recorded_so_cannot_be_removed(run_tracking: RunTracking, action: Action) -> None:
    if action is Action.UNSKIP:
        run_tracking.record(STEP, ms=1)
    with pytest.raises(errors.PlanChanged, match="not recorded as"):
        run_tracking.record(replace(STEP, action=action), ms=1)


def test_starting_over_forgets_a_failure_and_no_success(run_tracking: RunTracking) -> None:
    run_tracking.record(STEP, ms=1)
    run_tracking.record(replace(STEP, action=Action.RESET), ms=1)
    assert one(run_tracking.connection, "SELECT success FROM platform.schema_migrations") is True


def test_a_failed_rollback_is_no_failed_migration(run_tracking: RunTracking) -> None:
    server_error = ServerError(sqlstate="22012", message="division by zero")
    run_tracking.record_failure(replace(STEP, action=Action.ROLLBACK), server_error)
    assert one(run_tracking.connection, "SELECT count(*) FROM platform.schema_migrations") == 0
    assert one(run_tracking.connection, "SELECT outcome FROM platform.migration_audit_log") == "failed"


def test_a_table_that_is_no_history_is_not_adopted(working_connection: Connection) -> None:
    working_connection.execute("CREATE SCHEMA platform")
    working_connection.execute("CREATE TABLE platform.schema_migrations (version text, dirty boolean)")
    with pytest.raises(errors.TrackingTableUnusable):
        TrackingTables(working_connection, SCHEMA).prepare()
    assert (
        one(
            working_connection,
            "SELECT count(*) FROM pg_attribute WHERE attrelid = 'platform.schema_migrations'::regclass AND attnum > 0",
        )
        == 2
    )


def test_the_tables_are_made_together_or_not_at_all(
    working_connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "_PREPARATION", (*tracking._PREPARATION[:3], (None, ("no such query",))))
    with pytest.raises(KeyError):
        TrackingTables(working_connection, SCHEMA).prepare()
    assert one(working_connection, "SELECT to_regnamespace('platform')") is None


def test_a_fuse_that_was_taken_out_is_put_back_before_the_next_run(bench: Bench, run_tracking: RunTracking) -> None:
    run_tracking.connection.execute("DROP TRIGGER fuse ON platform.migration_fuse")
    run_tracking.connection.execute("ALTER TABLE platform.migration_fuse DROP CONSTRAINT fuse_pair")
    bench.write("001_a.sql", "CREATE TABLE a (id int);")
    bench.apply()
    assert one(run_tracking.connection, "SELECT count(*) FROM pg_trigger WHERE tgname = 'fuse'") == 1
    assert one(run_tracking.connection, "SELECT count(*) FROM pg_constraint WHERE conname = 'fuse_pair'") == 1


# The doctor


def test_a_server_too_old_is_refused(
    bench: Bench, working_connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "OLDEST_VERSION", 999_999)
    with pytest.raises(errors.TargetUnsuitable, match="it runs PostgreSQL"):
        doctor.examine(working_connection, bench.address)


def test_a_standby_is_refused_as_one() -> None:
    with localserver.running(ephemeral=True) as server:
        url = server.create_database("app")
        server.kill("fast")
        (server.data_dir / "pgdata" / "standby.signal").touch()
        server.restart()
        address = Address(environment="test", name="Test", variable="TEST_URL", url=url)
        with connections.reading(address) as connection, pytest.raises(errors.TargetUnsuitable, match="a standby"):
            doctor.examine(connection, address)
