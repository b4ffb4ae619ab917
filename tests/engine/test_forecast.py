"""What a plan would destroy: read out of its scripts, and counted on the live target."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import replace

import pytest

from dashboard.engine.database import connection, statistics
from dashboard.engine.database.connection import Address
from dashboard.engine.database.statistics import Written
from dashboard.engine.forecast import counting, reading, values
from dashboard.engine.forecast.values import Fate, Forecast, Loss
from dashboard.engine.plan import (
    Copy,
)
from dashboard.engine.schema.diff import Change, Difference
from tests.engine.folders import Bench, plan_of


def threatened(*scripts: str) -> list[tuple[str, str]]:
    """(fate, what) of each threat: ("dropped", "users.plan")."""
    threats = reading.read(plan_of(*scripts), {}).threats
    return [(t.fate.value, f"{t.name}.{t.column}" if t.column else str(t.name)) for t in threats]


# PlanReading


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("DROP TABLE a, s.b", [("dropped", "a"), ("dropped", "s.b")]),
        ("ALTER TABLE a DROP COLUMN x, DROP COLUMN IF EXISTS y", [("dropped", "a.x"), ("dropped", "a.y")]),
        ("DROP MATERIALIZED VIEW m", [("dropped", "m")]),
        ("DROP SCHEMA s CASCADE", [("dropped", "s")]),
        ("DROP TYPE t CASCADE", [("dropped", "t")]),
        ("DROP TYPE t", []),
        ("DROP VIEW v; DROP FUNCTION f(); DROP INDEX i", []),
        ("TRUNCATE a, b", [("emptied", "a"), ("emptied", "b")]),
        ("DELETE FROM a", [("emptied", "a")]),
        ("DELETE FROM a WHERE x = 1", [("reduced", "a")]),
        ("WITH gone AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM gone", [("emptied", "a")]),
        ("MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN DELETE", [("reduced", "a")]),
        ("MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN UPDATE SET x = 1", [("overwritten", "a.x")]),
        ("MERGE INTO a USING b ON a.id = b.id WHEN NOT MATCHED THEN INSERT VALUES (1)", []),
        ("UPDATE a SET x = 1, y = 2", [("overwritten", "a.x"), ("overwritten", "a.y")]),
        ("UPDATE a SET x = 1 WHERE y = 2", [("overwritten", "a.x")]),
        ("INSERT INTO a (x, y) VALUES (1, 2) ON CONFLICT (x) DO UPDATE SET y = 3", [("overwritten", "a.y")]),
        ("INSERT INTO a (x) VALUES (1) ON CONFLICT DO NOTHING", []),
        ("ALTER TABLE a ALTER COLUMN x TYPE text USING left(x, 1)", [("rewritten", "a.x")]),
        ("ALTER TABLE a ALTER COLUMN x TYPE int USING x::int", [("narrowed", "a.x")]),
        ("DROP FUNCTION f() CASCADE", [("dropped", "f")]),
        ("DROP EXTENSION e", [("dropped", "e")]),
        ("CREATE RULE r AS ON INSERT TO a DO ALSO DELETE FROM b", []),
        ("ALTER TABLE a ALTER COLUMN x TYPE int", [("narrowed", "a.x")]),
        ("DO $$ BEGIN DROP TABLE a; END $$", [("dropped", "a")]),
        ("INSERT INTO a VALUES (1); CREATE TABLE b (id int)", []),
    ],
)
def test_what_a_script_destroys(script: str, expected: list[tuple[str, str]]) -> None:
    assert threatened(script) == expected


@pytest.mark.parametrize(
    "scripts",
    [
        ("CREATE TABLE a (x int); DROP TABLE a",),
        ("CREATE TEMP TABLE a AS SELECT 1; DELETE FROM a; DROP TABLE a",),
        ("CREATE TABLE a (x int)", "ALTER TABLE a DROP COLUMN x", "DROP TABLE a"),
        ("ALTER TABLE a ADD COLUMN x int; UPDATE a SET x = 1; ALTER TABLE a DROP COLUMN x",),
    ],
)
def test_what_the_plan_makes_itself_holds_nobodys_data(scripts: tuple[str, ...]) -> None:
    assert threatened(*scripts) == []


def test_what_may_have_been_there_before_is_a_threat() -> None:
    assert threatened("CREATE TABLE IF NOT EXISTS a (x int); DROP TABLE a") == [("dropped", "a")]
    assert threatened("ALTER TABLE a ADD COLUMN IF NOT EXISTS x int; ALTER TABLE a DROP COLUMN x") == [
        ("dropped", "a.x")
    ]
    assert threatened("DROP TABLE a; CREATE TABLE a (x int); DROP TABLE a") == [("dropped", "a")]


def test_a_renamed_table_is_told_by_the_name_the_target_knows() -> None:
    assert threatened("ALTER TABLE s.a RENAME TO old", "DROP TABLE s.old") == [("dropped", "s.a")]
    assert threatened("ALTER TABLE a RENAME COLUMN x TO old; ALTER TABLE a DROP COLUMN old") == [("dropped", "a.x")]
    assert threatened("ALTER TABLE a SET SCHEMA archive; DROP TABLE archive.a") == [("dropped", "a")]


def test_what_the_text_does_not_tell_is_said() -> None:
    threats = reading.read(
        plan_of("DO $$ BEGIN EXECUTE 'DROP TABLE ' || 'a'; END $$;\nCALL tidy();", "SELECT 'oops"), {}
    )
    assert [sentence.partition(":")[0] for sentence in threats.unseen] == [
        "001_x, line 1",
        "001_x, line 2",
        "The script of 002_x cannot be read, so what it destroys is not known.",
    ]


def test_a_rehearsal_makes_nothing_harmless_that_a_script_hides(target_url: str) -> None:
    address = Address(environment="test", name="Test", variable="X", url=target_url)
    hidden = counting.take(address, reading.read(plan_of("DO $$ BEGIN EXECUTE 'DROP ' || what; END $$"), {}), then={})
    assert (hidden.is_destructive, hidden.word) == (True, "unknown")
    rehearsed = replace(hidden, from_rehearsal=True)
    assert (rehearsed.is_destructive, rehearsed.word) == (True, "unknown")


def test_a_very_long_insert_destroys_nothing() -> None:
    rows = ", ".join("(1)" for _ in range(5000))
    assert reading.read(plan_of(f"INSERT INTO a VALUES {rows}"), {}).unseen == ()
    assert reading.read(plan_of(f"DELETE FROM a WHERE x IN ({rows})"), {}).unseen != ()


def removed(*keys: str) -> list[Difference]:
    return [Difference(key=key, change=Change.REMOVED, before="", after=None) for key in keys]


def test_a_rehearsal_adds_what_the_text_does_not_tell() -> None:
    plan = plan_of("DO $$ BEGIN EXECUTE 'DROP ' || what; END $$")
    removals = {
        ("001", "x"): removed("table s.a", "column s.a.x", 'materialized view s."M v"', "index i on s.a", "view s.v")
    }
    threats = reading.read(plan, removals).threats
    assert [(t.kind, str(t.name), t.column) for t in threats] == [
        ("table", "s.a", ""),
        ("column", "s.a", "x"),
        ("materialized view", "s.M v", ""),
    ]


def test_a_renamed_table_is_not_gone_though_a_rehearsal_sees_another_name() -> None:
    plan = plan_of("ALTER TABLE s.a RENAME TO b")
    assert reading.read(plan, {("001", "x"): removed("table s.a", "column s.a.x")}).threats == ()
    plan = plan_of("ALTER TABLE s.a RENAME COLUMN x TO y")
    (left,) = reading.read(plan, {("001", "x"): removed("column s.a.x", "column s.a.z")}).threats
    assert left.column == "z"


def test_steps_that_are_committed_already_are_not_forecast_again() -> None:
    plan = plan_of("DROP TABLE a; DROP TABLE b")
    going_on = replace(plan, steps=(replace(plan.steps[0], first_statement=2),))
    assert [str(t.name) for t in reading.read(going_on, {}).threats] == ["b"]


# Counting


def forecast_of(bench: Bench, *scripts: str, then: Written | None = None) -> Forecast:
    threats = reading.read(plan_of(*scripts), {})
    return counting.take(bench.address, threats, then={("001", "x"): then} if then else {})


def counted(forecast: Forecast) -> list[tuple[str, tuple[str, ...], int | None]]:
    return [(loss.relation, loss.columns, loss.rows) for loss in forecast.losses]


@pytest.fixture
def shop_bench(bench: Bench) -> Bench:
    bench.database.query(
        "CREATE TYPE size AS ENUM ('s', 'm');"
        "CREATE TABLE users (id int PRIMARY KEY, name text, plan text NOT NULL DEFAULT 'free', born date, size size,"
        " big bigint DEFAULT 0, twice int GENERATED ALWAYS AS (id * 2) STORED);"
        "INSERT INTO users (id, name, plan, big) SELECT n, 'n', CASE WHEN n < 4 THEN 'pro' ELSE 'free' END, n / 9"
        " FROM generate_series(1, 10) n;"
        "CREATE TABLE orders (id int PRIMARY KEY, user_id int REFERENCES users ON DELETE CASCADE);"
        "INSERT INTO orders SELECT n, n FROM generate_series(1, 5) n;"
        "CREATE VIEW names AS SELECT name FROM users;"
        "CREATE MATERIALIZED VIEW initials AS SELECT left(name, 1) FROM names;"
        "CREATE SCHEMA s; CREATE TABLE s.log (line text); INSERT INTO s.log VALUES ('x'), ('y')"
    )
    return bench


def test_rows_of_a_table_are_counted(shop_bench: Bench) -> None:
    forecast = forecast_of(shop_bench, "DROP TABLE s.log")
    assert counted(forecast) == [("s.log", (), 2)]
    assert (forecast.rows, forecast.word, forecast.is_destructive) == (2, "2", True)


def test_a_column_counts_where_it_holds_something_be_it_the_default(shop_bench: Bench) -> None:
    assert counted(forecast_of(shop_bench, "ALTER TABLE users DROP COLUMN plan")) == [("public.users", ("plan",), 10)]
    assert counted(forecast_of(shop_bench, "ALTER TABLE users DROP COLUMN born")) == [("public.users", ("born",), 0)]
    assert counted(forecast_of(shop_bench, "ALTER TABLE users DROP COLUMN big")) == [("public.users", ("big",), 10)]
    together = forecast_of(shop_bench, "ALTER TABLE users DROP COLUMN plan, DROP COLUMN big")
    assert counted(together) == [("public.users", ("plan", "big"), 10)]


def test_a_computed_column_and_what_is_not_there_lose_nothing(shop_bench: Bench) -> None:
    script = (
        "ALTER TABLE users DROP COLUMN twice; DROP TABLE IF EXISTS nowhere; ALTER TABLE users DROP COLUMN IF EXISTS no"
    )
    assert forecast_of(shop_bench, script).losses == ()


def test_cascade_takes_what_is_built_on_it(shop_bench: Bench) -> None:
    forecast = forecast_of(shop_bench, "DROP TABLE users CASCADE")
    assert counted(forecast) == [("public.users", (), 10), ("public.initials", (), 10)]
    assert forecast.losses[1].kind == "materialized view"
    assert forecast.rows == 10  # what a view is computed from counts, not the view


def test_a_schema_or_a_type_takes_what_is_in_it_or_of_it(shop_bench: Bench) -> None:
    assert counted(forecast_of(shop_bench, "DROP SCHEMA s CASCADE")) == [("s.log", (), 2)]
    assert counted(forecast_of(shop_bench, "DROP TYPE size CASCADE")) == [("public.users", ("size",), 0)]


def test_truncate_cascade_empties_what_refers_to_it(shop_bench: Bench) -> None:
    assert counted(forecast_of(shop_bench, "TRUNCATE users CASCADE")) == [
        ("public.users", (), 10),
        ("public.orders", (), 5),
    ]


def test_a_delete_with_a_plain_condition_is_counted_by_it(shop_bench: Bench) -> None:
    forecast = forecast_of(shop_bench, "DELETE FROM users AS u WHERE u.plan = 'pro' AND id < 3")
    assert counted(forecast) == [("public.users", (), 2), ("public.orders", (), None)]
    assert forecast.word == "unknown"
    assert forecast.losses[1].why_unknown == counting.CONDITIONAL
    assert forecast.losses[0].copy is None


@pytest.mark.parametrize(
    "condition",
    ["pg_terminate_backend(id)", "id IN (SELECT 1)", "born < current_date", "nextval('x') = 1"],
)
def test_nothing_nobody_approved_is_called_to_count(shop_bench: Bench, condition: str) -> None:
    (threat,) = reading.read(plan_of(f"DELETE FROM s.log WHERE {condition}"), {}).threats
    assert (threat.fate, threat.condition) == (Fate.REDUCED, "")


def test_a_name_without_schema_is_looked_up_where_the_script_looks(shop_bench: Bench) -> None:
    shop_bench.database.query("CREATE TABLE s.users (id int); CREATE SCHEMA t; CREATE TABLE t.log (line text)")
    assert counted(forecast_of(shop_bench, "DROP TABLE users")) == [("public.users", (), 10)]
    assert counted(forecast_of(shop_bench, "SET search_path TO t, s; DROP TABLE users")) == [("s.users", (), 0)]
    assert counted(forecast_of(shop_bench, "SET search_path = s", "DROP TABLE users")) == [("public.users", (), 10)]
    assert counted(forecast_of(shop_bench, "DROP TABLE log")) == [("s.log", (), 2), ("t.log", (), 0)]  # any of them


def test_rows_deleted_through_a_view_count_and_a_dropped_view_loses_none(shop_bench: Bench) -> None:
    forecast = forecast_of(shop_bench, "DELETE FROM names")
    assert counted(forecast) == [("public.names", (), 10), ("public.orders", (), 5)]
    assert forecast.losses[0].copy is None
    assert forecast_of(shop_bench, "DROP VIEW names").losses == ()


def test_only_a_narrower_type_is_told(shop_bench: Bench) -> None:
    assert counted(forecast_of(shop_bench, "ALTER TABLE users ALTER name TYPE varchar(3)")) == [
        ("public.users", ("name",), 10)
    ]
    assert forecast_of(shop_bench, "ALTER TABLE users ALTER name TYPE citext").losses == ()
    assert counted(forecast_of(shop_bench, "ALTER TABLE users ALTER big TYPE int")) == [("public.users", ("big",), 10)]


def test_a_row_is_counted_once_however_often_the_plan_destroys_something_of_it(shop_bench: Bench) -> None:
    forecast = forecast_of(
        shop_bench, "ALTER TABLE users DROP COLUMN plan", "DELETE FROM users", "DROP TABLE users CASCADE"
    )
    assert [loss.rows for loss in forecast.losses] == [10, 10, 5, 10, 10]
    assert forecast.rows == 15  # ten users, five orders


def test_a_partition_is_counted_with_its_parent(bench: Bench) -> None:
    bench.database.query(
        "CREATE TABLE p (id int) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9);"
        "INSERT INTO p VALUES (1), (2)"
    )
    assert counted(forecast_of(bench, "DROP TABLE p1; DROP TABLE p;")) == [("public.p", (), 2)]


def test_what_is_locked_becomes_an_estimate_and_what_was_never_counted_stays_unknown(shop_bench: Bench) -> None:
    shop_bench.database.query("ANALYZE users")
    with shop_bench.database.connect(autocommit=False) as other:
        other.execute("LOCK TABLE users, s.log")
        started = time.monotonic()
        forecast = forecast_of(shop_bench, "ALTER TABLE users DROP COLUMN plan; DROP TABLE s.log")
    assert time.monotonic() - started < counting.BUDGET
    users, log = forecast.losses
    assert (users.rows, users.is_estimate) == (10, True)
    assert (log.rows, log.why_unknown) == (None, counting.LOCKED)
    assert forecast.word == "unknown"


def test_a_count_that_takes_too_long_is_given_up(shop_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "COUNT_TIMEOUT", 0.1)
    shop_bench.database.query(
        "CREATE FUNCTION slow(x int) RETURNS int LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(9); RETURN x; END';"
        "CREATE VIEW sleepy AS SELECT slow(1); CREATE TABLE t (x int); INSERT INTO t VALUES (1);"
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY"
    )
    monkeypatch.setattr(counting, "_counting", lambda connection, hit: b"SELECT public.slow(1)")
    started = time.monotonic()
    (loss,) = forecast_of(shop_bench, "DROP TABLE t").losses
    assert time.monotonic() - started < 3
    assert (loss.rows, loss.why_unknown) == (None, counting.TOO_LONG)


def test_a_target_that_does_not_answer_gives_a_sentence_within_the_budget() -> None:
    address = Address(environment="test", name="Test", variable="X", url="postgresql://who:s3cret@127.0.0.1:1/gone")
    forecast = counting.take(address, reading.read(plan_of("DROP TABLE a"), {}), then={})
    assert "Test cannot be reached" in forecast.failure
    assert "s3cret" not in forecast.failure
    assert (forecast.is_destructive, forecast.word) == (True, "unknown")


def test_a_plan_that_destroys_nothing_never_asks_the_target() -> None:
    address = Address(environment="test", name="Test", variable="X", url="")
    assert counting.take(address, reading.read(plan_of("SET work_mem = '1MB'; SELECT 1"), {}), then={}) == Forecast()


def test_rows_written_since_are_told_only_where_the_counting_went_on(shop_bench: Bench) -> None:
    with connection.reading(shop_bench.address) as opened:
        then = statistics.read(opened)
    written = Written(rows={**then.rows, "s.log": 0}, since=then.since)
    shop_bench.database.query("INSERT INTO s.log VALUES ('z')")
    wait_for_statistics(shop_bench)
    assert forecast_of(shop_bench, "DROP TABLE s.log", then=written).losses[0].written_since == 3
    other = replace(written, since="another counting")
    assert forecast_of(shop_bench, "DROP TABLE s.log", then=other).losses[0].written_since is None
    assert forecast_of(shop_bench, "DROP TABLE s.log", then=replace(written, rows={})).losses[0].written_since is None
    assert forecast_of(shop_bench, "DROP TABLE s.log").losses[0].written_since is None


def wait_for_statistics(bench: Bench) -> None:
    deadline = time.monotonic() + 10
    query = "SELECT n_tup_ins FROM pg_stat_user_tables WHERE schemaname = 's' AND relname = 'log'"
    while bench.database.query(query) != [(3,)]:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_how_each_loss_would_be_saved(shop_bench: Bench) -> None:
    forecast = forecast_of(
        shop_bench,
        "ALTER TABLE users DROP COLUMN plan; ALTER TABLE orders DROP COLUMN id; DROP TABLE s.log",
        "DROP TABLE orders",
    )
    copies = {
        step: tuple(replace(copy, oid=0, numbers=()) for copy in of_step) for step, of_step in forecast.copies.items()
    }
    assert copies == {
        ("001", "x"): (
            Copy(schema="public", table="users", columns=("plan",), key=("id",), with_nulls=True),
            Copy(schema="public", table="orders", columns=("id",), with_nulls=True),
            Copy(schema="s", table="log"),
        ),
        ("002", "x"): (Copy(schema="public", table="orders", key=("id",)),),
    }


def test_the_session_is_left_as_it_was_for_whoever_a_pooler_gives_it_to(
    shop_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = (
        "SELECT name, setting FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout', 'row_security')"
    )
    with shop_bench.database.connect() as opened:
        before = opened.execute(settings).fetchall()
        monkeypatch.setattr(connection, "reading", lambda address, timeout: nullcontext(opened))
        assert forecast_of(shop_bench, "DROP TABLE users; DELETE FROM s.log WHERE line = 'x'").rows == 11
        assert opened.execute(settings).fetchall() == before


def test_counting_only_reads_whatever_the_connection_would_allow(
    shop_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "_counting", lambda connection, hit: b"DELETE FROM s.log RETURNING 1")
    with shop_bench.database.connect() as opened:
        monkeypatch.setattr(connection, "reading", lambda address, timeout: nullcontext(opened))
        (loss,) = forecast_of(shop_bench, "DROP TABLE s.log").losses
    assert (loss.rows, "read-only transaction" in loss.why_unknown) == (None, True)
    assert shop_bench.database.query("SELECT count(*) FROM s.log") == [(2,)]


def test_counting_writes_nothing(shop_bench: Bench) -> None:
    assert counted(forecast_of(shop_bench, "DELETE FROM s.log WHERE line = 'x'")) == [("s.log", (), 1)]
    assert shop_bench.database.query("SELECT count(*) FROM s.log") == [(2,)]


# Confirming


def losing(rows: int | None) -> Forecast:
    loss = Loss(step=("1", "x"), fate=Fate.DROPPED, kind="table", schema="s", table="t", rows=rows)
    return Forecast(losses=(loss,))


@pytest.mark.parametrize(
    ("rows", "typed", "shown", "is_enough"),
    [
        (1240, "1240", "1240", True),
        (1240, "1,240", "1240", True),
        (1240, "1 240 ", "1240", True),
        (1300, "1240", "1240", True),  # more by now: the table is in use
        (1300, "1300", "1240", True),
        (1200, "1240", "1240", True),  # fewer by now
        (1200, "9999", "1240", False),
        (1240, "", "1240", False),
        (1240, "unknown", "1240", False),
        (None, "unknown", "1240", True),
        (None, "1240", "1240", True),  # it could be counted then
        (5, "unknown", "unknown", True),
        (5, "unknown", "5", False),
        (1240, "", "", False),
        (None, "1240", "", False),
    ],
)
def test_what_is_typed_must_cover_what_would_be_lost_now(
    rows: int | None, typed: str, shown: str, is_enough: bool
) -> None:
    assert values.is_confirmed(losing(rows), typed=typed, shown=shown) is is_enough
