"""The table of what runs outside a transaction, held against every server there is.

The tests have one server of their own. `SIGNALBOX_TEST_SERVERS`, URLs of superusers with blanks between them, adds
others: servers for tests only, whose roles, databases and settings may be changed.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from dashboard.engine import errors
from dashboard.engine.sql import outside
from dashboard.engine.sql.statements import split
from dashboard.engine.sql.transaction import TransactionMode, is_bare, is_repeatable, may_commit, shape_of
from tests.engine.folders import Bench, only_statement
from tests.fix_postgres import Database, MakeDatabase

OURS = "the tests' own"
SERVERS = [OURS, *os.environ.get("SIGNALBOX_TEST_SERVERS", "").split()]

_numbers = itertools.count(1)


@dataclass
class Place:
    """Databases on one server, made one after the other."""

    url: str
    made: list[str]

    def database(self) -> Database:
        name = f"outside_{os.getpid()}_{next(_numbers)}"
        Database(name="postgres", url=self.url).query(f"CREATE DATABASE {name}")
        self.made.append(name)
        return Database(name=name, url=make_conninfo(self.url, dbname=name))

    def clear(self) -> None:
        server = Database(name="postgres", url=self.url)
        slots = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '{}'"
        for name in self.made:
            Database(name=name, url=make_conninfo(self.url, dbname=name)).query(_DROP_SUBSCRIPTIONS)
            server.query(slots.format(name))
            server.query(f"DROP DATABASE {name} WITH (FORCE)")
            server.query(f"DROP ROLE IF EXISTS {name}_role")


_DROP_SUBSCRIPTIONS = """DO $$ DECLARE name text; BEGIN
FOR name IN SELECT subname FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
    WHERE datname = current_database() LOOP
    EXECUTE format('ALTER SUBSCRIPTION %I DISABLE', name);
    EXECUTE format('ALTER SUBSCRIPTION %I SET (slot_name = NONE)', name);
    EXECUTE format('DROP SUBSCRIPTION %I', name);
END LOOP; END $$"""


@pytest.fixture(params=SERVERS, ids=lambda url: url.rpartition("@")[2] or url)
def place(request: pytest.FixtureRequest, make_database: MakeDatabase) -> Iterator[Place]:
    url = make_database().url if request.param == OURS else request.param
    there = Place(url=url, made=[])
    yield there
    there.clear()


# What PostgreSQL refuses inside a transaction

SETUP = """
CREATE TABLE t (a int PRIMARY KEY);
CREATE INDEX t_a ON t (a);
CREATE TABLE parted (a int) PARTITION BY RANGE (a);
CREATE TABLE part PARTITION OF parted FOR VALUES FROM (1) TO (9);
CREATE MATERIALIZED VIEW seen AS SELECT 1 AS a;
CREATE UNIQUE INDEX seen_a ON seen (a);
CREATE TYPE mood AS ENUM ('sad');
CREATE SUBSCRIPTION sub CONNECTION 'dbname=nowhere' PUBLICATION p, r
    WITH (connect = false, slot_name = 'nowhere');
