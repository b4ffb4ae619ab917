"""What an earlier statement of a plan does to the meaning of a later one: what the target cannot tell is no zero."""

from __future__ import annotations

import pytest

from dashboard.engine.forecast.values import Forecast
from tests.engine.folders import Bench
from tests.engine.test_forecast import forecast_of
from tests.engine.test_forecast_kinds import is_lost, says_nothing

SETUP = """
CREATE TABLE t (id int PRIMARY KEY, name text, status text DEFAULT 'active', flag boolean DEFAULT true);
INSERT INTO t VALUES (1, 'alpha', 'active', true), (2, 'beta', 'banned', true);
CREATE SCHEMA a; CREATE SCHEMA archive; CREATE SCHEMA staging; CREATE TABLE a.t (id int); INSERT INTO a.t VALUES (1);
CREATE TABLE events (id int); INSERT INTO events VALUES (1);
CREATE TYPE state AS ENUM ('x'); CREATE TABLE stated (id int, s state); INSERT INTO stated VALUES (1, 'x');
CREATE TABLE pairs (id int, a int, b int); INSERT INTO pairs VALUES (1, 1, 2), (2, 1, 2);
CREATE TABLE referring (id int, x int DEFAULT 1); INSERT INTO referring VALUES (1, 1);
CREATE TABLE nobody (id int PRIMARY KEY);
CREATE TABLE moments (id int, at timestamptz); INSERT INTO moments VALUES (1, '2024-02-01 03:00+00');
CREATE VIEW first AS SELECT id FROM t WHERE id = 1;
CREATE TABLE computed (id int, g int GENERATED ALWAYS AS (id * 2) STORED); INSERT INTO computed VALUES (1);
CREATE FUNCTION purge() RETURNS void LANGUAGE sql AS 'DELETE FROM public.t';
CREATE TABLE parts (id int, v text) PARTITION BY LIST (id); CREATE TABLE part PARTITION OF parts FOR VALUES IN (1);
INSERT INTO parts VALUES (1, 'old');
CREATE DOMAIN d AS numeric; CREATE DOMAIN a.d AS numeric(9, 1);
CREATE TABLE kinds (id int, n numeric(9, 2), c char(5), i interval second(6), ts timestamp, d d);
INSERT INTO kinds VALUES (1, 1.55, 'ab', '1 day 02:03:04.5', '2024-11-03 01:30', 1.23);
CREATE TABLE a.twin (id int); CREATE TABLE twin (id int); INSERT INTO twin VALUES (1);
"""

