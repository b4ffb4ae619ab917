"""The guards of a step outside a transaction, each by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from dashboard.engine import errors
from dashboard.engine.database import guards
from dashboard.engine.database.tracking import RunTracking, TrackingTables
from dashboard.engine.migration import MigrationId
from dashboard.engine.run import watch
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.run.events import Ending, RunEvent, StatementFinished, StepEnded
from tests.engine.folders import Bench
from tests.waiting import wait_until

OUTSIDE = "-- signalbox: transaction=none\n"


def test_a_block_after_which_nothing_can_be_noted_is_not_called_undone(people_bench: Bench) -> None:
    people_bench.write(
        "002_deaf.sql",
        f"{OUTSIDE}CREATE TABLE one (id int);\nDO $$ BEGIN CREATE TABLE two (id int); "
        "ALTER TABLE platform.migration_audit_log ADD CHECK (outcome <> 'done') NOT VALID; END $$;",
    )
    with pytest.raises(errors.PartlyApplied):
        people_bench.apply()
    assert [event.ending for event in people_bench.events if isinstance(event, StepEnded)] == [Ending.PARTIAL]
    assert people_bench.unfinished() == [(1, True), (2, False)]
    assert "public.two" in people_bench.tables()


def test_an_error_around_a_statement_does_not_hide_what_was_committed_before_it(
    people_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    people_bench.write("002_steps.sql", f"{OUTSIDE}CREATE TABLE one (id int);\nCREATE TABLE two (id int);")
    read, reads = guards.transaction_state, []

    def fail_at_the_second(tables: TrackingTables) -> guards.TransactionState:
        reads.append(tables)
        if len(reads) == 3:  # before and after the first statement, then before the second
            raise psycopg.errors.QueryCanceled("canceling statement due to statement timeout")
        return read(tables)

    monkeypatch.setattr(guards, "transaction_state", fail_at_the_second)
    with pytest.raises(errors.PartlyApplied, match="statement 1 is committed"):
        people_bench.apply()
    assert people_bench.unfinished() == [(1, True)]


# Its own small transaction


def test_a_statement_and_the_word_that_it_is_done_are_one_transaction(people_bench: Bench) -> None:
    people_bench.write("002_one.sql", f"{OUTSIDE}INSERT INTO people VALUES ('Eve');")
    people_bench.apply()
    done = "SELECT l.xmin::text FROM platform.migration_audit_log l WHERE outcome = 'done'"
    assert people_bench.database.query(
        "SELECT xmin::text FROM people WHERE name = 'Eve'"
    ) == people_bench.database.query(done)


def test_the_history_and_the_log_are_written_together(people_bench: Bench) -> None:
    people_bench.write("002_one.sql", f"{OUTSIDE}INSERT INTO people VALUES ('Eve');")
    people_bench.apply()
    row = "SELECT xmin::text FROM platform.schema_migrations WHERE version = '002'"
    logged = "SELECT xmin::text FROM platform.migration_audit_log WHERE version = '002' AND outcome = 'succeeded'"
    assert people_bench.database.query(row) == people_bench.database.query(logged)


DELETE_LATE = (
    "CREATE FUNCTION late() RETURNS {} LANGUAGE plpgsql AS 'BEGIN DELETE FROM platform.schema_migrations; {} END'"
)

BEHIND_OUR_BACK = {
    "a deferred trigger": (
        DELETE_LATE.format("trigger", "RETURN NULL;"),
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON people DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION late()",
        "INSERT INTO people VALUES ('Eve')",
    ),
    "a cursor that is read at COMMIT": (
        DELETE_LATE.format("int", "RETURN 1;"),
        "CREATE FUNCTION opens() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN EXECUTE ''DECLARE c CURSOR WITH HOLD FOR SELECT late()''; RETURN NULL; END'",
        "CREATE TRIGGER opens AFTER INSERT ON people EXECUTE FUNCTION opens()",
        "INSERT INTO people VALUES ('Eve')",
    ),
    "a comparison of its own": (
        "CREATE SCHEMA evil",
        "CREATE FUNCTION evil.never(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT false'",
        "CREATE OPERATOR evil.<> (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.never)",
        "SET search_path = evil, pg_catalog, public",
        "DELETE FROM platform.schema_migrations",
    ),
}


@pytest.mark.parametrize("way", BEHIND_OUR_BACK)
def test_no_statement_changes_the_history_behind_our_back(people_bench: Bench, way: str) -> None:
    before = people_bench.history.row(MigrationId("001", "people"))
    people_bench.write("002_evil.sql", OUTSIDE + ";\n".join(BEHIND_OUR_BACK[way]) + ";")
    with suppress(errors.PartlyApplied):  # the cursor is closed before it is read, and does no harm
        people_bench.apply()
    assert people_bench.history.row(MigrationId("001", "people")) == before


@pytest.mark.parametrize("query", ["SELECT late()", "DECLARE c CURSOR WITH HOLD FOR SELECT late()"])
def test_a_query_that_changed_the_history_is_not_called_applied(people_bench: Bench, query: str) -> None:
    """Sent bare, it has committed by the time anyone can look."""
    people_bench.write("002_evil.sql", f"{OUTSIDE}{DELETE_LATE.format('int', 'RETURN 1;')};\n{query};")
    with pytest.raises(errors.PartlyApplied, match="changed the history"):
        people_bench.apply()
    row = people_bench.history.row(MigrationId("002", "evil"))
    assert row is not None
    assert not row.success


def test_a_sum_that_the_migration_forged_does_not_hide_what_it_changed(people_bench: Bench) -> None:
    known = "SELECT version || ' ' || name || ' ' || checksum || ' ' || success || ' ' || run_id || ' ' || kind {}"
    (row,) = people_bench.database.query(known.format("FROM platform.schema_migrations"))
    people_bench.write(
        "002_evil.sql",
        f"{OUTSIDE}CREATE SCHEMA evil;\n"
        f"CREATE FUNCTION evil.same(text, text) RETURNS text LANGUAGE sql AS $$ SELECT '{row[0]}' $$;\n"
        "CREATE OPERATOR evil.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.same);\n"
        "SET search_path = evil, pg_catalog, public;\n"
        "DO $$ BEGIN UPDATE platform.schema_migrations SET checksum = 'x'; END $$;",
    )
    with pytest.raises(errors.PartlyApplied, match="changed the history"):
        people_bench.apply()


# Settings


def test_what_an_earlier_migration_set_reaches_no_file_outside_a_transaction(people_bench: Bench) -> None:
    people_bench.write("002_leaky.sql", "SET work_mem = '77MB';")
    people_bench.write(
        "003_looks.sql", f"{OUTSIDE}CREATE TABLE seen AS SELECT current_setting('work_mem') AS work_mem;"
    )
    people_bench.apply()
    assert people_bench.database.query("SELECT work_mem FROM seen") != [("77MB",)]


def test_the_lock_timeout_is_back_after_a_build(people_bench: Bench) -> None:
    people_bench.write(
        "002_build.sql",
        f"{OUTSIDE}CREATE INDEX CONCURRENTLY people_name ON people (name);\n"
        "CREATE TABLE seen AS SELECT current_setting('lock_timeout') AS lock_timeout;",
    )
    people_bench.apply()
    assert people_bench.database.query("SELECT lock_timeout FROM seen") == [("3s",)]


def test_the_record_is_durable_whatever_the_file_sets(people_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    record, recorded = RunTracking.record, []

    def look_and_record(tables: RunTracking, *args: Any, **kwargs: Any) -> None:
        recorded.append(tables.connection.execute("SHOW synchronous_commit").fetchone())
        record(tables, *args, **kwargs)

    monkeypatch.setattr(RunTracking, "record", look_and_record)
    people_bench.write("002_fast.sql", f"{OUTSIDE}SET synchronous_commit = off;\nINSERT INTO people VALUES ('Eve');")
    people_bench.apply()
    assert recorded == [("on",)]


@pytest.mark.parametrize(
    "switch",
    [
        "SET ROLE pg_monitor",
        "SET SESSION AUTHORIZATION pg_monitor",
        "DO $$ BEGIN SET ROLE pg_monitor; END $$",
        "SELECT set_config('role', 'pg_monitor', false)",
    ],
)
def test_journal_and_record_are_written_under_our_own_name(people_bench: Bench, switch: str) -> None:
    people_bench.write("002_role.sql", f"{OUTSIDE}{switch};\nNOTIFY c;\nSELECT 1;\nCREATE TEMP TABLE t (id int);")
    people_bench.apply()
    assert people_bench.history.row(MigrationId("002", "role"))


def test_a_role_of_the_file_stays_until_the_file_gives_it_up(people_bench: Bench) -> None:
    people_bench.write(
        "002_role.sql",
        f"{OUTSIDE}CREATE TABLE seen (who name);\nGRANT INSERT ON seen TO pg_monitor;\nSET ROLE pg_monitor;\n"
        "INSERT INTO seen VALUES (current_user);\nSELECT 1;\nINSERT INTO seen VALUES (current_user);\nRESET ROLE;\n"
        "INSERT INTO seen VALUES (current_user);",
    )
    people_bench.apply()
    assert people_bench.database.query("SELECT who FROM seen") == [("pg_monitor",), ("pg_monitor",), ("postgres",)]


def test_a_file_that_makes_its_session_read_only_is_journaled_all_the_same(people_bench: Bench) -> None:
    people_bench.write("002_reads.sql", f"{OUTSIDE}SET default_transaction_read_only = on;\nSELECT 1;")
    people_bench.apply()
    assert people_bench.history.row(MigrationId("002", "reads"))


# Cancelled, and overtaken


def test_a_cancel_before_a_build_leaves_it_unbegun(people_bench: Bench) -> None:
    people_bench.write(
        "002_build.sql",
        f"{OUTSIDE}INSERT INTO people VALUES ('Eve');\nCREATE INDEX CONCURRENTLY people_name ON people (name);",
    )
    cancellation = Cancellation()

    def cancel(event: RunEvent) -> None:
        if isinstance(event, StatementFinished):
            cancellation.cancel("bob")

    with pytest.raises(errors.PartlyApplied):
        people_bench.run_watched(cancel, cancellation)
    assert people_bench.unfinished() == [(1, True)]


def test_an_index_that_someone_else_left_invalid_meanwhile_is_not_taken_for_ours(people_bench: Bench) -> None:
    """It was under way when we looked, and IF NOT EXISTS takes it for the one that is wanted."""
    build = "CREATE UNIQUE INDEX CONCURRENTLY {}people_key ON people (name)"
    people_bench.write("002_build.sql", build.format("IF NOT EXISTS ") + ";")
    plan = people_bench.plan()
    writer = people_bench.database.connect(autocommit=False)
    writer.execute("INSERT INTO people VALUES ('Grace')")
    rival = threading.Thread(target=_fail_to_build, args=(people_bench, build.format("")))
    rival.start()
    wait_until(lambda: people_bench.database.query(WAITING.format("virtualxid")))
    release = threading.Thread(target=_release, args=(people_bench, writer))
    release.start()
    with pytest.raises(errors.EngineError, match="invalid"):
        people_bench.execute(plan, run_id="2")
    rival.join()
    release.join()
    assert [row.version for row in people_bench.history.rows if row.success] == ["001"]


WAITING = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE UNIQUE INDEX%' AND wait_event = '{}'"


def _fail_to_build(bench: Bench, build: str) -> None:
    with bench.database.connect() as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(build)


def _release(bench: Bench, writer: psycopg.Connection) -> None:
    """Once ours waits for the table too."""
    wait_until(lambda: bench.database.query(WAITING.format("relation")))
    writer.rollback()
    writer.close()


# Rows and columns of ours, outside a transaction

REWRITES = {
    "who did it": "UPDATE platform.schema_migrations SET applied_by = 'somebody else'",
    "when": "UPDATE platform.schema_migrations SET applied_at = '2000-01-01'",
    "what a rollback runs": "UPDATE platform.schema_migrations SET rollback_script = 'DROP SCHEMA public CASCADE'",
    "what ran": "UPDATE platform.schema_migrations SET forward_script = 'SELECT 1'",
    "which attempt": "UPDATE platform.schema_migrations SET attempt_id = 'other'",
    "a row": "DELETE FROM platform.schema_migrations",
    "a row of the log": "ALTER TABLE platform.migration_audit_log DISABLE TRIGGER append_only; "
    "UPDATE platform.migration_audit_log SET executed_by = 'somebody-else', message = 'forged'; "
    "ALTER TABLE platform.migration_audit_log ENABLE TRIGGER append_only",
    "rows of the log": "ALTER TABLE platform.migration_audit_log DISABLE TRIGGER append_only; "
    "DELETE FROM platform.migration_audit_log; ALTER TABLE platform.migration_audit_log ENABLE TRIGGER append_only",
    "one row more": "INSERT INTO platform.migration_audit_log (version, executed_by) VALUES ('001', 'forged')",
    "the guard of the log": "ALTER TABLE platform.migration_audit_log DISABLE TRIGGER append_only",
    "a trigger on the history": "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; "
    "CREATE TRIGGER t BEFORE INSERT ON platform.schema_migrations FOR EACH ROW EXECUTE FUNCTION f()",
    "a rule on the log": "CREATE RULE r AS ON INSERT TO platform.migration_audit_log DO INSTEAD NOTHING",
    "the sequence of the log": "PERFORM setval('platform.migration_audit_log_id_seq', 9223372036854775807)",
    "the sequence of the log, by a little": "PERFORM setval('platform.migration_audit_log_id_seq', 77)",
}


@pytest.mark.parametrize("fails", [False, True], ids=["ends well", "then fails"])
@pytest.mark.parametrize("rewrite", REWRITES)
def test_no_block_rewrites_what_is_ours_unseen(people_bench: Bench, rewrite: str, fails: bool) -> None:
    """It commits by itself, and nothing of it can be undone: but it is told, and nothing is called applied."""
    then = "COMMIT; PERFORM 1/0;" if fails else ""
    body = f"EXECUTE 'SELECT 1'; {REWRITES[rewrite]}; {then}"
    people_bench.write("002_forges.sql", f"{OUTSIDE}CREATE TABLE one (id int);\nDO $$ BEGIN {body} END $$;\nSELECT 1;")
    with pytest.raises(errors.PartlyApplied, match=r"that Signalbox keeps|how Signalbox keeps or guards") as caught:
        people_bench.apply()
    assert "statements 1 to 2 are committed" in str(caught.value)
    assert "Compare schema_migrations and migration_audit_log with a backup" in caught.value.remedy
    row = people_bench.history.row(MigrationId("002", "forges"))
    assert row is None or not row.success


SILENTLY = "ALTER TABLE platform.migration_audit_log DISABLE TRIGGER append_only; {}; " + (
    "ALTER TABLE platform.migration_audit_log ENABLE TRIGGER append_only"
)
OF_ROWS = REWRITES | {
    "the journal of its own step": SILENTLY.format("DELETE FROM platform.migration_audit_log WHERE version = '002'"),
    "a word of the journal": SILENTLY.format(
        "UPDATE platform.migration_audit_log SET outcome = 'undone' WHERE version = '002'"
    ),
    "one row for another": SILENTLY.format(
        "INSERT INTO platform.migration_audit_log (id, version, executed_by, name, action, outcome) "
        "OVERRIDING SYSTEM VALUE SELECT 0, version, executed_by, name, action, outcome "
        "FROM platform.migration_audit_log LIMIT 1; "
        "DELETE FROM platform.migration_audit_log WHERE id = (SELECT max(id) FROM platform.migration_audit_log)"
    ),
}


@pytest.fixture
def no_time_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "ALLOWANCE", -1e9)


@pytest.mark.usefixtures("no_time_to_look")
@pytest.mark.parametrize("then", ["SELECT 1;", "CREATE TABLE people (id int);"], ids=["goes on", "then fails"])
@pytest.mark.parametrize("rewrite", OF_ROWS)
def test_a_look_that_is_put_off_misses_nothing(people_bench: Bench, rewrite: str, then: str) -> None:
    block = f"DO $$ BEGIN {OF_ROWS[rewrite]}; END $$;"
    people_bench.write("002_forges.sql", f"{OUTSIDE}CREATE TABLE one (id int);\nSELECT 1;\n{block}\n{then}")
    with pytest.raises(errors.PartlyApplied, match=r"that Signalbox keeps|how Signalbox keeps or guards") as caught:
        people_bench.apply()
    assert "Compare schema_migrations and migration_audit_log with a backup" in caught.value.remedy
    row = people_bench.history.row(MigrationId("002", "forges"))
    assert row is None or not row.success


@pytest.mark.usefixtures("no_time_to_look")
def test_a_look_that_was_put_off_says_which_statements_it_is_about(people_bench: Bench) -> None:
    block = f"DO $$ BEGIN {REWRITES['who did it']}; END $$;"
    people_bench.write("002_forges.sql", f"{OUTSIDE}CREATE TABLE one (id int);\n{block}\nSELECT 1;\nSELECT 1/0;")
    with pytest.raises(errors.PartlyApplied, match="history that Signalbox keeps, in one of the statements 2 to 4"):
        people_bench.apply()


def test_looking_takes_no_longer_than_the_work(people_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rows there are: here a look takes a tenth of a second, and the statements next to nothing."""
    looks, look = [], guards.row_versions

    def slow(tables: TrackingTables, own: Sequence[int]) -> guards.RowVersions:
        looks.append(len(own))
        time.sleep(0.1)
        return look(tables, own)

    monkeypatch.setattr(guards, "row_versions", slow)
    people_bench.write("002_many.sql", OUTSIDE + "SELECT 1;\n" * 200)
    people_bench.apply()
    assert len(looks) < 100
    assert looks[-1] == 400  # at the end, with everything that was noted


