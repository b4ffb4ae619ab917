"""What a lost run left behind: who may be asked, in which order, and what each answer means."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from dashboard.engine import errors
from dashboard.engine.database import connection as connections
from dashboard.engine.database import doctor, locks
from dashboard.engine.database.connection import Address, Connection
from dashboard.engine.database.tracking import Attempt
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Plan
from dashboard.engine.run import recovery
from dashboard.engine.run.faultpoints import InjectedFault
from dashboard.engine.run.recovery import StepVerdict
from tests.engine.folders import Bench

LOST = "2"  # the run
OUTSIDE = "-- signalbox: transaction=none\n"
UNIQUE = "CREATE UNIQUE INDEX CONCURRENTLY people_key ON people (name)"

type Lose = Callable[[str, str], Plan]


@pytest.fixture
def people_bench(people_bench: Bench) -> Bench:
    """With 002 to be applied next."""
    people_bench.write("002_next.sql", "CREATE TABLE next (id int);")
    return people_bench


@pytest.fixture
def lose(people_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Lose:
    """Run 002 with that text until its worker breaks off at that point of the journal."""

    def lost_at(point: str, text: str) -> Plan:
        def faultpoint(name: str) -> None:
            if name == point:
                raise InjectedFault(name)

        people_bench.write("002_next.sql", text)
        plan = people_bench.plan()
        monkeypatch.setattr("dashboard.engine.run.autocommit.faultpoint", faultpoint)
        with pytest.raises(InjectedFault):
            people_bench.execute(plan, run_id=LOST)
        monkeypatch.undo()
        return plan

    return lost_at


def resolve(bench: Bench, plan: Plan, **options: Any) -> StepVerdict:
    attempt = Attempt(run_id=LOST, by="alice")
    (step,) = recovery.resolve(plan, **{"access": bench.access, "attempt": attempt, **options}).steps
    return step


def test_a_run_of_before_the_log_kept_checksums_is_found_out_about(people_bench: Bench) -> None:
    plan = people_bench.plan()
    people_bench.database.query("ALTER TABLE platform.migration_audit_log DROP COLUMN checksum")
    assert resolve(people_bench, plan) is StepVerdict.UNDONE
    assert people_bench.database.query("SELECT outcome FROM platform.migration_audit_log ORDER BY id DESC LIMIT 1") == [
        ("interrupted",)
    ]


def is_recorded(bench: Bench) -> bool:
    row = bench.history.row(MigrationId("002", "next"))
    return row is not None and row.success


# Who is asked


def test_a_target_that_takes_no_writes_is_not_asked(people_bench: Bench) -> None:
    """A replica may lag behind: what is not there yet is not undone."""
    plan = people_bench.plan()
    people_bench.database.query(f'ALTER DATABASE "{people_bench.database.name}" SET default_transaction_read_only = on')
    with pytest.raises(errors.TargetUnsuitable):
        resolve(people_bench, plan)


def test_another_database_is_not_asked(people_bench: Bench) -> None:
    plan = people_bench.plan()
    elsewhere = replace(plan, identity=replace(plan.identity, database_oid=1))
    with pytest.raises(errors.OtherDatabase):
        resolve(people_bench, elsewhere)


def test_a_target_that_falls_silent_keeps_nobody(people_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(connection: Connection, address: Address) -> None:
        connection.execute("SELECT pg_sleep(15)")

    monkeypatch.setattr(recovery, "AT_MOST", 0.5)
    monkeypatch.setattr(doctor, "examine", silent)
    begun = time.monotonic()
    with pytest.raises(errors.TargetUnreachable):
        resolve(people_bench, people_bench.plan())
    assert time.monotonic() - begun < 10


# What comes before reading


def test_nothing_is_read_while_the_session_of_the_run_will_not_end(
    people_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "PATIENCE", 0.3)
    monkeypatch.setattr(recovery, "GRACE", 1.5)
    name = Attempt(run_id=LOST, by="alice").session_name
    with (
        people_bench.database.connect(application_name=name),
        pytest.raises(errors.TargetBusy, match="which will not end"),
    ):
        resolve(people_bench, people_bench.plan())


def test_nothing_is_read_without_the_lock(people_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session whose name a pooler dropped is found by nobody, but it holds the lock."""
    monkeypatch.setattr(recovery, "PATIENCE", 0.3)
    plan = people_bench.plan()
    with (
        connections.working(people_bench.access, name="nameless") as nameless,
        locks.held(nameless, "test"),
        pytest.raises(errors.TargetBusy),
    ):
        resolve(people_bench, plan)
    assert resolve(people_bench, plan) is StepVerdict.UNDONE


# What the answers mean