OWN_BY_NAME_ONLY = [
    "CREATE TABLE a.events (id int); DROP TABLE public.events",
    "SET search_path = staging; CREATE TABLE events (id int); SET search_path = public; DROP TABLE events",
    "SET search_path = staging; CREATE TABLE events (id int); SET search_path = public; DELETE FROM events",
    "SET search_path = staging; CREATE TABLE events (id int); RESET search_path; DELETE FROM events",
    "SELECT set_config('search_path', 'staging', false); CREATE TABLE events (id int); RESET search_path;"
    "DROP TABLE events",
    "SELECT set_config('search_path', 'staging', false); DROP TABLE IF EXISTS events; SELECT set_config('search_path',"
    "'public', false); DROP TABLE events",
    "DO $$ BEGIN IF to_regclass('public.t') IS NULL THEN CREATE TABLE t (id int); END IF; END $$; DROP TABLE t CASCADE",
    "DO $$ BEGIN CREATE TABLE t (id int); EXCEPTION WHEN duplicate_table THEN NULL; END $$; DELETE FROM t",
    "SAVEPOINT s; ALTER TABLE t RENAME TO t2; CREATE TABLE t (id int); ROLLBACK TO s; DELETE FROM t",
    "SET search_path = a, public; DROP TABLE twin; DROP TABLE twin",
    "SET search_path = a, public; DROP SCHEMA a CASCADE; DROP TABLE twin",
    "CREATE SCHEMA s CREATE TABLE events (id int); DROP TABLE events",
    "CREATE TABLE events_new (id int, x int); ALTER TABLE events RENAME TO events_old;"
    "ALTER TABLE events_new RENAME TO events; DROP TABLE events_old",
]
OLD_ROWS_REACHED_THROUGH_NEW_THINGS = [
    "CREATE TABLE p (id int) PARTITION BY RANGE (id); ALTER TABLE p ATTACH PARTITION events FOR VALUES FROM (0) TO (9);"
    + destroying
    for destroying in ("DROP TABLE p", "TRUNCATE p", "DELETE FROM p WHERE id < 5")
] + [
    "CREATE TABLE p (id int); ALTER TABLE events INHERIT p; UPDATE p SET id = 7",
    "CREATE TABLE k (id int PRIMARY KEY); INSERT INTO k VALUES (1);"
    "ALTER TABLE referring ADD FOREIGN KEY (x) REFERENCES k ON DELETE CASCADE; DELETE FROM k",
    "CREATE TABLE k (id int PRIMARY KEY); INSERT INTO k VALUES (1);"
    "ALTER TABLE referring ADD FOREIGN KEY (x) REFERENCES k; TRUNCATE k CASCADE",
    "UPDATE referring SET x = NULL; ALTER TABLE referring ADD FOREIGN KEY (x) REFERENCES nobody;"
    "TRUNCATE nobody CASCADE",
    "CREATE VIEW v AS SELECT * FROM t; DELETE FROM v",
    "CREATE VIEW v AS SELECT * FROM t; UPDATE v SET name = 'x'",
    "CREATE OR REPLACE VIEW first AS SELECT * FROM t; DELETE FROM first WHERE id > 1",
    "CREATE TYPE of_events AS (id int); ALTER TABLE events OF of_events; DROP TYPE of_events CASCADE",
]
RENAMED_OR_MOVED = [
    "ALTER SCHEMA a RENAME TO b; CREATE SCHEMA a; DROP SCHEMA b CASCADE",
    "ALTER SCHEMA a RENAME TO b; DROP TABLE b.t",
    "ALTER SCHEMA a RENAME TO b; DELETE FROM b.t",
    "ALTER TYPE state RENAME TO old; CREATE TYPE state AS ENUM ('x', 'y'); DROP TYPE old CASCADE",
    "ALTER TABLE t SET SCHEMA archive; DROP SCHEMA archive CASCADE",
    "CREATE SCHEMA attic; ALTER TABLE t SET SCHEMA attic; DROP SCHEMA attic CASCADE",
    "ALTER FUNCTION purge() RENAME TO tidy; SELECT tidy()",
    "ALTER FUNCTION purge() SET SCHEMA archive; SELECT archive.purge()",
    "ALTER TABLE events RENAME TO happened; DROP TABLE public.happened",
    "ALTER TABLE IF EXISTS events RENAME TO happened; DROP TABLE happened",
    "ALTER TABLE parts RENAME v TO w; UPDATE part SET w = 'new'",
]
READ_IN_ANOTHER_WAY = [
    "ALTER TABLE pairs RENAME a TO c; ALTER TABLE pairs RENAME b TO a; DELETE FROM pairs WHERE a = 2",
    "ALTER TABLE t DROP COLUMN flag; ALTER TABLE t ADD COLUMN flag boolean; DELETE FROM t WHERE flag IS NULL",
    "SET timezone = 'America/New_York'; DELETE FROM moments WHERE at < '2024-02-01 00:00'",
    "DO $$ #variable_conflict use_variable\nDECLARE status text := 'zzz';"
    "BEGIN DELETE FROM t WHERE t.status <> status; END $$",
    "UPDATE part SET v = 'new' WHERE v = 'nowhere'; DELETE FROM parts WHERE v = 'old'",
]
VALUES_LIKE_ANY_OTHER = [
    "UPDATE t SET status = 'banned' WHERE status = 'active'",
    "UPDATE t SET flag = false WHERE flag",
    "ALTER TABLE t DROP COLUMN flag",
    "ALTER TABLE t ALTER name TYPE text USING name::varchar(3)",
    'ALTER TABLE t ALTER name TYPE text USING name::"char"',
    "ALTER TABLE moments ALTER at TYPE timestamptz USING at::date",
    "ALTER TABLE kinds ALTER n TYPE numeric USING n::int",
    "ALTER TABLE kinds ALTER n TYPE numeric(12, -1)",
    "ALTER TABLE kinds ALTER c TYPE text",
    "ALTER TABLE kinds ALTER i TYPE interval hour",
    "SET timezone = 'America/New_York'; ALTER TABLE kinds ALTER ts TYPE timestamptz",
    "ALTER TABLE kinds ALTER d TYPE a.d",
    "ALTER TABLE computed ALTER g DROP EXPRESSION; ALTER TABLE computed DROP COLUMN g",
]
LOSING = [
    *OWN_BY_NAME_ONLY,
    *OLD_ROWS_REACHED_THROUGH_NEW_THINGS,
    *RENAMED_OR_MOVED,
    *READ_IN_ANOTHER_WAY,
    *VALUES_LIKE_ANY_OTHER,
]
IN_TWO_FILES = [
    ("SET search_path = staging; CREATE TABLE events (id int)", "DROP TABLE events"),
    ("SELECT set_config('search_path', 'staging', false); CREATE TABLE events (id int)", "DROP TABLE events"),
    ("CREATE TEMP TABLE events (x int) ON COMMIT DROP", "DELETE FROM events"),
    ("CREATE TEMP TABLE events (x int)", "DELETE FROM events"),
    ("CREATE TEMP TABLE t (x int); ALTER TABLE t ADD COLUMN name text", "UPDATE t SET name = 'x'"),
]

