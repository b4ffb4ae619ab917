"""Which statements are not rehearsed, and where."""

from __future__ import annotations

import pytest

from dashboard.engine.rehearsal import refusals


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE ROLE a",
        "CREATE USER a",
        "ALTER ROLE a SET search_path = b",
        "ALTER ROLE a SUPERUSER",
        "ALTER USER a RENAME TO b",
        "DROP ROLE a",
        "GRANT a TO b",
        "REASSIGN OWNED BY a TO b",
        "DROP OWNED BY a",
        "CREATE DATABASE a",
        "ALTER DATABASE a SET search_path = b",
        "ALTER DATABASE a OWNER TO b",
        "ALTER DATABASE a RENAME TO b",
        "DROP DATABASE a",
        "GRANT CONNECT ON DATABASE a TO b",
        "COMMENT ON DATABASE a IS 'b'",
        "COMMENT ON ROLE a IS 'b'",
        "CREATE TABLESPACE a LOCATION '/b'",
        "DROP TABLESPACE a",
        "ALTER SYSTEM SET work_mem = '1GB'",
        "DO $$ BEGIN CREATE ROLE a; END $$",
        "DO $$ BEGIN EXECUTE 'ALTER SYSTEM RESET ALL'; END $$",
        "SELECT pg_reload_conf()",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
    ],
)
def test_what_a_whole_server_shares_is_changed_on_a_private_one_only(statement: str):
    script = f"SELECT 1;\n{statement};"
    refused = refusals.refusal(script, server_is_private=False)
    assert refused
    assert "the whole server, which others use too" in refused.sentence
    assert (refused.line, refused.statement) == (2, 2)
    assert refusals.refusal(script, server_is_private=True) is None


@pytest.mark.parametrize(
    "statement",
    [
        "COPY t FROM '/etc/passwd'",
        "COPY t TO PROGRAM 'mail'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT * FROM dblink('host=db', 'SELECT 1') AS t (a int)",
        "INSERT INTO t SELECT status FROM http_get('http://example.org')",
        "IMPORT FOREIGN SCHEMA public FROM SERVER a INTO b",
        "CREATE SUBSCRIPTION a CONNECTION 'host=db' PUBLICATION b",
        "LOAD 'auto_explain'",
        "DO $$ BEGIN PERFORM dblink_exec('a', 'b'); END $$",
        "DO LANGUAGE plpython3u $$ import os $$",
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpython3u AS 'return 1'",
    ],
)
@pytest.mark.parametrize("private", [True, False])
def test_what_leads_out_of_the_server_is_not_rehearsed_anywhere(statement: str, private: bool):
    refused = refusals.refusal(statement, server_is_private=private)
    assert refused
    assert "reaches outside the database" in refused.sentence


@pytest.mark.parametrize(
    "statement",
    [
        "GRANT SELECT ON t TO a",
        "ALTER TABLE t OWNER TO a",
        "COMMENT ON TABLE t IS 'a'",
        "ALTER TABLE t RENAME TO u",
        "SET ROLE a",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO a",
        "CREATE EXTENSION dblink",
        "CREATE SERVER a FOREIGN DATA WRAPPER postgres_fdw",
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT pg_read_file('a') $$",
        "CREATE FUNCTION f() RETURNS int LANGUAGE c AS '$libdir/a', 'b'",
        "CREATE VIEW v AS SELECT pg_read_file('a')",
        "COPY t FROM STDIN",
        "DO $$ BEGIN CREATE TABLE a (); END $$",
        "CREATE TABEL",
    ],
)
def test_what_stays_in_the_database_is_rehearsed(statement: str):
    assert refusals.refusal(statement, server_is_private=False) is None
