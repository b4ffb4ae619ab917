"""The log only grows: what is asked of one attempt is found by an index, also in an installation of before."""

from __future__ import annotations

import pytest
from psycopg import sql as composing

from dashboard.engine.database import sql
from dashboard.engine.database.tracking import TrackingTables
from tests.engine.folders import SCHEMA, Bench

#: The queries that ask the log about one attempt, each with what it fills in.
OF_ATTEMPT = {"run_id": "1", "attempt_id": "", "version": "001", "name": "t"}
QUERIES = {
    "succeeded": OF_ATTEMPT,
    "succeeded_in_run": OF_ATTEMPT,
    "noted_interrupted": OF_ATTEMPT,
    "last_outcome": {**OF_ATTEMPT, "statement": 1},
}
INDEX = "SELECT count(*) FROM pg_class WHERE relname = 'migration_audit_log_of_attempt' AND relkind = 'i'"


@pytest.fixture
def applied_bench(bench: Bench) -> Bench:
    bench.write("001_t.sql", "CREATE TABLE t (id int);")
    bench.apply()
    return bench


@pytest.mark.parametrize("query", QUERIES)
def test_the_log_is_not_read_from_end_to_end(applied_bench: Bench, query: str) -> None:
    applied_bench.database.query(
        "INSERT INTO platform.migration_audit_log (version, executed_by, name, action, outcome, run_id)"
        " SELECT n, 'ada', 'x', 'apply', 'succeeded', n FROM generate_series(2, 20000) n;"
        "ANALYZE platform.migration_audit_log"
    )
    with applied_bench.database.connect() as connection:
        explained = composing.SQL("EXPLAIN {}").format(sql.query(query, SCHEMA))
        plan = "\n".join(line for (line,) in connection.execute(explained, QUERIES[query]).fetchall())
    assert "migration_audit_log_of_attempt" in plan
    assert "Seq Scan" not in plan


def test_an_installation_of_before_gets_the_index_with_its_next_run(applied_bench: Bench) -> None:
    applied_bench.database.query("DROP INDEX platform.migration_audit_log_of_attempt")
    applied_bench.write("002_u.sql", "CREATE TABLE u (id int);")
    applied_bench.apply()
    assert applied_bench.database.query(INDEX) == [(1,)]


def test_a_role_that_does_not_own_the_log_is_not_kept_from_running_by_it(applied_bench: Bench) -> None:
    applied_bench.database.query("DROP INDEX platform.migration_audit_log_of_attempt; DROP ROLE IF EXISTS no_owner")
    applied_bench.database.query(
        "CREATE ROLE no_owner; GRANT USAGE ON SCHEMA platform TO no_owner;"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA platform TO no_owner"
    )
    try:
        with applied_bench.database.connect() as connection:
            assert not TrackingTables(connection, SCHEMA).is_prepared()
            connection.execute("SET ROLE no_owner")
            assert TrackingTables(connection, SCHEMA).is_prepared()
    finally:
        applied_bench.database.query("DROP OWNED BY no_owner")
        applied_bench.database.query("DROP ROLE no_owner")
