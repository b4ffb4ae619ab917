"""Statement by statement: what is forecast, and what is really gone once it has run."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from dashboard.engine.database import connection
from dashboard.engine.forecast import reading
from dashboard.engine.forecast.values import Forecast
from dashboard.engine.plan import Action
from tests.engine.folders import Bench, plan_of
from tests.engine.test_forecast import forecast_of

SETUP = """
CREATE TABLE p (id int PRIMARY KEY, v text, s text, n numeric(10,2), at timestamptz, j jsonb);
INSERT INTO p SELECT i, 'v' || i, CASE WHEN i % 2 = 0 THEN 'paid' ELSE 'open' END, i + 0.25, '2026-01-01 10:00:00.123',
    '{"a": 1}' FROM generate_series(1, 20) i;
CREATE TABLE c (id int PRIMARY KEY, p_id int REFERENCES p ON DELETE SET NULL ON UPDATE SET NULL);
INSERT INTO c SELECT i, i FROM generate_series(1, 5) i;
CREATE TABLE d (id int PRIMARY KEY, p_id int REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO d SELECT i, i FROM generate_series(1, 4) i;
CREATE TABLE w (id int PRIMARY KEY, v text);
INSERT INTO w SELECT i, 'w' FROM generate_series(1, 6) i;
CREATE TABLE plain (id int PRIMARY KEY, v text, updated_at timestamptz);
INSERT INTO plain SELECT i, CASE WHEN i > 3 THEN 'x' END FROM generate_series(1, 6) i;
CREATE TABLE empty (id int PRIMARY KEY, v text);
CREATE FUNCTION wipe() RETURNS void LANGUAGE plpgsql AS 'BEGIN DELETE FROM w; END';
CREATE FUNCTION sly() RETURNS int LANGUAGE sql STABLE AS 'SELECT wipe(); SELECT 1';
CREATE PROCEDURE wipe_all() LANGUAGE plpgsql AS 'BEGIN DELETE FROM w; END';
CREATE FUNCTION wiping() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM w; RETURN NULL; END';
CREATE TABLE watched (id int); CREATE TRIGGER t AFTER INSERT OR UPDATE ON watched EXECUTE FUNCTION wiping();
CREATE TABLE ruled (id int); CREATE RULE r AS ON INSERT TO ruled DO INSTEAD DELETE FROM w;
CREATE TABLE defaulting (id int, x int DEFAULT sly());
CREATE VIEW windows AS SELECT id FROM watched;
CREATE FUNCTION twice(x int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT x * 2';
CREATE TABLE g (id int, double int GENERATED ALWAYS AS (twice(id)) STORED); INSERT INTO g VALUES (1), (2);
CREATE SCHEMA s; CREATE TYPE s.mood AS ENUM ('ok'); CREATE TABLE s.inside (x int); INSERT INTO s.inside VALUES (1);
CREATE TABLE outside (id int, m s.mood); INSERT INTO outside VALUES (1, 'ok');
CREATE TABLE rowtyped (id int, r w); INSERT INTO rowtyped VALUES (1, ROW(1, 'x'));
CREATE DOMAIN short AS varchar(9); CREATE TABLE domained (id int, x short); INSERT INTO domained VALUES (1, 'x');
CREATE TYPE pair AS (a int, b int); CREATE TABLE paired (id int, x pair); INSERT INTO paired VALUES (1, ROW(1, 2));
CREATE VIEW seen AS SELECT id FROM plain; CREATE MATERIALIZED VIEW kept AS SELECT id FROM seen;
CREATE TABLE parent (id int, v text); CREATE TABLE child (extra text) INHERITS (parent);
INSERT INTO parent VALUES (1, 'p'); INSERT INTO child VALUES (2, 'c', 'more');
CREATE TABLE parts (id int) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (9); INSERT INTO parts VALUES (1), (2);
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.updated_at = now(); RETURN NEW; END';
CREATE VIEW calling AS SELECT sly() AS x; CREATE MATERIALIZED VIEW refreshed AS SELECT sly() AS x WITH NO DATA;
CREATE FUNCTION of_row(w) RETURNS int LANGUAGE sql AS 'SELECT wipe(); SELECT 1';
CREATE FUNCTION check_it(int) RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT wipe(); SELECT true';
CREATE TABLE checking (id int); INSERT INTO checking VALUES (1);
ALTER TABLE checking ADD CONSTRAINT checked CHECK (check_it(id)) NOT VALID;
CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS 'SELECT wipe(); SELECT 1';
CREATE PROCEDURE s.p() LANGUAGE sql AS 'SELECT wipe()'; CREATE VIEW s.calls AS SELECT s.f();
CREATE FUNCTION of_extension() RETURNS int LANGUAGE sql AS 'SELECT wipe(); SELECT 1';
CREATE FUNCTION of_extension(int, int) RETURNS int LANGUAGE sql AS 'SELECT wipe(); SELECT 1';
CREATE OPERATOR <~> (LEFTARG = int, RIGHTARG = int, FUNCTION = of_extension);
CREATE TABLE by_extension (id int, x int DEFAULT of_extension());
ALTER EXTENSION plpgsql ADD FUNCTION of_extension(); ALTER EXTENSION plpgsql ADD FUNCTION of_extension(int, int);
ALTER EXTENSION plpgsql ADD OPERATOR <~> (int, int);
CREATE FUNCTION sly_same(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT wipe(); SELECT true';
CREATE OPERATOR <!> (LEFTARG = int, RIGHTARG = int, FUNCTION = sly_same);
CREATE TABLE sending (id int, x text DEFAULT query_to_xml('SELECT wipe()', true, true, '')::text);
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON plain FOR EACH ROW EXECUTE FUNCTION stamp();
"""

LOSING = [
    "UPDATE p SET v = NULL",
    "UPDATE p SET v = NULL WHERE true",
    "UPDATE p SET v = NULL WHERE id > 0",
    "UPDATE p SET v = w.v FROM w WHERE w.id = p.id",
    "UPDATE p SET s = 'x'; UPDATE p SET v = NULL WHERE s = 'x'",
    "UPDATE p SET v = lower(s) WHERE length(v) > 1",
    "WITH u AS (UPDATE p SET v = NULL RETURNING 1) SELECT count(*) FROM u",
    "UPDATE seen SET id = id + 100",
    "SELECT wipe()",
    "SELECT sly()",
    "SELECT count(*) FROM p WHERE sly() = 1",
    "DO $$ BEGIN PERFORM wipe(); END $$",
    "DO $$ DECLARE x int := sly(); BEGIN NULL; END $$",
    "DO 'BEGIN DELETE FROM w; END'",
    "DO $$ BEGIN IF true THEN UPDATE w SET v = NULL; END IF; END $$",
    "DO $$ BEGIN EXECUTE 'DELETE FROM ' || 'w'; END $$",
    "CALL wipe_all()",
    "DO $$ BEGIN CALL wipe_all(); END $$",
    "DO $$ BEGIN PERFORM s.f(); END $$",
    "DO $$ DECLARE x int; BEGIN SELECT s.f() INTO x; END $$",
    "DO $$ DECLARE x int; BEGIN x := s.f(); END $$",
    "DO $$ BEGIN IF s.f() = 1 THEN NULL; END IF; END $$",
    "DO $$ DECLARE x record; BEGIN FOR x IN SELECT s.f() LOOP NULL; END LOOP; END $$",
    "ALTER SCHEMA s RENAME TO r; SELECT r.f()",
    "ALTER SCHEMA s RENAME TO r; CALL r.p()",
    "ALTER SCHEMA s RENAME TO r; SELECT * FROM r.calls",
    "ALTER SCHEMA s RENAME TO r; DO $$ BEGIN PERFORM r.f(); END $$",
    "ALTER SCHEMA s RENAME TO r; DO $$ BEGIN CALL r.p(); END $$",
    "ALTER SCHEMA s RENAME TO r; DO $$ DECLARE x int := r.f(); BEGIN NULL; END $$",
    "SELECT of_extension()",
    "SELECT 1 <~> 2",
    "SELECT 1 <!> ANY (SELECT 2)",
    "DO $$ DECLARE x int; BEGIN x := 1 <~> 2; END $$",
    "DO $$ BEGIN IF EXISTS (SELECT FROM calling WHERE x = 1) THEN NULL; END IF; END $$",
    "DO $$ DECLARE x int := (SELECT x FROM calling); BEGIN NULL; END $$",
    "DO $$ BEGIN RAISE NOTICE '%', (SELECT x FROM calling); END $$",
    "DO $$ BEGIN ASSERT (SELECT (w).of_row FROM w LIMIT 1) = 1; END $$",
    "INSERT INTO by_extension (id) VALUES (1)",
    "INSERT INTO sending (id) VALUES (1)",
    "CREATE EXTENSION dblink; SELECT dblink_exec('dbname=x', 'DELETE FROM w')",
    "CREATE EXTENSION dblink; DO $$ BEGIN PERFORM dblink_exec('dbname=x', 'DELETE FROM w'); END $$",
    "CREATE FUNCTION mine() RETURNS void LANGUAGE sql AS 'DELETE FROM w'; SELECT mine()",
    "INSERT INTO watched VALUES (1)",
    "INSERT INTO windows VALUES (1)",
    "INSERT INTO ruled VALUES (1)",
    "INSERT INTO defaulting (id) VALUES (1)",
    "INSERT INTO empty SELECT sly(), 'x'",
    "INSERT INTO plain (id, v) VALUES (5, 'new') ON CONFLICT (id) DO UPDATE SET v = excluded.v",
    "CREATE TRIGGER t2 AFTER INSERT ON empty EXECUTE FUNCTION wiping(); INSERT INTO empty VALUES (1)",
    "CREATE TRIGGER t2 AFTER INSERT ON parts FOR EACH ROW EXECUTE FUNCTION wiping(); INSERT INTO parts_1 VALUES (3)",
    "CREATE TRIGGER t2 AFTER INSERT ON plain EXECUTE FUNCTION wiping(); INSERT INTO seen VALUES (33)",
    "CREATE TABLE own (id int); CREATE TRIGGER t2 AFTER INSERT ON own EXECUTE FUNCTION wiping();"
    "INSERT INTO own VALUES (1)",
    "CREATE TABLE copied AS SELECT sly() AS x",
    "CREATE INDEX ON p ((sly_too(id)))",
    "ALTER TABLE p ADD COLUMN x int DEFAULT sly()",
    "ALTER TABLE p ALTER v TYPE text USING NULL",
    "ALTER TABLE p ALTER v TYPE text USING left(v, 1)",
    "ALTER TABLE p ALTER v TYPE varchar(1) USING v::varchar(1)",
    "ALTER TABLE p ALTER at TYPE timestamptz(0)",
    "ALTER TABLE p ALTER at TYPE date",
    "ALTER TABLE p ALTER at TYPE text USING 'x'::text",
    "ALTER TABLE p ALTER n TYPE numeric(10,1)",
    "ALTER TABLE p ALTER n TYPE float4 USING (n + 1)::float4",
    "ALTER TABLE p ALTER n TYPE int USING n::int",
    "ALTER TYPE pair DROP ATTRIBUTE b CASCADE",
    "DROP TABLE p CASCADE",
    "DROP TABLE w CASCADE",
    "DROP TABLE parts",
    "DROP TABLE parent CASCADE",
    "DROP FUNCTION twice(int) CASCADE",
    "DROP SCHEMA s CASCADE",
    "DROP TYPE s.mood CASCADE",
    "DROP DOMAIN short CASCADE",
    "DROP EXTENSION citext CASCADE",
    "ALTER TABLE parent DROP COLUMN v",
    "ALTER TABLE p DROP COLUMN v, DROP COLUMN s",
    "DROP OWNED BY CURRENT_USER",
    "DELETE FROM p",
    "DELETE FROM p WHERE id < 3",
    "DELETE FROM p USING w WHERE w.id = p.id",
    "DELETE FROM parent",
    "UPDATE p SET id = id + 100",
    "TRUNCATE w",
    "TRUNCATE p CASCADE",
    "TRUNCATE parent",
    "MERGE INTO plain USING w ON w.id = plain.id WHEN MATCHED THEN UPDATE SET v = w.v",
    "MERGE INTO w USING plain ON w.id = plain.id WHEN MATCHED THEN DELETE",
    "EXPLAIN ANALYZE DELETE FROM w",
    "PREPARE x AS DELETE FROM w; EXECUTE x",
    "SELECT query_to_xml('SELECT wipe()', true, true, '')",
    "INSERT INTO empty VALUES "
    + ", ".join(f"({n}, 'x')" for n in range(3000))
    + " ON CONFLICT (id) DO UPDATE SET v='x'"
    "; INSERT INTO watched VALUES " + ", ".join("(1)" for _ in range(3000)),
    "INSERT INTO empty VALUES " + ", ".join(f"({n}, wipe()::text)" for n in range(1, 2000)),
    "INSERT INTO empty VALUES " + ", ".join(f"({n}, (1 <~> 2)::text)" for n in range(1, 2000)),
    f"INSERT INTO empty SELECT x, 'x' FROM calling WHERE x NOT IN ({', '.join(map(str, range(2, 2100)))})",
    "SELECT * FROM calling",
    "SELECT table_to_xml('calling', true, true, '')",
    "SELECT table_to_xml_and_xmlschema('calling', true, true, '')",
    "SELECT schema_to_xml('s', true, true, '')",
    "DO $$ BEGIN PERFORM table_to_xml('calling', true, true, ''); END $$",
    "CREATE VIEW x AS SELECT table_to_xml('calling', true, true, ''); SELECT * FROM x",
    "UPDATE pg_attribute SET attisdropped = true WHERE attrelid = 'w'::regclass AND attname = 'v'",
    "DO $$ BEGIN DELETE FROM pg_catalog.pg_attribute WHERE attrelid = 'w'::regclass AND attname = 'v'; END $$",
    "MERGE INTO p USING w ON p.id = w.id WHEN MATCHED THEN DELETE",
    "WITH gone AS (DELETE FROM w RETURNING *) INSERT INTO empty SELECT id, v FROM gone WHERE false",
    "UPDATE p SET (v, s) = (SELECT NULL, NULL)",
    "UPDATE paired SET x.b = NULL",
    "ALTER TABLE parts DETACH PARTITION parts_1; DROP TABLE parts_1",
    "ALTER TABLE child NO INHERIT parent; DROP TABLE child",
    "ALTER TABLE w SET SCHEMA s; DROP SCHEMA s CASCADE",
    "CREATE TEMP TABLE w (id int); DROP TABLE w; DELETE FROM w",
    "CREATE OR REPLACE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM w; RETURN NEW; END';"
    "UPDATE plain SET id = id",
    "CREATE TABLE x AS SELECT * FROM calling",
    "CREATE VIEW x AS SELECT sly(); SELECT * FROM x",
    "REFRESH MATERIALIZED VIEW refreshed",
    "SELECT w.of_row FROM w LIMIT 1",
    "SELECT (w).of_row FROM w LIMIT 1",
    "ALTER TABLE checking VALIDATE CONSTRAINT checked",
    "CREATE TABLE x (id int DEFAULT sly()); INSERT INTO x DEFAULT VALUES",
    "ALTER TABLE empty ALTER v SET DEFAULT sly()::text; INSERT INTO empty VALUES (1)",
    "CREATE DOMAIN x AS int CHECK (check_it(VALUE)); SELECT 1::x",
    "DO $$ BEGIN CREATE TEMP TABLE x (id int); DROP TABLE w CASCADE; END $$",
    "ALTER TABLE w RENAME TO old; DELETE FROM old",
    "SET search_path = s; DELETE FROM inside",
    "COPY watched FROM PROGRAM 'echo 1'",
    "REFRESH MATERIALIZED VIEW kept; DELETE FROM w WHERE id = 1",
]

HARMLESS = [
    "CREATE TABLE x (id int DEFAULT 1, s text CHECK (length(s) > 1)); INSERT INTO x VALUES (1, 'ab')",
    "CREATE INDEX ON p (lower(v))",
    "ALTER TABLE p ADD COLUMN x int NOT NULL DEFAULT 0, ADD COLUMN u uuid DEFAULT gen_random_uuid()",
    "ALTER TABLE p ADD COLUMN x text; UPDATE p SET x = lower(v)",
    "ALTER TABLE p ALTER v SET NOT NULL, ADD CHECK (id > 0)",
    "ALTER TABLE p ALTER s TYPE text",
    "ALTER TABLE p ALTER id TYPE bigint",
    "INSERT INTO empty VALUES (1, 'x') ON CONFLICT DO NOTHING",
    "INSERT INTO plain (id, v) VALUES (90, now()::text)",
    "UPDATE plain SET v = 'new' WHERE v = 'nowhere'",
    "DELETE FROM w WHERE id > 1000",
    "DELETE FROM empty",
    "TRUNCATE empty",
    "DROP TABLE empty",
    "COMMENT ON TABLE p IS 'x'; GRANT SELECT ON p TO PUBLIC",
    "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DELETE FROM w'",
    "CREATE VIEW x AS SELECT * FROM p",
    "CREATE TYPE x AS ENUM ('a'); ALTER TYPE x ADD VALUE 'b'",
    "DROP VIEW windows",
    "DROP TRIGGER t ON watched",
    "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_type WHERE typname='q') THEN CREATE TYPE q AS ENUM (); END IF; END $$",
    "DO $$ DECLARE x int := (SELECT max(id) FROM p); BEGIN IF x > 1 THEN RAISE NOTICE '%', x; END IF; END $$",
    "INSERT INTO empty VALUES " + ", ".join(f"({n}, 'x' || {n})" for n in range(1, 2000)),
    "SELECT pg_catalog.set_config('search_path', '', false)",
    "REFRESH MATERIALIZED VIEW kept",
    "ALTER TABLE p RENAME COLUMN v TO value",
    "ALTER TABLE g ALTER id SET DEFAULT sly()",
]


@pytest.fixture
def stock_bench(bench: Bench) -> Bench:
    bench.database.query(SETUP)
    bench.database.query("CREATE FUNCTION sly_too(x int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT sly()'")
    if bench.database.query("SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'") == [(1,)]:
        bench.database.query(
            "CREATE EXTENSION citext; CREATE TABLE loose (id int, x citext); INSERT INTO loose VALUES (1, 'a')"
        )
    return bench


def values_of(opened: psycopg.Connection) -> Counter[Any]:
    """Every row by its first column, and every value by that and itself."""
    held: Counter[Any] = Counter()
    tables = opened.execute(
        "SELECT oid::regclass::text FROM pg_catalog.pg_class WHERE relkind = 'r' AND relpersistence <> 't'"
        " AND relnamespace NOT IN (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname ~ '^pg_|^information')"
    ).fetchall()
    for (table,) in tables:
        for (row,) in opened.execute(f"SELECT to_json(a_row)::text FROM ONLY {table} a_row"):  # type: ignore[call-overload]
            first, *rest = json.loads(row).items()
            held[str(first[1])] += 1
            held.update((str(first[1]), str(v)) for name, v in rest if v is not None and name != "updated_at")
    return held


def is_lost(bench: Bench, script: str) -> bool | None:
    """Run it, look, and take it back. None where the server refuses it."""
    with bench.database.connect(autocommit=False) as opened:
        before = values_of(opened)
        try:
            opened.execute(script)  # type: ignore[call-overload]
            return bool(before - values_of(opened))
        except psycopg.Error:
            return None
        finally:
            opened.rollback()


def says_nothing(forecast: Forecast) -> bool:
    return not forecast.is_destructive or forecast.word == "0"


def test_nothing_is_never_said_of_what_loses_rows_or_values(stock_bench: Bench) -> None:
    forecasts = {script: forecast_of(stock_bench, script) for script in LOSING}
    assert [script[:80] for script, forecast in forecasts.items() if says_nothing(forecast)] == []
    assert {forecast.failure for forecast in forecasts.values()} == {""}
    assert [script[:80] for script in LOSING if is_lost(stock_bench, script) is False] == []


@pytest.mark.parametrize("script", LOSING, ids=lambda script: script[:60])
def test_a_rollback_is_judged_as_an_apply_is(script: str) -> None:
    apply = plan_of(script)
    back = tuple(replace(step, action=Action.ROLLBACK) for step in apply.steps)
    rollback = replace(apply, action=Action.ROLLBACK, steps=back)
    assert reading.read(rollback, {}) == reading.read(apply, {})


@pytest.mark.parametrize("script", ["ALTER TABLE p SET UNLOGGED", "UPDATE pg_class SET reltuples = 0 WHERE false"])
def test_what_may_lose_rows_later_is_not_called_harmless(stock_bench: Bench, script: str) -> None:
    assert not says_nothing(forecast_of(stock_bench, script))


def test_what_is_proven_harmless_loses_nothing(stock_bench: Bench) -> None:
    forecasts = {script: forecast_of(stock_bench, script) for script in HARMLESS}
    assert {script: (f.unseen, f.word, f.failure) for script, f in forecasts.items() if f.word != "0"} == {}
    assert {script: is_lost(stock_bench, script) for script in HARMLESS} == dict.fromkeys(HARMLESS, False)


def test_an_event_trigger_runs_with_what_is_harmless_by_itself(stock_bench: Bench) -> None:
    stock_bench.database.query(
        "CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM w; END';"
        "CREATE EVENT TRIGGER watching ON ddl_command_end EXECUTE FUNCTION on_ddl()"
    )
    try:
        assert not says_nothing(forecast_of(stock_bench, "CREATE TABLE x (id int)"))
    finally:
        stock_bench.database.query("DROP EVENT TRIGGER watching")


@pytest.mark.parametrize(
    "calling",
    [
        "CREATE DOMAIN checked AS int CHECK (check_it(VALUE))",
        "CREATE TYPE made AS (a int); CREATE FUNCTION make(int) RETURNS made LANGUAGE sql AS 'SELECT wipe(); SELECT"
        " ROW(1)::made'; CREATE CAST (int AS made) WITH FUNCTION make(int)",
    ],
)
def test_what_converts_values_calls_what_no_script_names(stock_bench: Bench, calling: str) -> None:
    assert says_nothing(forecast_of(stock_bench, "SELECT id::text FROM plain"))
    stock_bench.database.query(calling)
    assert not says_nothing(forecast_of(stock_bench, "SELECT id::text FROM plain"))


GIVEN = {
    "transform_null_equals = on": "DELETE FROM plain WHERE v = NULL",
    "datestyle = 'SQL, DMY'": "DELETE FROM p WHERE at < '02/01/2026 09:00' AND at > '31/12/2025'",
    "intervalstyle = sql_standard": "DELETE FROM p WHERE at > timestamptz '2026-01-02 13:00' + interval '-1 4:00:00'",
}


def test_a_condition_is_read_as_the_database_will_read_it(stock_bench: Bench) -> None:
    for setting, script in GIVEN.items():
        assert not forecast_of(stock_bench, script).losses[0].rows
        stock_bench.database.query(f'ALTER DATABASE "{stock_bench.database.name}" SET {setting}')
        assert is_lost(stock_bench, script)
        assert forecast_of(stock_bench, script).losses[0].rows


def test_a_subscription_changes_rows_that_no_script_names(bench: Bench) -> None:
    made = "CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p WITH (connect = false)"
    for script in (made, "ALTER SUBSCRIPTION s ENABLE"):
        assert "publisher" in " ".join(forecast_of(bench, script).unseen)


def test_references_that_are_emptied_are_counted(stock_bench: Bench) -> None:
    losses = forecast_of(stock_bench, "DELETE FROM p").losses
    assert [(x.relation, x.fate.value, x.rows, bool(x.copy)) for x in losses] == [
        ("public.p", "emptied", 20, True),
        ("public.c", "overwritten", 5, True),
        ("public.d", "reduced", 4, True),
    ]


def test_a_child_by_inheritance_is_counted_by_itself(stock_bench: Bench) -> None:
    losses = forecast_of(stock_bench, "TRUNCATE parent").losses
    assert [(x.relation, x.rows) for x in losses] == [("public.parent", 1), ("public.child", 1)]
    assert [x.relation for x in forecast_of(stock_bench, "TRUNCATE ONLY parent").losses] == ["public.parent"]


def test_a_role_that_may_not_make_the_copy_is_not_offered_one(stock_bench: Bench) -> None:
    stock_bench.database.query("DROP ROLE IF EXISTS half_blind")
    stock_bench.database.query(
        "CREATE ROLE half_blind; GRANT SELECT, UPDATE ON p TO half_blind; GRANT SELECT ON w TO half_blind;"
    )
    stock_bench.database.query("ALTER TABLE p ENABLE ROW LEVEL SECURITY")
    try:
        with stock_bench.database.connect() as opened, pytest.MonkeyPatch.context() as patch:
            opened.execute("SET ROLE half_blind")
            patch.setattr(connection, "reading", lambda address, timeout: nullcontext(opened))
            losses = forecast_of(stock_bench, "ALTER TABLE p DROP COLUMN v; DELETE FROM w").losses
        assert [(x.relation, x.copy) for x in losses] == [("public.p", None), ("public.w", None)]
        assert all(x.why_unsaved for x in losses)
    finally:
        stock_bench.database.query("DROP OWNED BY half_blind")
        stock_bench.database.query("DROP ROLE half_blind")


POLICED = [
    "SELECT * FROM guarded",
    "INSERT INTO guarded VALUES (2)",
    "CREATE TABLE x AS SELECT * FROM guarded",
    "DO $$ BEGIN PERFORM FROM guarded; END $$",
    "SELECT * FROM through_view",
    "SELECT * FROM by_policy",
]


def test_a_policy_that_is_there_calls_what_no_script_names(stock_bench: Bench) -> None:
    stock_bench.database.query("DROP ROLE IF EXISTS half_blind")
    stock_bench.database.query(
        "CREATE ROLE half_blind; CREATE TABLE guarded (id int); CREATE TABLE by_policy (id int);"
        "CREATE VIEW through_view AS SELECT * FROM guarded; CREATE TABLE plainly (id int);"
        "CREATE POLICY calling ON guarded USING (check_it(id));"
        "CREATE POLICY reading ON by_policy USING (EXISTS (SELECT FROM guarded));"
        "CREATE POLICY comparing ON plainly USING (id > 0);"
        "GRANT ALL ON guarded, through_view, by_policy, plainly TO half_blind"
    )
    try:
        assert [script for script in POLICED if not says_nothing(forecast_of(stock_bench, script))] == [], (
            "no policy applies"
        )
        switching = "ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; SET ROLE half_blind; SELECT * FROM guarded"
        assert not says_nothing(forecast_of(stock_bench, switching))
        stock_bench.database.query(
            "; ".join(f"ALTER TABLE {t} ENABLE ROW LEVEL SECURITY" for t in ("guarded", "by_policy", "plainly"))
        )
        stock_bench.database.query("ALTER VIEW through_view OWNER TO half_blind")
        with stock_bench.database.connect() as opened, pytest.MonkeyPatch.context() as patch:
            opened.execute("SET ROLE half_blind")
            patch.setattr(connection, "reading", lambda address, timeout: nullcontext(opened))
            forecasts = {script: forecast_of(stock_bench, script) for script in POLICED}
            assert {f.failure for f in forecasts.values()} == {""}
            assert [script for script, forecast in forecasts.items() if says_nothing(forecast)] == []
            assert says_nothing(forecast_of(stock_bench, "SELECT * FROM plainly"))
    finally:
        stock_bench.database.query("DROP OWNED BY half_blind")
        stock_bench.database.query("DROP ROLE half_blind")