def test_to_write_the_same_again_is_no_change(people_bench: Bench) -> None:
    block = "DO $$ BEGIN UPDATE platform.schema_migrations SET name = name; END $$;"
    people_bench.write("002_same.sql", f"{OUTSIDE}{block}\nSELECT 1;")
    people_bench.apply()
    assert people_bench.history.row(MigrationId("002", "same"))


def test_what_a_block_may_do_is_not_taken_for_a_change_of_ours(people_bench: Bench) -> None:
    people_bench.write(
        "002_harmless.sql",
        f"{OUTSIDE}DO $$ BEGIN ANALYZE; GRANT SELECT ON ALL TABLES IN SCHEMA platform TO pg_monitor; END $$;\n"
        "VACUUM FULL;\nREINDEX SCHEMA CONCURRENTLY platform;\nCREATE INDEX CONCURRENTLY i ON people (name);",
    )
    people_bench.apply()
    row = people_bench.history.row(MigrationId("002", "harmless"))
    assert row
    assert row.success


# The sequence of the log

PUSHES = "SELECT setval('platform.migration_audit_log_id_seq', 9223372036854775807);"


def test_a_migration_that_pushes_the_sequence_is_refused_and_the_log_goes_on(people_bench: Bench) -> None:
    people_bench.write("002_pushes.sql", PUSHES)
    with pytest.raises(errors.StatementFailed, match="tracking tables") as caught:
        people_bench.apply()
    assert "It pushed the sequence of migration_audit_log away, which was set right." in caught.value.state_now
    _goes_on(people_bench)