"""

REFUSED = [
    "CREATE INDEX CONCURRENTLY i ON t (a)",
    "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)",
    "DROP INDEX CONCURRENTLY t_a",
    "REINDEX TABLE CONCURRENTLY t",
    "REINDEX (CONCURRENTLY) INDEX t_a",
    "REINDEX (CONCURRENTLY on) INDEX t_a",
    "REINDEX SCHEMA public",
    "REINDEX DATABASE {database}",
    "REINDEX SYSTEM {database}",
    "ALTER TABLE parted DETACH PARTITION part CONCURRENTLY",
    "VACUUM",
    "VACUUM FULL t",
    "VACUUM ANALYZE t",
    "CLUSTER",
    "CREATE DATABASE other",
    "DROP DATABASE other",
    "ALTER DATABASE {database} SET TABLESPACE pg_default",
    "CREATE TABLESPACE space LOCATION '/nowhere'",
    "DROP TABLESPACE space",
    "CREATE SUBSCRIPTION s CONNECTION 'dbname=nowhere' PUBLICATION p",
    "CREATE SUBSCRIPTION s CONNECTION 'dbname=nowhere' PUBLICATION p WITH (create_slot)",
    "DROP SUBSCRIPTION sub",
    "ALTER SUBSCRIPTION sub REFRESH PUBLICATION",
    "ALTER SUBSCRIPTION sub SET PUBLICATION q",
    "ALTER SUBSCRIPTION sub ADD PUBLICATION q",
    "ALTER SUBSCRIPTION sub DROP PUBLICATION p",
    "ALTER SUBSCRIPTION sub SET (failover = true)",
    "ALTER SUBSCRIPTION sub SET (two_phase = false)",
    "ALTER SYSTEM SET work_mem = '5MB'",
    "DISCARD ALL",
]

ACCEPTED = [
    "CREATE INDEX i ON t (a)",
    "DROP INDEX t_a",
    "REINDEX TABLE t",
    "REINDEX (CONCURRENTLY off) TABLE t",
    "REINDEX (CONCURRENTLY false) INDEX t_a",
    "ALTER TABLE parted DETACH PARTITION part",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY seen",
    "ANALYZE t",
    "CLUSTER t USING t_a",
    "ALTER DATABASE {database} SET work_mem = '5MB'",
    "ALTER DATABASE {database} CONNECTION LIMIT 9",
    "ALTER TABLE t SET TABLESPACE pg_default",
    "ALTER SUBSCRIPTION sub SET PUBLICATION q WITH (refresh = false)",
    "ALTER SUBSCRIPTION sub SET (synchronous_commit = off)",
    "ALTER SUBSCRIPTION sub DISABLE",
    "CREATE SUBSCRIPTION s CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false)",
    "SET lock_timeout = '5s'",
    "ANALYZE",
    "ALTER TYPE mood ADD VALUE 'glad'",
    "DISCARD TEMP",
    "DROP TABLE t",
    "SAVEPOINT a",
]

#: Since when a server refuses it for that; older ones do not know it, or reach the publisher at once.
SINCE = {
    "ALTER SUBSCRIPTION sub REFRESH PUBLICATION": 14,
    "ALTER SUBSCRIPTION sub SET PUBLICATION q": 14,
    "ALTER TABLE parted DETACH PARTITION part CONCURRENTLY": 14,
    "ALTER SUBSCRIPTION sub ADD PUBLICATION q": 14,
    "ALTER SUBSCRIPTION sub DROP PUBLICATION p": 14,
    "REINDEX (CONCURRENTLY) INDEX t_a": 14,
    "REINDEX (CONCURRENTLY on) INDEX t_a": 14,
    "REINDEX (CONCURRENTLY off) TABLE t": 14,
    "REINDEX (CONCURRENTLY false) INDEX t_a": 14,
    "ALTER SUBSCRIPTION sub SET (failover = true)": 17,
    "ALTER SUBSCRIPTION sub SET (two_phase = false)": 18,
}


@pytest.mark.parametrize("sql", REFUSED)
def test_the_statement_is_known_to_need_no_transaction(sql: str) -> None:
    assert not only_statement(sql.format(database="d")).transactional


@pytest.mark.parametrize("sql", ACCEPTED)
def test_the_statement_is_known_to_fit_a_transaction(sql: str) -> None:
    assert only_statement(sql.format(database="d")).transactional


def test_every_rule_has_a_statement_that_shows_it() -> None:
    shown = {only_statement(sql.format(database="d")).node for sql in REFUSED}
    ruled = {node for node, kind in outside.KINDS.items() if kind.refused is not outside.StatementKind().refused}
    assert shown == ruled, "add a statement to REFUSED for each kind that refuses"


def test_the_server_refuses_and_accepts_what_we_say_it_does(place: Place) -> None:
    wrong = []
    database = place.database()
    with database.connect() as connection:
        for setup in split(SETUP):
            connection.execute(setup.sql)
        major = connection.info.server_version // 10_000
        for sql in (sql for sql in REFUSED + ACCEPTED if SINCE.get(sql, 0) <= major):
            sqlstate = _inside_a_transaction(connection, sql.format(database=database.name))
            if sqlstate != ("25001" if sql in REFUSED else None):
                wrong.append((sql, sqlstate))
    assert wrong == []


def _inside_a_transaction(connection: psycopg.Connection, sql: str) -> str | None:
    connection.execute("BEGIN")
    if "SUBSCRIPTION sub" in sql and "SUBSCRIPTION sub SET (" not in sql:
        connection.execute("ALTER SUBSCRIPTION sub ENABLE")  # a disabled one is refused for another reason
    try:
        connection.execute(sql)  # type: ignore[call-overload]
    except psycopg.Error as error:
        return error.sqlstate
    finally:
        connection.execute("ROLLBACK")
    return None


def test_a_subscription_without_its_slot_is_dropped_in_a_transaction(place: Place) -> None:
    sql = "ALTER SUBSCRIPTION sub SET (slot_name = NONE); DROP SUBSCRIPTION sub"
    assert (shape_of(sql).mode, shape_of(sql).fault) == (TransactionMode.SINGLE, None)
    fault = shape_of("SELECT 1; DROP SUBSCRIPTION sub").fault
    assert fault is not None
    assert fault.sentence == (
        "PostgreSQL refuses DROP SUBSCRIPTION sub (line 1) inside a transaction unless its slot_name is NONE, "
        "and a file with other statements beside it runs as one."
    )
    with place.database().connect() as connection:
        connection.execute(split(SETUP)[-1].sql)  # type: ignore[call-overload]
        with connection.transaction():
            for statement in split(sql):
                connection.execute(statement.sql)  # type: ignore[call-overload]


# What is sent bare


@pytest.mark.parametrize(
    "sql",
    [
        *REFUSED,
        "REINDEX TABLE t",
        "CLUSTER t",
        "ANALYZE",
        "SELECT f()",
        "CREATE MATERIALIZED VIEW v AS SELECT 1",
        "CALL p()",
        "DO ''",
        "SET ROLE r",
        "RESET ALL",
        "LOCK TABLE t",
        "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
        "CREATE INDEX ON t (a) WITH (timescaledb.transaction_per_chunk)",
    ],
)
def test_these_are_sent_bare(sql: str) -> None:
    assert is_bare(only_statement(sql.format(database="d")))


@pytest.mark.parametrize(
    "sql",
    ["INSERT INTO t VALUES (1)", "UPDATE t SET a = 1", "CREATE INDEX ON t (a) WITH (fillfactor = 9)", "EXECUTE p"],
)
def test_these_share_a_transaction_with_the_word_that_they_are_done(sql: str) -> None:
    assert not is_bare(only_statement(sql))


def test_what_may_commit_is_never_said_to_do_no_harm_a_second_time() -> None:
    for sql in ("CALL p()", "DO ''", "CREATE INDEX ON t (a) WITH (timescaledb.transaction_per_chunk)"):
        assert may_commit(only_statement(sql))
        assert not is_repeatable(only_statement(sql))


# The same as psql does

BEFORE = """
CREATE TABLE t (a int PRIMARY KEY, b text);
INSERT INTO t SELECT n, 'x' FROM generate_series(1, 9) n;
CREATE INDEX t_b ON t (b);
CREATE TABLE moods (mood text);
CREATE TABLE parted (a int) PARTITION BY RANGE (a);
CREATE TABLE part PARTITION OF parted FOR VALUES FROM (1) TO (9);
CREATE INDEX parted_a ON parted (a);
CREATE MATERIALIZED VIEW seen AS SELECT a FROM t;
CREATE UNIQUE INDEX seen_a ON seen (a);
CREATE TYPE mood AS ENUM ('sad');
CREATE PROCEDURE steps() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t VALUES (20, 'p'); COMMIT; PERFORM 1/0; END $$;
CREATE FUNCTION wrote() RETURNS bool LANGUAGE sql AS 'SELECT pg_current_xact_id_if_assigned() IS NOT NULL';
CREATE ROLE {database}_role;
CREATE SCHEMA app AUTHORIZATION {database}_role;
"""

SCRIPTS = {
    "a partitioned table is reindexed": "REINDEX TABLE parted; REINDEX INDEX parted_a",
    "a partitioned table is clustered": "CLUSTER parted USING parted_a",
    "vacuum and analyze": "VACUUM; VACUUM FULL t; ANALYZE; VACUUM ANALYZE t",
    "a replication slot": "SELECT pg_create_logical_replication_slot('{database}_s', 'pgoutput');"
    "SELECT pg_drop_replication_slot('{database}_s')",
    "a replication slot in an INSERT": "INSERT INTO t SELECT 30, slot_name FROM "
    "pg_create_logical_replication_slot('{database}_s', 'pgoutput');SELECT pg_drop_replication_slot('{database}_s')",
    "a replication slot by EXECUTE": "PREPARE p AS SELECT pg_create_logical_replication_slot('{database}_s', "
    "'pgoutput');EXECUTE p;SELECT pg_drop_replication_slot('{database}_s')",
    "no transaction that has written": "INSERT INTO t SELECT 40, wrote()::text; UPDATE t SET b = wrote()::text;"
    "CREATE TABLE kept AS SELECT wrote()",
    "a procedure that commits and fails": "CALL steps()",
    "a block that commits and fails": "DO $$ BEGIN INSERT INTO t VALUES (21, 'd'); COMMIT; PERFORM 1/0; END $$",
    "a block in a block": "DO $$ BEGIN CALL steps(); EXCEPTION WHEN division_by_zero THEN NULL; END $$",
    "an enum's new value": "ALTER TYPE mood ADD VALUE 'glad'; INSERT INTO moods SELECT 'glad'::mood",
    "a view refreshed concurrently": "INSERT INTO t VALUES (50, 'm'); REFRESH MATERIALIZED VIEW CONCURRENTLY seen",
    "a database": "CREATE DATABASE {database}_2; ALTER DATABASE {database}_2 SET TABLESPACE pg_default;"
    "ALTER DATABASE {database}_2 CONNECTION LIMIT 3; DROP DATABASE {database}_2",
    "a tablespace": "CREATE TABLESPACE {database}_space LOCATION '/nowhere/at/all'",
    "a subscription": "CREATE SUBSCRIPTION s CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false);"
    "ALTER SUBSCRIPTION s SET (slot_name = NONE); ALTER SUBSCRIPTION s SET (synchronous_commit = off);"
    "DROP SUBSCRIPTION s",
    "a server setting": "ALTER SYSTEM SET work_mem = '5MB'; ALTER SYSTEM RESET work_mem",
    "an index": "CREATE INDEX CONCURRENTLY i ON t (b); REINDEX INDEX CONCURRENTLY i; DROP INDEX CONCURRENTLY i",
    "a partition": "ALTER TABLE parted DETACH PARTITION part",
    "a cursor that outlives its transaction": "DECLARE c CURSOR WITH HOLD FOR SELECT a FROM t;"
    "INSERT INTO t VALUES (60, 'c'); FETCH 2 FROM c; MOVE c; CLOSE c; FETCH c",
    "a cursor that does not": "DECLARE c CURSOR FOR SELECT a FROM t; FETCH c",
    "a lock of nothing": "LOCK TABLE t; INSERT INTO t VALUES (61, 'l')",
    "SET LOCAL": "SET LOCAL work_mem = '77kB'; CREATE TABLE kept AS SELECT current_setting('work_mem')",
    "SET and RESET": "SET work_mem = '77kB'; CREATE TABLE kept AS SELECT current_setting('work_mem');"
    "RESET work_mem; INSERT INTO kept SELECT current_setting('work_mem')",
    "a search path": "SET search_path = app; CREATE TABLE mine (a int); RESET search_path; CREATE TABLE yours (a int)",
    "a role": "SET ROLE {database}_role; CREATE TABLE app.mine (a int); INSERT INTO app.mine VALUES (1);"
    "CREATE INDEX CONCURRENTLY mine_a ON app.mine (a); SELECT 1 FROM app.mine; RESET ROLE; CREATE TABLE yours ()",
    "a role that is not enough": "SET ROLE {database}_role; CREATE TABLE app.mine (a int); INSERT INTO t VALUES (62)",
    "another session's authorization": "SET SESSION AUTHORIZATION {database}_role; CREATE TABLE app.mine (a int);"
    "INSERT INTO app.mine VALUES (1); VACUUM app.mine; RESET SESSION AUTHORIZATION; CREATE TABLE yours ()",
    "a role set by a block": "DO $$ BEGIN SET ROLE {database}_role; END $$; CREATE TABLE app.mine (a int)",
    "a read-only session": "SET default_transaction_read_only = on; SELECT 1; SET default_transaction_read_only = off;"
    "INSERT INTO t VALUES (63, 'r')",
    "a write in a read-only session": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY; CREATE TABLE yours ()",
    "constraints": "SET CONSTRAINTS ALL IMMEDIATE; INSERT INTO t VALUES (1)",
    "what is prepared": "PREPARE p AS INSERT INTO t VALUES ($1); EXECUTE p(70); DEALLOCATE p; EXECUTE p(71)",
    "notifications": "LISTEN c; NOTIFY c; UNLISTEN *",
    "EXPLAIN that runs": "EXPLAIN ANALYZE INSERT INTO t VALUES (80); EXPLAIN ANALYZE CREATE TABLE kept AS SELECT 1",
    "a temporary table": "CREATE TEMP TABLE mine (a int) ON COMMIT DELETE ROWS; INSERT INTO mine VALUES (1);"
    "INSERT INTO t SELECT 90 + count(*) FROM mine; DISCARD TEMP; SELECT 1 FROM mine",
    "what a session keeps": "DISCARD PLANS; DISCARD SEQUENCES; LOAD 'plpgsql'; SHOW work_mem; CHECKPOINT",
    "a settings function": "SELECT set_config('work_mem', '99kB', false); CREATE TABLE kept AS "
    "SELECT current_setting('work_mem')",
}

PROOF = """
SELECT format('%s %s of %s', n.nspname, c.relname, pg_get_userbyid(c.relowner))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('public', 'app')
UNION ALL SELECT format('%s %s', a, b) FROM t
UNION ALL SELECT format('seen %s', a) FROM seen
UNION ALL SELECT enumlabel FROM pg_enum
UNION ALL SELECT subname FROM pg_subscription s JOIN pg_database d ON d.oid = subdbid WHERE datname = current_database()
ORDER BY 1
"""
KEPT = "SELECT * FROM kept"

type Outcome = tuple[int, str, list[tuple[object, ...]], list[tuple[object, ...]]]


@pytest.mark.parametrize("name", SCRIPTS)
def test_outside_a_transaction_a_script_does_what_psql_does(place: Place, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    ours, theirs = _prepared(place), _prepared(place)
    bench = Bench(folder=folder, database=ours)
    bench.write("001_x.sql", "-- signalbox: transaction=none\n" + SCRIPTS[name].format(database=ours.name) + ";")
    with_us = _as_we_do(bench)
    assert _plain(with_us, ours) == _plain(_as_psql_does(theirs, SCRIPTS[name]), theirs)


def _prepared(place: Place) -> Database:
    database = place.database()
    with database.connect() as connection:
        for statement in split(BEFORE.format(database=database.name)):
            connection.execute(statement.sql)  # type: ignore[call-overload]
    return database


def _as_we_do(bench: Bench) -> Outcome:
    try:
        bench.apply()
    except (errors.StatementFailed, errors.PartlyApplied) as failure:
        server_error = failure.facts["error"]
        return server_error.statement, server_error.sqlstate, *_left(bench.database)
    return 0, "", *_left(bench.database)


def _as_psql_does(database: Database, script: str) -> Outcome:
    """One session, the simple protocol, a statement a message."""
    with database.connect() as connection:
        for statement in split(script.format(database=database.name)):
            try:
                connection.execute(statement.sql)  # type: ignore[call-overload]
            except psycopg.Error as error:
                return statement.number, str(error.sqlstate), *_left(database)
    return 0, "", *_left(database)


def _left(database: Database) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    is_kept = database.query("SELECT to_regclass('public.kept') IS NOT NULL") == [(True,)]
    return database.query(PROOF), database.query(KEPT) if is_kept else []


def _plain(outcome: Outcome, database: Database) -> str:
    """The two databases and what is named after them have other names."""
    return repr(outcome).replace(database.name, "d")