HARMLESS = [
    "CREATE TABLE x (id int PRIMARY KEY, v text); CREATE INDEX ON x (v); INSERT INTO x VALUES (1, 'a');"
    "UPDATE x SET v = 'b' WHERE id = 1; DELETE FROM x; DROP TABLE x",
    "CREATE TEMP TABLE x ON COMMIT DROP AS SELECT * FROM t; DELETE FROM x; DROP TABLE x",
    "CREATE TEMP TABLE events AS SELECT 1 AS id; DELETE FROM events; DROP TABLE events",
    "ALTER TABLE t ADD COLUMN x text; UPDATE t SET x = name WHERE x IS NULL; ALTER TABLE t ALTER x SET NOT NULL",
    "ALTER TABLE t ADD COLUMN x text; DELETE FROM events WHERE id = 9",
    "SET lock_timeout = '1s'; SET LOCAL statement_timeout = 0; DELETE FROM events WHERE id = 9",
    "SET search_path = public; CREATE TABLE x (id int); INSERT INTO x VALUES (1); DROP TABLE x",
    "ALTER TABLE t RENAME CONSTRAINT t_pkey TO k; ALTER TABLE t RENAME name TO label; DELETE FROM events WHERE id = 9",
    "ALTER TABLE referring ADD FOREIGN KEY (x) REFERENCES t (id); DELETE FROM events WHERE id = 9",
    "CREATE TABLE p (id int) PARTITION BY RANGE (id); CREATE TABLE p1 (id int);"
    "ALTER TABLE p ATTACH PARTITION p1 FOR VALUES FROM (0) TO (9); DROP TABLE p",
    "CREATE OR REPLACE VIEW first AS SELECT * FROM t WHERE id = 2; DELETE FROM events WHERE id = 9",
    "CREATE FUNCTION mine() RETURNS boolean LANGUAGE sql AS 'SELECT true'; ALTER TABLE t ENABLE ROW LEVEL SECURITY;"
    "CREATE POLICY own ON t USING (mine()); ALTER TABLE t ADD COLUMN x int; INSERT INTO events VALUES (2)",
    "CREATE TABLE new (id int); ALTER TABLE nobody RENAME TO old; ALTER TABLE new RENAME TO nobody; DROP TABLE old",
]


@pytest.fixture
def bench_with_data(bench: Bench) -> Bench:
    bench.database.query(SETUP)
    return bench


def test_what_the_plan_has_moved_or_reads_in_another_way_is_never_called_nothing(bench_with_data: Bench) -> None:
    forecasts = {script: forecast_of(bench_with_data, script) for script in LOSING}
    assert [script for script, forecast in forecasts.items() if says_nothing(forecast)] == []
    assert {forecast.failure for forecast in forecasts.values()} == {""}
    assert [script for script in LOSING if is_lost(bench_with_data, script) is False] == []


def test_what_a_step_made_for_its_session_is_not_what_the_next_finds(bench_with_data: Bench) -> None:
    assert [scripts for scripts in IN_TWO_FILES if says_nothing(forecast_of(bench_with_data, *scripts))] == []


def test_everyday_migrations_are_still_proven(bench_with_data: Bench) -> None:
    forecasts = {script: forecast_of(bench_with_data, script) for script in HARMLESS}
    assert {script: told(f) for script, f in forecasts.items() if f.word != "0"} == {}
    assert {script: is_lost(bench_with_data, script) for script in HARMLESS} == dict.fromkeys(HARMLESS, False)


def told(forecast: Forecast) -> tuple[object, ...]:
    return forecast.unseen, forecast.failure, [(x.relation, x.rows, x.why_unknown) for x in forecast.losses]


def test_the_statement_that_moved_it_is_named(bench_with_data: Bench) -> None:
    (sentence,) = forecast_of(bench_with_data, "ALTER SCHEMA a RENAME TO b;\nDROP TABLE b.t").unseen
    assert sentence == ("001_x, line 2: what it destroys of b.t cannot be judged, as 001_x, line 1 renames a schema.")


def test_a_value_put_where_there_was_none_counts(bench_with_data: Bench) -> None:
    bench_with_data.database.query("UPDATE t SET name = NULL WHERE id = 1")
    assert forecast_of(bench_with_data, "UPDATE t SET name = 'x' WHERE name IS NULL").word == "1"


def test_a_table_taken_from_its_parent_cannot_be_judged(bench_with_data: Bench) -> None:
    bench_with_data.database.query("CREATE TABLE child () INHERITS (events)")
    assert forecast_of(bench_with_data, "ALTER TABLE child NO INHERIT events").word == "unknown"