def test_a_savepoint_does_not_hide_it(people_bench: Bench) -> None:
    people_bench.write("002_pushes.sql", f"SAVEPOINT s; {PUSHES} ROLLBACK TO s;")
    with pytest.raises(errors.StatementFailed, match="tracking tables"):
        people_bench.apply()
    _goes_on(people_bench)


def test_a_migration_that_fails_after_it_stops_no_environment(people_bench: Bench) -> None:
    people_bench.write("002_pushes.sql", f"{PUSHES}\nSELECT 1/0;")
    with pytest.raises(errors.StatementFailed, match="division by zero") as caught:
        people_bench.apply()
    assert "It pushed the sequence" in caught.value.state_now
    assert people_bench.log("outcome, message")[-1] == (
        "failed",
        "division by zero. It pushed the sequence of migration_audit_log away, which was set right.",
    )
    _goes_on(people_bench)


@pytest.mark.parametrize("value", [1, 9223372036854775807])
def test_one_that_was_pushed_by_hand_is_set_right_before_the_next_run(people_bench: Bench, value: int) -> None:
    people_bench.database.query(f"SELECT setval('platform.migration_audit_log_id_seq', {value})")
    people_bench.write("002_next.sql", "SELECT 1;")
    _goes_on(people_bench)


def _goes_on(bench: Bench) -> None:
    for file in bench.folder.glob("002_*"):
        file.unlink()
    bench.write("002_next.sql", "CREATE TABLE next (id int);")
    bench.apply()
    numbers = [int(str(number)) for (number,) in bench.log("id")]
    assert numbers == list(range(1, len(numbers) + 1)) or max(numbers) < 100
    assert "public.next" in bench.tables()