def test_a_target_without_tables_holds_nothing_of_the_run(bench: Bench) -> None:
    bench.write("002_next.sql", "CREATE TABLE next (id int);")
    assert resolve(bench, bench.plan(), began=False) is StepVerdict.UNDONE
    assert not bench.history.exists


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("DROP TABLE platform.migration_audit_log", "is not there"),
        ("ALTER TABLE platform.migration_audit_log RENAME outcome TO o", "has no column outcome"),
        ("ALTER SCHEMA platform RENAME TO elsewhere", "is not there"),
    ],
)
def test_a_log_that_is_gone_is_no_proof_that_nothing_was_committed(people_bench: Bench, change: str, says: str) -> None:
    plan = people_bench.plan()
    people_bench.apply(run_id=LOST)
    people_bench.database.query(change)
    with pytest.raises(errors.WitnessGone, match=says):
        resolve(people_bench, plan)


def test_a_log_that_was_made_anew_is_no_proof_that_nothing_was_committed(people_bench: Bench) -> None:
    plan, logs = people_bench.plan(), list[int]()
    people_bench.execute(plan, run_id=LOST, confirm=logs.append)
    people_bench.database.query("DROP TABLE platform.migration_audit_log CASCADE")
    people_bench.write("003_later.sql", "SELECT 1;")
    people_bench.apply(run_id="3")  # makes the table anew
    attempt = Attempt(run_id=LOST, by="alice", log=logs[0])
    with pytest.raises(errors.WitnessGone, match="is another one"):
        resolve(people_bench, plan, attempt=attempt)
    with pytest.raises(errors.WitnessGone, match="is another one"):
        recovery.read(plan, access=people_bench.access, attempt=attempt)


def test_the_log_that_the_run_wrote_to_is_believed(people_bench: Bench) -> None:
    plan, logs = people_bench.plan(), list[int]()
    people_bench.execute(plan, run_id=LOST, confirm=logs.append)
    attempt = Attempt(run_id=LOST, by="alice", log=logs[0])
    assert resolve(people_bench, plan, attempt=attempt) is StepVerdict.COMMITTED


def test_a_log_without_what_the_history_has_of_the_run_is_no_proof_either(people_bench: Bench) -> None:
    plan = people_bench.plan()
    people_bench.apply(run_id=LOST)
    people_bench.database.query(
        "ALTER TABLE platform.migration_audit_log DISABLE TRIGGER USER;"
        f"DELETE FROM platform.migration_audit_log WHERE run_id = '{LOST}'"
    )
    with pytest.raises(errors.WitnessGone, match="has no row of next"):
        resolve(people_bench, plan)


def test_a_fuse_that_was_taken_out_does_not_hide_what_was_committed(people_bench: Bench) -> None:
    plan = people_bench.plan()
    people_bench.apply(run_id=LOST)
    people_bench.database.query("DROP TABLE platform.migration_fuse CASCADE")
    assert resolve(people_bench, plan) is StepVerdict.COMMITTED


def test_a_lost_attempt_is_in_the_log_of_the_target_once(people_bench: Bench) -> None:
    plan = people_bench.plan()
    assert [resolve(people_bench, plan), resolve(people_bench, plan)] == [StepVerdict.UNDONE] * 2
    rows = people_bench.database.query(
        "SELECT version, action, run_id, message FROM platform.migration_audit_log WHERE outcome = 'interrupted'"
    )
    assert rows == [("002", "apply", LOST, "the worker was lost; nothing of this attempt remains")]


def test_what_someone_recorded_by_hand_meanwhile_is_committed(people_bench: Bench, lose: Lose) -> None:
    plan = lose("journal_done", f"{OUTSIDE}CREATE TABLE next (id int);")
    people_bench.database.query(
        "INSERT INTO platform.schema_migrations (version, name, checksum) VALUES ('002', 'next', '')"
    )
    assert resolve(people_bench, plan) is StepVerdict.COMMITTED
    assert people_bench.unfinished() == []


def test_where_something_else_has_its_number_the_step_stays_to_be_settled(people_bench: Bench, lose: Lose) -> None:
    plan = lose("journal_done", f"{OUTSIDE}CREATE TABLE next (id int);")
    people_bench.database.query(
        "INSERT INTO platform.schema_migrations (version, name, checksum) VALUES ('002', 'else', '')"
    )
    assert resolve(people_bench, plan) is StepVerdict.PARTIAL


def test_rows_of_another_attempt_under_the_same_number_are_not_its_own(people_bench: Bench) -> None:
    plan = people_bench.plan()
    people_bench.apply(run_id=LOST)
    attempt = Attempt(run_id=LOST, by="alice", attempt_id="1" * 32)
    assert resolve(people_bench, plan, attempt=attempt) is StepVerdict.UNDONE


