"""Files that run outside a transaction: the journal, what is left after a failure, and how a person goes on."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from dashboard.engine import errors, planner, status
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Policy
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.run.events import Blocked, Ending, Progressed, StepEnded
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


def test_an_index_is_built_concurrently_and_recorded(people_bench: Bench) -> None:
    people_bench.write("002_index.sql", BUILD)
    people_bench.apply()
    assert indexes(people_bench) == {"people_name_idx": True}
    assert journal(people_bench) == [(1, "started"), (1, "done")]
    assert state_of(people_bench, "002") is State.APPLIED
    assert people_bench.history.unfinished == ()


def test_a_build_waits_for_writers_longer_than_the_lock_timeout(people_bench: Bench) -> None:
    people_bench.policy = Policy(protected=False, lock_timeout_ms=100, statement_timeout_ms=100)
    people_bench.write("002_index.sql", BUILD)
    with writer(people_bench) as application:
        release = threading.Thread(target=lambda: (people_bench.outlast_the_lock_timeout(), application.rollback()))
        release.start()
        people_bench.apply()
        release.join()
    assert indexes(people_bench) == {"people_name_idx": True}


def test_a_build_tells_how_far_it_is_and_whom_it_waits_for(people_bench: Bench) -> None:
    people_bench.write("002_index.sql", BUILD)
    waiting = "Waiting for writers before build, 0 of 1 waited for."
    with writer(people_bench) as application:
        release = threading.Thread(
            target=lambda: (wait_until(lambda: waiting in told_of(people_bench, Progressed)), application.rollback())
        )
        release.start()
        people_bench.apply()
        release.join()
    assert waiting in told_of(people_bench, Progressed)
    assert told_of(people_bench, Blocked)


def told_of(bench: Bench, kind: type[Progressed | Blocked]) -> list[str]:
    """What was told while a statement ran."""
    words = (
        e.sentence if isinstance(e, Progressed) else "; ".join(e.blockers) for e in bench.events if type(e) is kind
    )
    return [sentence for sentence in words if sentence]


def test_a_failed_build_names_the_invalid_index_and_offers_to_drop_it(people_bench: Bench) -> None:
    people_bench.write("002_unique.sql", UNIQUE)
    with pytest.raises(errors.PartlyApplied) as caught:
        people_bench.apply()
    assert "DROP INDEX CONCURRENTLY" in caught.value.next_step
    assert '"people_name_key"' in caught.value.next_step or "people_name_key" in caught.value.next_step
    assert indexes(people_bench) == {"people_name_key": False}
    assert [e.ending for e in people_bench.events if isinstance(e, StepEnded)] == [Ending.PARTIAL]
    assert state_of(people_bench, "002") is State.PARTIAL


def test_nothing_else_runs_while_something_is_unfinished(people_bench: Bench) -> None:
    people_bench.write("002_unique.sql", UNIQUE)
    people_bench.write("003_more.sql", "CREATE TABLE more (id int);")
    with pytest.raises(errors.PartlyApplied):
        people_bench.apply()
    with pytest.raises(errors.PlanBlocked, match="broke off outside a transaction"):
        people_bench.plan()


def test_what_broke_off_is_put_aside_by_a_skip_only_as_long_as_it_holds(people_bench: Bench) -> None:
    """Taken back, it would begin anew over what it had left."""
    people_bench.write("002_unique.sql", UNIQUE)
    unique = MigrationId("002", "unique")
    with pytest.raises(errors.PartlyApplied):
        people_bench.apply()
    people_bench.execute(planner.skip(people_bench.look(), people_bench.read(), [unique], reason="x"), run_id="2")
    assert state_of(people_bench, "002") is State.SKIPPED
    people_bench.write("003_more.sql", "CREATE TABLE more (id int);")
    people_bench.apply()
    people_bench.execute(planner.unskip(people_bench.look(), [unique], reason="x"), run_id="3")
    assert state_of(people_bench, "002") is State.PARTIAL
    with pytest.raises(errors.PlanBlocked, match="broke off outside a transaction"):
        people_bench.plan()


def test_what_broke_off_after_a_skip_is_not_put_aside_by_it(people_bench: Bench) -> None:
    """Somebody deleted the row of the skip by hand, so the file ran again."""
    people_bench.write("002_unique.sql", UNIQUE)
    unique = MigrationId("002", "unique")
    people_bench.execute(planner.skip(people_bench.look(), people_bench.read(), [unique], reason="x"), run_id="9")
    people_bench.database.query("DELETE FROM platform.schema_migrations WHERE version = '002'")
    with pytest.raises(errors.PartlyApplied):
        people_bench.apply()
    assert state_of(people_bench, "002") is State.PARTIAL


def test_a_plan_from_before_it_broke_off_runs_nothing_a_second_time(people_bench: Bench) -> None:
    """A second request for the same plan may be approved as well."""
    people_bench.write("002_steps.sql", STEPWISE)
    plan = people_bench.plan()
    with pytest.raises(errors.PartlyApplied):
        people_bench.execute(plan)
    ran = journal(people_bench)
    with pytest.raises(errors.PlanChanged, match="002_steps has broken off"):
        people_bench.execute(plan, run_id="2")
    people_bench.write("002_steps.sql", STEPWISE.replace("1/0", "1/(SELECT count(*) FROM people WHERE name = 'Zoe')"))
    onward = planner.resume(people_bench.look(), people_bench.read(), MigrationId("002", "steps"))
    with pytest.raises(errors.PartlyApplied):
        people_bench.execute(onward, run_id="3")
    assert [entry for entry in journal(people_bench)[len(ran) :] if entry[0] < 3] == []
    people_bench.execute(planner.reset(people_bench.look(), MigrationId("002", "steps"), reason="Undone"), run_id="4")
    with pytest.raises(errors.PlanChanged, match="not stand unfinished"):
        people_bench.execute(onward, run_id="5")


def test_repair_drops_the_invalid_index_and_resume_builds_it(people_bench: Bench) -> None:
    people_bench.write("002_unique.sql", UNIQUE)
    with pytest.raises(errors.PartlyApplied):
        people_bench.apply()
    people_bench.execute(
        planner.repair(people_bench.look(), people_bench.read(), MigrationId("002", "unique")), run_id="2"
    )
    assert indexes(people_bench) == {}
    people_bench.database.query("DELETE FROM people WHERE ctid IN (SELECT min(ctid) FROM people)")
    people_bench.execute(
        planner.resume(people_bench.look(), people_bench.read(), MigrationId("002", "unique")), run_id="3"
    )
    assert indexes(people_bench) == {"people_name_key": True}
    assert state_of(people_bench, "002") is State.APPLIED


def test_a_valid_index_is_never_dropped_by_a_repair(people_bench: Bench) -> None:
    people_bench.write("002_unique.sql", UNIQUE)
    with pytest.raises(errors.PartlyApplied):
        people_bench.apply()
    plan = planner.repair(people_bench.look(), people_bench.read(), MigrationId("002", "unique"))
    people_bench.database.query("DROP INDEX people_name_key")
    people_bench.database.query("CREATE INDEX people_name_key ON people (name)")
    with pytest.raises(errors.PlanBlocked, match="valid, or gone"):
        people_bench.execute(plan)
    assert indexes(people_bench) == {"people_name_key": True}


def test_an_invalid_index_in_the_way_is_refused_instead_of_skipped(people_bench: Bench) -> None:
    with people_bench.database.connect() as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(UNIQUE)
    people_bench.write("002_unique.sql", UNIQUE.replace("CONCURRENTLY", "CONCURRENTLY IF NOT EXISTS"))
    with pytest.raises(errors.StatementFailed, match="invalid index") as caught:
        people_bench.apply()
    drop = re.search(r"Drop it first.*: (DROP INDEX CONCURRENTLY [^;]+);", caught.value.next_step)
    assert drop, caught.value.next_step
    people_bench.database.query("DELETE FROM people")
    people_bench.database.query(drop[1])
    people_bench.apply()
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'people_name_key'::regclass"
    assert people_bench.database.query(valid) == [(True,)]


STEPWISE = """-- signalbox: transaction=none
CREATE TABLE one (id int);
INSERT INTO one VALUES (1);
SELECT 1/0;
CREATE TABLE four (id int);
"""


def test_a_stepwise_file_keeps_what_was_committed_and_goes_on_from_there(people_bench: Bench) -> None:
    people_bench.write("002_steps.sql", STEPWISE)
    with pytest.raises(errors.PartlyApplied, match="statements 1 to 2 are committed"):
        people_bench.apply()
    assert journal(people_bench) == [
        (1, "started"),
        (1, "done"),
        (2, "started"),
        (2, "done"),
        (3, "started"),
        (3, "undone"),
    ]
    people_bench.write("002_steps.sql", STEPWISE.replace("1/0", "1"))
    plan = planner.resume(people_bench.look(), people_bench.read(), MigrationId("002", "steps"))
    assert plan.steps[0].first_statement == 3
    people_bench.execute(plan, run_id="2")
    assert people_bench.database.query("SELECT count(*) FROM one") == [(1,)], "what was committed did not run again"
    assert people_bench.tables() == {"public.people", "public.one", "public.four"}


SETS = """-- signalbox: transaction=none
CREATE SCHEMA app;
SET search_path TO app;
CREATE TABLE one (id int);
SELECT pg_catalog.set_config('work_mem', '77kB', false);
SELECT 1/0;
CREATE TABLE two AS SELECT current_setting('work_mem') AS memory;
"""


def test_continuing_restores_the_settings_of_what_stands_before(people_bench: Bench) -> None:
    people_bench.write("002_steps.sql", SETS)
    with pytest.raises(errors.PartlyApplied):
        people_bench.apply()
    people_bench.write("002_steps.sql", SETS.replace("1/0", "1"))
    people_bench.execute(
        planner.resume(people_bench.look(), people_bench.read(), MigrationId("002", "steps")), run_id="2"
    )
    assert people_bench.tables() == {"public.people", "app.one", "app.two"}
    assert people_bench.database.query("SELECT memory FROM app.two") == [("77kB",)]


@pytest.mark.parametrize("lost", ["CREATE TEMP TABLE kept (id int)", "PREPARE kept AS SELECT 1"])
def test_continuing_refuses_what_needs_the_session_that_is_gone(people_bench: Bench, lost: str) -> None:
    people_bench.write("002_steps.sql", f"-- signalbox: transaction=none\n{lost};\nSELECT 1/0;\nSELECT 2;")
    with pytest.raises(errors.PartlyApplied):
        people_bench.apply()
    with pytest.raises(errors.PlanBlocked, match="lived in the session that is gone"):
        planner.resume(people_bench.look(), people_bench.read(), MigrationId("002", "steps"))


def test_continuing_refuses_a_file_whose_committed_part_changed(people_bench: Bench) -> None:
    people_bench.write("002_steps.sql", STEPWISE)
    with pytest.raises(errors.PartlyApplied):
        people_bench.apply()
    people_bench.write("002_steps.sql", STEPWISE.replace("VALUES (1)", "VALUES (2)"))
    with pytest.raises(errors.PlanBlocked, match="statement 2 of the file is not what ran"):
        planner.resume(people_bench.look(), people_bench.read(), MigrationId("002", "steps"))


def test_what_was_undone_by_hand_can_start_over(people_bench: Bench) -> None:
    people_bench.write("002_steps.sql", STEPWISE)
    with pytest.raises(errors.PartlyApplied):
        people_bench.apply()
    people_bench.database.query("DROP TABLE one")
    people_bench.execute(
        planner.reset(people_bench.look(), MigrationId("002", "steps"), reason="dropped one"), run_id="2"
    )
    assert state_of(people_bench, "002") is State.PENDING
    people_bench.write("002_steps.sql", STEPWISE.replace("1/0", "1"))
    people_bench.apply(run_id="3")
    assert people_bench.tables() == {"public.people", "public.one", "public.four"}


def test_outside_a_transaction_is_outside(people_bench: Bench) -> None:
    """What PostgreSQL refuses in a transaction only because of what is named."""
    people_bench.database.query(
        "CREATE TABLE parted (id int) PARTITION BY LIST (id); CREATE TABLE part PARTITION OF parted FOR VALUES IN (1);"
        "CREATE INDEX parted_id ON parted (id);"
        "CREATE PROCEDURE two_steps() LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE one (id int); COMMIT; END $$;"
        "CREATE FUNCTION wrote() RETURNS bool LANGUAGE sql AS 'SELECT pg_current_xact_id_if_assigned() IS NOT NULL'"
    )
    people_bench.write(
        "002_outside.sql",
        "-- signalbox: transaction=none\nREINDEX TABLE parted;\nCLUSTER parted USING parted_id;\nCALL two_steps();\n"
        "SELECT 1 / (NOT wrote())::int;\nCREATE MATERIALIZED VIEW seen AS SELECT wrote();\nSELECT 1/0;",
    )
    with pytest.raises(errors.PartlyApplied, match="statements 1 to 5 are committed"):
        people_bench.apply()
    assert journal(people_bench)[-2:] == [(6, "started"), (6, "undone")]


def test_a_failure_in_the_first_statement_leaves_nothing_to_settle(people_bench: Bench) -> None:
    people_bench.write("002_steps.sql", "-- signalbox: transaction=none\nSELECT 1/0;\nCREATE TABLE two (id int);")
    with pytest.raises(errors.StatementFailed):
        people_bench.apply()
    assert people_bench.history.unfinished == ()
    assert state_of(people_bench, "002") is State.FAILED


def test_a_block_that_commits_by_itself_is_in_doubt_when_it_fails(people_bench: Bench) -> None:
    people_bench.write(
        "002_block.sql",
        "-- signalbox: transaction=none\nDO $$ BEGIN CREATE TABLE half (id int); COMMIT; PERFORM 1/0; END $$;",
    )
    with pytest.raises(errors.PartlyApplied, match="may have left something"):
        people_bench.apply()
    assert people_bench.history.unfinished[0].entries[0].done is False
    assert "public.half" in people_bench.tables()


def test_mixed_files_are_refused_before_anything_runs(people_bench: Bench) -> None:
    people_bench.write("002_mixed.sql", f"CREATE TABLE more (id int);\n{BUILD}")
    with pytest.raises(errors.PlanBlocked):
        people_bench.plan()


def test_cancelling_a_build_says_what_is_left(people_bench: Bench) -> None:
    people_bench.write("002_index.sql", BUILD)
    cancellation = Cancellation()
    with writer(people_bench):
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'CREATE INDEX%'"
        cancel = threading.Thread(
            target=lambda: (wait_until(lambda: people_bench.database.query(waiting)[0][0]), cancellation.cancel("bob"))
        )
        cancel.start()
        with pytest.raises(errors.PartlyApplied):
            people_bench.execute(people_bench.plan(), cancellation=cancellation)
        cancel.join()
    assert state_of(people_bench, "002") is State.PARTIAL
    assert indexes(people_bench) == {"people_name_idx": False}


def test_a_rollback_may_drop_concurrently(people_bench: Bench) -> None:
    people_bench.write("002_index.sql", BUILD)
    people_bench.write("002_rollback.sql", "DROP INDEX CONCURRENTLY people_name_idx;")
    people_bench.apply()
    people_bench.execute(people_bench.plan_rollback("002", "index"), run_id="2")
    assert indexes(people_bench) == {}
    assert state_of(people_bench, "002") is State.ROLLED_BACK
