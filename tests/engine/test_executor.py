"""Each invariant of how SQL is run, on a real server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from dashboard.engine import errors, planner
from dashboard.engine.database import connection as connections
from dashboard.engine.database import locks
from dashboard.engine.migration import Kind, MigrationId
from dashboard.engine.plan import Plan, Policy, last_deeds, records
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.run.events import Ending, StatementFinished, StepCommitted, StepEnded
from dashboard.engine.run.executor import Approval
from tests.engine.folders import Bench
from tests.waiting import wait_until

FAILS_MIDWAY = """CREATE TABLE orders (id int PRIMARY KEY, total int);
INSERT INTO orders VALUES (1, 10);

INSERT INTO orders
VALUES (1, 20);
"""


# 1. Applied means committed


def test_the_tracking_row_has_the_transaction_of_the_work(bench: Bench) -> None:
    bench.write("001_users.sql", "CREATE TABLE users (id int); INSERT INTO users VALUES (1);")
    bench.apply()
    xids = bench.database.query(
        "SELECT u.xmin::text, m.xmin::text, l.xmin::text FROM users u, platform.schema_migrations m, "
        "platform.migration_audit_log l"
    )
    assert len(set(xids[0])) == 1


def test_work_whose_row_cannot_be_written_is_undone(bench: Bench) -> None:
    bench.write("001_users.sql", "CREATE TABLE users (id int);")
    bench.apply()
    bench.write("002_orders.sql", "CREATE TABLE orders (id int); DROP TABLE platform.schema_migrations;")
    with pytest.raises(errors.StatementFailed):
        bench.apply()
    assert bench.tables() == {"public.users"}
    assert [r.version for r in bench.history.rows if r.success] == ["001"]


def test_a_row_that_appeared_meanwhile_undoes_the_work(bench: Bench) -> None:
    bench.write("001_users.sql", "CREATE TABLE users (id int);")
    bench.apply()
    forge = "INSERT INTO platform.schema_migrations (version, name, checksum) VALUES ('002', 'orders', 'x')"
    bench.write("002_orders.sql", f"CREATE TABLE orders (id int); {forge};")
    with pytest.raises(errors.StatementFailed, match="wrote to the tracking tables"):
        bench.apply()
    assert bench.tables() == {"public.users"}


def test_a_deferred_constraint_fails_before_anything_is_called_applied(bench: Bench) -> None:
    bench.write(
        "001_users.sql",
        "CREATE TABLE a (id int PRIMARY KEY);"
        "CREATE TABLE b (a int REFERENCES a DEFERRABLE INITIALLY DEFERRED);"
        "INSERT INTO b VALUES (7);",
    )
    with pytest.raises(errors.StatementFailed) as caught:
        bench.apply()
    assert caught.value.facts["error"].constraint == "b_a_fkey"
    assert bench.tables() == set()


# 2. A success is never overwritten


def test_a_failure_is_recorded_and_then_replaced_by_the_success(bench: Bench) -> None:
    bench.write("001_orders.sql", FAILS_MIDWAY)
    with pytest.raises(errors.StatementFailed):
        bench.apply()
    row = bench.history.row(MigrationId("001", "orders"))
    assert row
    assert not row.success
    assert "duplicate key" in (row.error_message or "")
    bench.write("001_orders.sql", "CREATE TABLE orders (id int);")
    bench.apply()
    row = bench.history.row(MigrationId("001", "orders"))
    assert row
    assert row.success
    assert row.error_message is None
    assert bench.log() == [("apply", "failed"), ("apply", "succeeded")]


def test_a_later_failure_of_the_same_version_leaves_the_success(bench: Bench) -> None:
    bench.write("001_users.sql", "CREATE TABLE users (id int);")
    bench.apply()
    plan = planner.apply(replace(bench.look(), history=bench.history.__class__(exists=True)), bench.read())
    now = bench.history
    failing = replace(plan, basis=records(now), last_deeds=last_deeds(now, plan.action, plan.steps))
    with pytest.raises(errors.StatementFailed):
        bench.execute(failing, run_id="2")
    row = bench.history.row(MigrationId("001", "users"))
    assert row
    assert row.success
    assert row.error_message is None
    assert bench.log()[-1] == ("apply", "failed")


def test_the_log_refuses_update_delete_and_truncate(bench: Bench) -> None:
    bench.write("001_users.sql", "CREATE TABLE users (id int);")
    bench.apply()
    for attempt in (
        "UPDATE platform.migration_audit_log SET executed_by = 'mallory'",
        "DELETE FROM platform.migration_audit_log",
        "TRUNCATE platform.migration_audit_log",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            bench.database.query(attempt)


# 3. Nothing runs that is not exactly what was approved


def approval_of(plan: Plan, **changes: object) -> Approval:
    later = datetime.now(UTC) + timedelta(hours=1)
    return replace(
        Approval(digest=plan.digest, requested_by="alice", approved_by=("bob",), expires_at=later),
        **changes,  # type: ignore[arg-type]
    )


@pytest.fixture
def protected_bench(bench: Bench) -> Bench:
    bench.policy = Policy(protected=True, lock_timeout_ms=3000, statement_timeout_ms=0)
    bench.write("001_users.sql", "CREATE TABLE users (id int);")
    return bench


def test_a_protected_target_runs_with_an_approval_of_the_digest(protected_bench: Bench) -> None:
    plan = protected_bench.plan()
    protected_bench.execute(plan, approval=approval_of(plan))
    assert protected_bench.tables() == {"public.users"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"digest": "0" * 64}, "another digest"),
        ({"approved_by": ("alice",)}, "by the person who asked"),
        ({"approved_by": ("bob", "alice"), "needed": 2}, "by the person who asked"),
        ({"approved_by": ("bob",), "needed": 2}, "1 of 2 people"),
        ({"approved_by": ("bob", "bob"), "needed": 2}, "1 of 2 people"),
        ({"approved_by": ()}, "0 of 1 people"),
        ({"broken_glass_by": "alice", "digest": "0" * 64}, "another digest"),
        ({"broken_glass_by": "alice", "expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "expired"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "expired"),
    ],
)
def test_a_protected_target_refuses_any_other_approval(
    protected_bench: Bench, changes: dict[str, object], reason: str
) -> None:
    plan = protected_bench.plan()
    with pytest.raises(errors.NotApproved, match=reason):
        protected_bench.execute(plan, approval=approval_of(plan, **changes))
    assert protected_bench.tables() == set()


def test_who_broke_the_glass_answers_alone(protected_bench: Bench) -> None:
    plan = protected_bench.plan()
    protected_bench.execute(plan, approval=approval_of(plan, approved_by=(), needed=2, broken_glass_by="alice"))
    assert protected_bench.tables() == {"public.users"}


def test_a_protected_target_refuses_a_run_without_approval(protected_bench: Bench) -> None:
    with pytest.raises(errors.NotApproved, match="nobody approved it"):
        protected_bench.execute(protected_bench.plan())
    assert not protected_bench.history.exists


def test_a_plan_whose_history_moved_on_is_refused_and_says_how(bench: Bench) -> None:
    bench.write("001_users.sql", "CREATE TABLE users (id int);")
    bench.write("002_orders.sql", "CREATE TABLE orders (id int);")
    plan = bench.plan()
    bench.apply("001")
    with pytest.raises(errors.PlanChanged, match="001_users was recorded since"):
        bench.execute(plan)
    assert bench.tables() == {"public.users"}


def test_a_plan_for_another_database_is_refused(bench: Bench, make_database: Callable[..., object]) -> None:
    bench.write("001_users.sql", "CREATE TABLE users (id int);")
    plan = bench.plan()
    bench.database = make_database()  # type: ignore[assignment]
    with pytest.raises(errors.PlanChanged, match="another database"):
        bench.execute(plan)
    assert bench.tables() == set()


def test_changed_bytes_change_the_digest(bench: Bench) -> None:
    bench.write("001_users.sql", "CREATE TABLE users (id int);")
    bench.write("001_rollback.sql", "DROP TABLE users;")
    before = bench.plan().digest
    bench.write("001_rollback.sql", "DROP TABLE users CASCADE;")
    assert bench.plan().digest != before


# 4. One run per target at a time


def test_the_loser_of_the_lock_is_told_who_holds_it(bench: Bench) -> None:
    bench.write("001_users.sql", "CREATE TABLE users (id int);")
    plan = bench.plan()
    with (
        connections.working(bench.access, name="signalbox:77") as other,
        locks.held(other, "test"),
        pytest.raises(errors.TargetBusy, match="signalbox:77"),
    ):
        bench.execute(plan)
    bench.execute(plan)
    assert bench.tables() == {"public.users"}


def test_two_runs_of_one_plan_apply_it_once(bench: Bench) -> None:
    bench.write("001_users.sql", "CREATE TABLE users (id int); SELECT pg_sleep(0.3);")
    plan, outcomes = bench.plan(), []

    def attempt(run_id: str) -> None:
        other = Bench(folder=bench.folder, database=bench.database)
        try:
            executor_outcome = other.execute(plan, run_id=run_id)
            outcomes.append(executor_outcome)
        except errors.EngineError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=attempt, args=(str(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == ["None", "target_busy", "target_busy", "target_busy"]
    assert bench.log() == [("apply", "succeeded")]


def test_waiting_for_the_lock_holds_no_transaction_open(bench: Bench) -> None:
    bench.write("001_users.sql", "CREATE TABLE users (id int);")
    with connections.working(bench.access, name="signalbox:1") as holder, locks.held(holder, "test"):
        waiting = connections.working(bench.access, name="signalbox:2")
        with waiting as rival:
            thread = threading.Thread(target=lambda: _try(rival))
            thread.start()
            wait_until(lambda: _state_of(bench, "signalbox:2") == [("idle", None)])
            thread.join()


def _try(rival: connections.Connection) -> None:
    with pytest.raises(errors.TargetBusy), locks.held(rival, "test", wait=1.0):
        pass


def _state_of(bench: Bench, name: str) -> list[tuple[object, ...]]:
    return bench.database.query(f"SELECT state, backend_xmin FROM pg_stat_activity WHERE application_name = '{name}'")


# 5. File order is kept, nothing is run twice


def test_statements_run_in_file_order_each_once(bench: Bench) -> None:
    inserts = "".join(f"INSERT INTO seen (n) VALUES ({n});\n" for n in range(20))
    bench.write("001_seen.sql", f"CREATE TABLE seen (at serial, n int);\n{inserts}")
    bench.apply()
    assert [row[0] for row in bench.database.query("SELECT n FROM seen ORDER BY at")] == list(range(20))
    assert [e.number for e in bench.events if isinstance(e, StatementFinished)] == list(range(1, 22))


def test_a_percent_sign_is_never_a_placeholder(bench: Bench) -> None:
    bench.write("001_a.sql", "CREATE TABLE a AS SELECT 5 % 3 AS m, '100%' AS p, '%s' AS s, '{\"a\": 1}'::jsonb AS j;")
    bench.apply()
    assert bench.database.query("SELECT m, p, s FROM a") == [(2, "100%", "%s")]


def test_the_own_transaction_of_a_file_is_absorbed(bench: Bench) -> None:
    bench.write(
        "001_a.sql",
        "BEGIN;\nCREATE TABLE a (id int);\nCOMMIT;\n"
        "DO $$ BEGIN IF to_regclass('a') IS NULL THEN RAISE EXCEPTION 'no table a'; END IF; END $$;\n"
        "SELECT 1/0;",
    )
    with pytest.raises(errors.StatementFailed, match="division by zero"):
        bench.apply()
    assert bench.tables() == set(), "the COMMIT inside the file must not have committed"


def test_a_commit_hidden_from_the_parser_leaves_nothing(bench: Bench) -> None:
    bench.write("001_a.sql", "CREATE TABLE a (id int); DO $$ BEGIN COMMIT; END $$;")
    with pytest.raises(errors.StatementFailed) as caught:
        bench.apply()
    assert caught.value.facts["error"].sqlstate == "2D000"
    assert bench.tables() == set()


# 8. A transactional failure needs no rollback script


def test_a_failure_leaves_nothing_and_does_not_run_the_rollback(bench: Bench) -> None:
    bench.database.query("CREATE TABLE orders_archive (id int)")
    bench.write("001_orders.sql", FAILS_MIDWAY)
    bench.write("001_rollback.sql", "DROP TABLE IF EXISTS orders_archive;")
    with pytest.raises(errors.StatementFailed):
        bench.apply()
    assert bench.tables() == {"public.orders_archive"}


def test_a_failure_tells_where_and_why(bench: Bench) -> None:
    bench.write("001_orders.sql", FAILS_MIDWAY)
    with pytest.raises(errors.StatementFailed) as caught:
        bench.apply()
    error = caught.value.facts["error"]
    assert (error.sqlstate, error.statement, error.line, error.constraint) == ("23505", 3, 4, "orders_pkey")
    assert error.detail == "Key (id)=(1) already exists."
    assert bench.log("version, statement, sqlstate") == [("001", 3, "23505")]


def test_the_caret_stands_under_what_the_server_means(bench: Bench) -> None:
    bench.write("001_a.sql", "SELECT 'é';\n-- ünïcode\nSELECT 'ü', nowhere FROM pg_class;")
    with pytest.raises(errors.StatementFailed) as caught:
        bench.apply()
    error = caught.value.facts["error"]
    assert (error.line, error.column) == (3, 13)
    lines = error.excerpt.split("\n")
    caret = next(n for n, text in enumerate(lines) if text.strip(" |") == "^")
    assert lines[caret - 1][lines[caret].index("^") :].startswith("nowhere")


def test_steps_before_a_failing_one_stand(bench: Bench) -> None:
    bench.write("001_users.sql", "CREATE TABLE users (id int);")
    bench.write("002_orders.sql", FAILS_MIDWAY)
    bench.write("003_later.sql", "CREATE TABLE later (id int);")
    with pytest.raises(errors.StatementFailed, match="002_orders failed at statement 3"):
        bench.apply()
    assert bench.tables() == {"public.users"}
    committed = [e.position for e in bench.events if isinstance(e, StepCommitted)]
    ended = [(e.position, e.ending) for e in bench.events if isinstance(e, StepEnded)]
    assert (committed, ended) == ([0], [(1, Ending.UNDONE)])


# 9. Rollback runs what was captured at apply time


def test_a_rollback_runs_the_captured_script_not_the_file_of_today(bench: Bench) -> None:
    bench.write("001_users.sql", "CREATE TABLE users (id int);")
    bench.write("001_rollback.sql", "DROP TABLE users;")
    bench.apply()
    bench.write("001_rollback.sql", "SELECT 1/0;")
    bench.execute(bench.plan_rollback("001", "users"))
    assert bench.tables() == set()
    assert bench.history.rows == ()
    assert bench.history.rolled_back == {MigrationId("001", "users")}


def test_a_rollback_goes_newest_first_and_stops_at_the_asked_version(bench: Bench) -> None:
    for n in (1, 2, 3):
        bench.write(f"00{n}_t{n}.sql", f"CREATE TABLE t{n} (id int);")
        bench.write(f"00{n}_rollback.sql", f"DROP TABLE t{n};")
    bench.apply()
    plan = bench.plan_rollback("002", "t2")
    assert [s.version for s in plan.steps] == ["003", "002"]
    bench.execute(plan)
    assert bench.tables() == {"public.t1"}


def test_a_comment_only_rollback_is_no_rollback(bench: Bench) -> None:
    bench.write("001_users.sql", "CREATE TABLE users (id int);")
    bench.write("001_rollback.sql", "-- nothing to see\n")
    bench.apply()
    with pytest.raises(errors.PlanBlocked, match="no rollback"):
        bench.plan_rollback("001", "users")


def test_a_failing_rollback_leaves_everything_applied(bench: Bench) -> None:
    bench.write("001_users.sql", "CREATE TABLE users (id int);")
    bench.write("001_rollback.sql", "DROP TABLE users; SELECT 1/0;")
    bench.apply()
    with pytest.raises(errors.StatementFailed):
        bench.execute(bench.plan_rollback("001", "users"), run_id="2")
    assert bench.tables() == {"public.users"}
    row = bench.history.row(MigrationId("001", "users"))
    assert row
    assert row.success


def test_the_inverse_of_a_plan_is_the_rollback_that_follows_it(bench: Bench) -> None:
    for n in (1, 2):
        bench.write(f"00{n}_t{n}.sql", f"CREATE TABLE t{n} (id int);")
        bench.write(f"00{n}_rollback.sql", f"DROP TABLE t{n};")
    bench.apply("001")
    plan = bench.plan()
    inverse = planner.inverse(plan)
    bench.execute(plan)
    assert inverse
    assert inverse.digest == bench.plan_rollback("002", "t2").digest


# 10. No state leaks between migrations

LEAKY = """SET search_path = nowhere; SET statement_timeout = '77s'; SET ROLE pg_monitor;
CREATE TEMP TABLE leaked (id int); PREPARE leaked AS SELECT 1; LISTEN leaked;
SELECT set_config('signalbox.leak', 'yes', false);"""


def test_nothing_a_migration_sets_reaches_the_next(bench: Bench) -> None:
    bench.write("001_leaky.sql", LEAKY)
    bench.write(
        "002_looks.sql",
        "CREATE TABLE seen AS SELECT current_setting('search_path') AS path, current_setting('statement_timeout') AS t,"
        " current_user::text = session_user::text AS same_role, to_regclass('pg_temp.leaked') IS NULL AS no_temp,"
        " NOT EXISTS (SELECT FROM pg_prepared_statements) AS nothing_prepared,"
        " NOT EXISTS (SELECT FROM pg_listening_channels()) AS not_listening,"
        " coalesce(current_setting('signalbox.leak', true), '') = '' AS no_setting;",
    )
    bench.apply()
    assert bench.database.query("SELECT * FROM public.seen") == [('"$user", public', "0", True, True, True, True, True)]


def test_a_changed_search_path_cannot_take_the_tracking_row_elsewhere(bench: Bench) -> None:
    bench.write(
        "001_evil.sql",
        "CREATE SCHEMA evil; CREATE TABLE evil.schema_migrations (version text, name text);"
        "SET search_path = evil, pg_catalog;",
    )
    bench.apply()
    assert bench.database.query("SELECT count(*) FROM evil.schema_migrations") == [(0,)]
    assert bench.history.row(MigrationId("001", "evil"))


def test_a_file_that_frees_the_lock_stops_the_run(bench: Bench) -> None:
    bench.write("001_frees.sql", "SELECT pg_advisory_unlock_all();")
    bench.write("002_next.sql", "CREATE TABLE next (id int);")
    with pytest.raises(errors.TargetUnsuitable, match="lock is not held any more"):
        bench.apply()
    assert bench.tables() == set()


# 12. Secrets do not leave


def test_no_password_is_in_the_error_of_a_target_that_cannot_be_reached(bench: Bench) -> None:
    for url in (
        "postgresql://app:s3cret-pw@127.0.0.1:1/db",
        "postgresql://app:s3cret-pw@127.0.0.1:notaport/db",
        "host=127.0.0.1 port=1 password=s3cret-pw dbname=db",
        "app:s3cret-pw@127.0.0.1/db",
        "postgresql://app:s3cret-pw%zz@127.0.0.1/db",
    ):
        bench.database = replace(bench.database, url=url)
        with pytest.raises(errors.TargetUnreachable) as caught:
            bench.look()
        error = f"{caught.value} {caught.value.next_step} {caught.value.facts!r} {bench.address!r}"
        assert "s3cret-pw" not in error
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


# Cancel, limits, reading


def test_cancelling_a_running_statement_leaves_nothing(bench: Bench) -> None:
    bench.write("001_slow.sql", "CREATE TABLE slow (id int); SELECT pg_sleep(30);")
    cancellation = Cancellation()
    thread = threading.Thread(
        target=lambda: (
            wait_until(lambda: _state_of(bench, "signalbox:1") and "active" in _state_of(bench, "signalbox:1")[0]),
            time.sleep(0.2),
            cancellation.cancel("bob"),
        )
    )
    thread.start()
    with pytest.raises(errors.RunCancelled, match="by bob"):
        bench.execute(bench.plan(), cancellation=cancellation)
    thread.join()
    assert bench.tables() == set()
    assert bench.log() == [("apply", "cancelled")]


def test_looking_creates_nothing(bench: Bench) -> None:
    assert not bench.history.exists
    assert bench.database.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'platform'") == [(0,)]


def test_a_statement_that_returns_rows_floods_nobody(bench: Bench) -> None:
    bench.write("001_flood.sql", "SELECT repeat('x', 1000) FROM generate_series(1, 20000);")
    bench.apply()
    finished = next(e for e in bench.events if isinstance(e, StatementFinished))
    assert finished.tag == "SELECT 20000"


def test_copy_from_stdin_that_slipped_through_ends_cleanly(bench: Bench) -> None:
    bench.write("001_a.sql", "CREATE TABLE a (id int);")
    plan = bench.plan()
    step = replace(plan.steps[0], sql="CREATE TABLE a (id int); COPY a FROM STDIN;")
    with pytest.raises(errors.StatementFailed, match="COPY from or to the client"):
        bench.execute(replace(plan, steps=(step,)))
    assert bench.tables() == set()


def test_a_standby_is_refused(bench: Bench) -> None:
    bench.write("001_a.sql", "CREATE TABLE a (id int);")
    plan = bench.plan()
    bench.database.query(f'ALTER DATABASE "{bench.database.name}" SET default_transaction_read_only = on')
    with pytest.raises(errors.TargetUnsuitable, match="read-only"):
        bench.execute(plan)


def test_a_skip_is_recorded_and_taken_back(bench: Bench) -> None:
    bench.write("001_a.sql", "CREATE TABLE a (id int);")
    bench.execute(planner.skip(bench.look(), bench.read(), [MigrationId("001", "a")], reason="made by hand"))
    row = bench.history.row(MigrationId("001", "a"))
    assert row
    assert row.kind is Kind.SKIPPED
    assert row.error_message == "made by hand"
    assert bench.tables() == set()
    bench.execute(planner.unskip(bench.look(), [MigrationId("001", "a")], reason="it was not"))
    bench.apply()
    assert bench.tables() == {"public.a"}


def test_skipping_all_but_one_file_of_a_number_frees_that_one(bench: Bench) -> None:
    bench.write("001_a.sql", "CREATE TABLE a (id int);")
    bench.write("001_b.sql", "CREATE TABLE b (id int);")
    with pytest.raises(errors.PlanBlocked):
        bench.plan()
    bench.execute(planner.skip(bench.look(), bench.read(), [MigrationId("001", "b")], reason="a is the right one"))
    bench.apply()
    assert bench.tables() == {"public.a"}
    assert {r.key for r in bench.history.rows} == {"001", "001_b"}