def test_what_another_run_committed_is_not_taken_for_this_ones(people_bench: Bench) -> None:
    plan = people_bench.plan()
    people_bench.apply(run_id="7")
    assert resolve(people_bench, plan) is StepVerdict.UNDONE


def test_what_the_run_committed_is_committed(people_bench: Bench) -> None:
    plan = people_bench.plan()
    people_bench.apply(run_id=LOST)
    assert resolve(people_bench, plan) is StepVerdict.COMMITTED


@pytest.mark.parametrize(
    "text", ["CREATE INDEX CONCURRENTLY people_name ON people (name);", "DROP INDEX CONCURRENTLY people_old;"]
)
def test_what_the_catalog_shows_as_done_is_recorded(people_bench: Bench, lose: Lose, text: str) -> None:
    people_bench.database.query("CREATE INDEX people_old ON people (name)")
    plan = lose("statement_done", text)
    assert not is_recorded(people_bench)
    assert resolve(people_bench, plan) is StepVerdict.COMMITTED
    assert is_recorded(people_bench)
    assert people_bench.unfinished() == []


@pytest.mark.parametrize(
    "other",
    [
        "CREATE INDEX people_name ON people (lower(name), name)",
        "CREATE UNIQUE INDEX people_name ON people (name)",
        "CREATE INDEX people_name ON people (name DESC)",
        "CREATE INDEX people_name ON people USING hash (name)",
        "CREATE TABLE others (name text); CREATE INDEX people_name ON others (name)",
    ],
)
def test_another_index_of_the_same_name_is_not_taken_for_the_one_that_was_asked(
    people_bench: Bench, lose: Lose, other: str
) -> None:
    people_bench.database.query("DELETE FROM people WHERE ctid IN (SELECT min(ctid) FROM people)")
    plan = lose("journal_started", "CREATE INDEX CONCURRENTLY people_name ON people (name);")
    people_bench.database.query(other)
    assert resolve(people_bench, plan) is StepVerdict.UNDONE
    assert not is_recorded(people_bench)


def test_an_index_that_may_be_another_stays_in_question(people_bench: Bench, lose: Lose) -> None:
    plan = lose("journal_started", "CREATE INDEX CONCURRENTLY people_name ON people (name) WHERE name IN ('a', 'b');")
    people_bench.database.query("CREATE INDEX people_name ON people (name) WHERE name <> 'a'")
    assert resolve(people_bench, plan) is StepVerdict.PARTIAL
    assert people_bench.unfinished() == [(1, False)]


def test_an_index_is_known_again_as_the_server_writes_it(people_bench: Bench, lose: Lose) -> None:
    text = (
        "CREATE INDEX CONCURRENTLY people_name ON people (lower(name) DESC, name) WHERE name <> 'Bob' AND name > 'A';"
    )
    plan = lose("statement_done", text)
    assert resolve(people_bench, plan) is StepVerdict.COMMITTED


def test_a_build_that_never_began_left_nothing(people_bench: Bench, lose: Lose) -> None:
    plan = lose("journal_started", "CREATE INDEX CONCURRENTLY people_name ON people (name);")
    assert resolve(people_bench, plan) is StepVerdict.UNDONE
    assert people_bench.unfinished() == []


def test_an_invalid_index_stays_in_question(people_bench: Bench, lose: Lose) -> None:
    plan = lose("journal_started", f"{UNIQUE};")
    with suppress(psycopg.errors.UniqueViolation):
        people_bench.database.query(UNIQUE)
    assert resolve(people_bench, plan) is StepVerdict.PARTIAL
    assert people_bench.unfinished() == [(1, False)]


def test_what_may_run_again_left_nothing(people_bench: Bench, lose: Lose) -> None:
    plan = lose("statement_done", "VACUUM people;")
    assert resolve(people_bench, plan) is StepVerdict.UNDONE
    assert people_bench.unfinished() == []


def test_a_query_whose_end_nobody_saw_stays_in_question(people_bench: Bench, lose: Lose) -> None:
    """It is not one transaction with the word that it is done, so it may have done its work."""
    plan = lose("statement_done", f"{OUTSIDE}SELECT count(*) FROM people;")
    assert resolve(people_bench, plan) is StepVerdict.PARTIAL
    assert people_bench.unfinished() == [(1, False)]


def test_a_block_that_can_commit_by_itself_stays_in_question(people_bench: Bench, lose: Lose) -> None:
    plan = lose("statement_done", f"{OUTSIDE}DO $$ BEGIN INSERT INTO people VALUES ('Eve'); COMMIT; END $$;")
    assert resolve(people_bench, plan) is StepVerdict.PARTIAL
    assert people_bench.unfinished() == [(1, False)]
