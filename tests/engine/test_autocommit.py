"""Files that run outside a transaction: the journal, what is left after a failure, and how a person goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from dashboard.engine import errors, planner, status
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Policy
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.run.events import Ending, StepEnded
from dashboard.engine.status import State
from tests.engine.folders import Bench
from tests.waiting import wait_until

BUILD = "CREATE INDEX CONCURRENTLY people_name_idx ON people (name);"
UNIQUE = "CREATE UNIQUE INDEX CONCURRENTLY people_name_key ON people (name);"


def state_of(bench: Bench, version: str) -> State:
    return next(s.state for s in status.compute(bench.read(), bench.history) if s.version == version)


def journal(bench: Bench, version: str = "002") -> list[tuple[int, str]]:
    return bench.database.query(
        "SELECT statement, outcome FROM platform.migration_audit_log "
        f"WHERE version = '{version}' AND outcome IN ('started', 'done', 'undone') ORDER BY id"
    )


def indexes(bench: Bench) -> dict[str, bool]:
    rows = bench.database.query(
        "SELECT indexrelid::regclass::text, indisvalid FROM pg_index WHERE indrelid = 'people'::regclass"
    )
    return dict(rows)


@contextmanager
def writer(bench: Bench) -> Iterator[psycopg.Connection]:
    """An application that holds a row of the table in an open transaction."""
    with bench.database.connect(autocommit=False, application_name="the application") as connection:
        connection.execute("INSERT INTO people VALUES ('Grace')")
        yield connection
        connection.rollback()


def test_an_index_is_built_concurrently_and_recorded(people: Bench) -> None:
    people.write("002_index.sql", BUILD)
    people.apply()
    assert indexes(people) == {"people_name_idx": True}
    assert journal(people) == [(1, "started"), (1, "done")]
    assert state_of(people, "002") is State.APPLIED
    assert people.history.unfinished == ()


def test_a_build_waits_for_writers_longer_than_the_lock_timeout(people: Bench) -> None:
    people.policy = Policy(protected=False, lock_timeout_ms=100, statement_timeout_ms=100)
    people.write("002_index.sql", BUILD)
    with writer(people) as application:
        release = threading.Thread(
            target=lambda: (wait_until(people.waits_for_a_lock), _pause(), application.rollback())
        )
        release.start()
        people.apply()
        release.join()
    assert indexes(people) == {"people_name_idx": True}


def _pause() -> None:
    """Longer than the lock timeout of the test."""
    threading.Event().wait(0.4)


def test_a_failed_build_names_the_invalid_index_and_offers_to_drop_it(people: Bench) -> None:
    people.write("002_unique.sql", UNIQUE)
    with pytest.raises(errors.PartlyApplied) as caught:
        people.apply()
    assert "DROP INDEX CONCURRENTLY" in caught.value.next_step
    assert '"people_name_key"' in caught.value.next_step or "people_name_key" in caught.value.next_step
    assert indexes(people) == {"people_name_key": False}
    assert [e.ending for e in people.events if isinstance(e, StepEnded)] == [Ending.PARTIAL]
    assert state_of(people, "002") is State.PARTIAL


def test_nothing_else_runs_while_something_is_unfinished(people: Bench) -> None:
    people.write("002_unique.sql", UNIQUE)
    people.write("003_more.sql", "CREATE TABLE more (id int);")
    with pytest.raises(errors.PartlyApplied):
        people.apply()
    with pytest.raises(errors.PlanBlocked, match="broke off outside a transaction"):
        people.plan()


def test_repair_drops_the_invalid_index_and_resume_builds_it(people: Bench) -> None:
    people.write("002_unique.sql", UNIQUE)
    with pytest.raises(errors.PartlyApplied):
        people.apply()
    people.execute(planner.repair(people.look(), people.read(), MigrationId("002", "unique")), run_id="2")
    assert indexes(people) == {}
    people.database.query("DELETE FROM people WHERE ctid IN (SELECT min(ctid) FROM people)")
    people.execute(planner.resume(people.look(), people.read(), MigrationId("002", "unique")), run_id="3")
    assert indexes(people) == {"people_name_key": True}
    assert state_of(people, "002") is State.APPLIED


def test_a_valid_index_is_never_dropped_by_a_repair(people: Bench) -> None:
    people.write("002_unique.sql", UNIQUE)
    with pytest.raises(errors.PartlyApplied):
        people.apply()
    plan = planner.repair(people.look(), people.read(), MigrationId("002", "unique"))
    people.database.query("DROP INDEX people_name_key")
    people.database.query("CREATE INDEX people_name_key ON people (name)")
    with pytest.raises(errors.PlanBlocked, match="valid, or gone"):
        people.execute(plan)
    assert indexes(people) == {"people_name_key": True}


def test_an_invalid_index_in_the_way_is_refused_instead_of_skipped(people: Bench) -> None:
    with people.database.connect() as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(UNIQUE)
    people.write("002_unique.sql", UNIQUE.replace("CONCURRENTLY", "CONCURRENTLY IF NOT EXISTS"))
    with pytest.raises(errors.StatementFailed, match="invalid index") as caught:
        people.apply()
    assert "Drop it first" in caught.value.next_step


STEPWISE = """-- signalbox: transaction=none
CREATE TABLE one (id int);
INSERT INTO one VALUES (1);
SELECT 1/0;
CREATE TABLE four (id int);
"""


def test_a_stepwise_file_keeps_what_was_committed_and_goes_on_from_there(people: Bench) -> None:
    people.write("002_steps.sql", STEPWISE)
    with pytest.raises(errors.PartlyApplied, match="statements 1 to 2 are committed"):
        people.apply()
    assert journal(people) == [(1, "started"), (1, "done"), (2, "started"), (2, "done"), (3, "started"), (3, "undone")]
    people.write("002_steps.sql", STEPWISE.replace("1/0", "1"))
    plan = planner.resume(people.look(), people.read(), MigrationId("002", "steps"))
    assert plan.steps[0].first_statement == 3
    people.execute(plan, run_id="2")
    assert people.database.query("SELECT count(*) FROM one") == [(1,)], "what was committed did not run again"
    assert people.tables() == {"public.people", "public.one", "public.four"}


SETS = """-- signalbox: transaction=none
CREATE SCHEMA app;
SET search_path TO app;
CREATE TABLE one (id int);
SELECT pg_catalog.set_config('work_mem', '77kB', false);
SELECT 1/0;
CREATE TABLE two AS SELECT current_setting('work_mem') AS memory;
"""


def test_continuing_restores_the_settings_of_what_stands_before(people: Bench) -> None:
    people.write("002_steps.sql", SETS)
    with pytest.raises(errors.PartlyApplied):
        people.apply()
    people.write("002_steps.sql", SETS.replace("1/0", "1"))
    people.execute(planner.resume(people.look(), people.read(), MigrationId("002", "steps")), run_id="2")
    assert people.tables() == {"public.people", "app.one", "app.two"}
    assert people.database.query("SELECT memory FROM app.two") == [("77kB",)]


@pytest.mark.parametrize("lost", ["CREATE TEMP TABLE kept (id int)", "PREPARE kept AS SELECT 1"])
def test_continuing_refuses_what_needs_the_session_that_is_gone(people: Bench, lost: str) -> None:
    people.write("002_steps.sql", f"-- signalbox: transaction=none\n{lost};\nSELECT 1/0;\nSELECT 2;")
    with pytest.raises(errors.PartlyApplied):
        people.apply()
    with pytest.raises(errors.PlanBlocked, match="lived in the session that is gone"):
        planner.resume(people.look(), people.read(), MigrationId("002", "steps"))


def test_continuing_refuses_a_file_whose_committed_part_changed(people: Bench) -> None:
    people.write("002_steps.sql", STEPWISE)
    with pytest.raises(errors.PartlyApplied):
        people.apply()
    people.write("002_steps.sql", STEPWISE.replace("VALUES (1)", "VALUES (2)"))
    with pytest.raises(errors.PlanBlocked, match="statement 2 of the file is not what ran"):
        planner.resume(people.look(), people.read(), MigrationId("002", "steps"))


def test_what_was_undone_by_hand_can_start_over(people: Bench) -> None:
    people.write("002_steps.sql", STEPWISE)
    with pytest.raises(errors.PartlyApplied):
        people.apply()
    people.database.query("DROP TABLE one")
    people.execute(planner.reset(people.look(), MigrationId("002", "steps"), reason="dropped one"), run_id="2")
    assert state_of(people, "002") is State.PENDING
    people.write("002_steps.sql", STEPWISE.replace("1/0", "1"))
    people.apply(run_id="3")
    assert people.tables() == {"public.people", "public.one", "public.four"}


def test_outside_a_transaction_is_outside(people: Bench) -> None:
    """What PostgreSQL refuses in a transaction only because of what is named."""
    people.database.query(
        "CREATE TABLE parted (id int) PARTITION BY LIST (id); CREATE TABLE part PARTITION OF parted FOR VALUES IN (1);"
        "CREATE INDEX parted_id ON parted (id);"
        "CREATE PROCEDURE two_steps() LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE one (id int); COMMIT; END $$;"
        "CREATE FUNCTION wrote() RETURNS bool LANGUAGE sql AS 'SELECT pg_current_xact_id_if_assigned() IS NOT NULL'"
    )
    people.write(
        "002_outside.sql",
        "-- signalbox: transaction=none\nREINDEX TABLE parted;\nCLUSTER parted USING parted_id;\nCALL two_steps();\n"
        "SELECT 1 / (NOT wrote())::int;\nCREATE MATERIALIZED VIEW seen AS SELECT wrote();\nSELECT 1/0;",
    )
    with pytest.raises(errors.PartlyApplied, match="statements 1 to 5 are committed"):
        people.apply()
    assert journal(people)[-2:] == [(6, "started"), (6, "undone")]


def test_a_failure_in_the_first_statement_leaves_nothing_to_settle(people: Bench) -> None:
    people.write("002_steps.sql", "-- signalbox: transaction=none\nSELECT 1/0;\nCREATE TABLE two (id int);")
    with pytest.raises(errors.StatementFailed):
        people.apply()
    assert people.history.unfinished == ()
    assert state_of(people, "002") is State.FAILED


def test_a_block_that_commits_by_itself_is_in_doubt_when_it_fails(people: Bench) -> None:
    people.write(
        "002_block.sql",
        "-- signalbox: transaction=none\nDO $$ BEGIN CREATE TABLE half (id int); COMMIT; PERFORM 1/0; END $$;",
    )
    with pytest.raises(errors.PartlyApplied, match="may have left something"):
        people.apply()
    assert people.history.unfinished[0].entries[0].done is False
    assert "public.half" in people.tables()


def test_mixed_files_are_refused_before_anything_runs(people: Bench) -> None:
    people.write("002_mixed.sql", f"CREATE TABLE more (id int);\n{BUILD}")
    with pytest.raises(errors.PlanBlocked):
        people.plan()


def test_cancelling_a_build_says_what_is_left(people: Bench) -> None:
    people.write("002_index.sql", BUILD)
    cancellation = Cancellation()
    with writer(people):
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'CREATE INDEX%'"
        cancel = threading.Thread(
            target=lambda: (wait_until(lambda: people.database.query(waiting)[0][0]), cancellation.cancel("bob"))
        )
        cancel.start()
        with pytest.raises(errors.PartlyApplied):
            people.execute(people.plan(), cancellation=cancellation)
        cancel.join()
    assert state_of(people, "002") is State.PARTIAL
    assert indexes(people) == {"people_name_idx": False}


def test_a_rollback_may_drop_concurrently(people: Bench) -> None:
    people.write("002_index.sql", BUILD)
    people.write("002_rollback.sql", "DROP INDEX CONCURRENTLY people_name_idx;")
    people.apply()
    people.execute(people.plan_rollback("002", "index"), run_id="2")
    assert indexes(people) == {}
    assert state_of(people, "002") is State.ROLLED_BACK
