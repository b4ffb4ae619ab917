"""Our tables in databases that have rules of their own for every table: publications, policies, event triggers, other
encodings, and migrations that go through all there is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from dashboard.engine import errors
from dashboard.engine.database import connection as connections
from dashboard.engine.database import doctor
from dashboard.engine.database.connection import Access
from dashboard.engine.database.doctor import Check, CheckLevel
from dashboard.engine.localserver import LocalServer
from dashboard.engine.migration import MigrationId, checksum
from tests.engine.folders import Bench
from tests.fix_postgres import Database

ROLE = "guest_owner"


@dataclass(frozen=True, kw_only=True)
class Guest:
    """A database whose own role is no superuser, and a bench that works as that role."""

    database: Database
    bench: Bench

    def check(self, code: str) -> Check:
        access: Access = self.bench.access
        with connections.working(access, name="doctor") as opened:
            return next(check for check in doctor.checkup(opened, access) if check.code == code)


@pytest.fixture
def guest(bench: Bench) -> Iterator[Guest]:
    """An event trigger forces row-level security on every table that is made, as hosts do."""
    database = bench.database
    role = sql.Identifier(ROLE)
    with database.connect() as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'x'").format(role))
        admin.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(sql.Identifier(database.name), role))
        admin.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(role))
    own = replace(database, url=make_conninfo(database.url, user=ROLE, password="x"))
    yield Guest(database=database, bench=Bench(folder=bench.folder, database=own))
    with database.connect() as admin:
        admin.execute(sql.SQL("DROP OWNED BY {0} CASCADE; DROP ROLE {0}").format(role))


FORCED = """
CREATE FUNCTION public.force_rls() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE made record;
BEGIN
    FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE command_tag = 'CREATE TABLE' LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', made.object_identity);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', made.object_identity);
    END LOOP;
END $$;
CREATE EVENT TRIGGER force_rls ON ddl_command_end EXECUTE FUNCTION public.force_rls();
"""
FORBIDDEN = """
CREATE FUNCTION public.only_public() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE schema_name <> 'public') THEN
        RAISE EXCEPTION 'objects only in schema public';
    END IF;
END $$;
CREATE EVENT TRIGGER only_public ON ddl_command_end EXECUTE FUNCTION public.only_public();
"""


def applied(bench: Bench) -> list[str]:
    return [row.version for row in sorted(bench.history.rows, key=lambda row: row.version) if row.success]


def test_forced_row_level_security_does_not_lock_us_out_of_our_tables(guest: Guest) -> None:
    guest.database.query(FORCED)
    assert guest.check("record").level is CheckLevel.FINE
    guest.bench.write("001_a.sql", "SELECT 1;")
    guest.bench.write("002_b.sql", "SELECT 1;")
    guest.bench.apply()
    assert applied(guest.bench) == ["001", "002"]


def test_a_database_that_allows_no_table_of_ours_is_named_by_the_doctor_and_by_the_run(guest: Guest) -> None:
    guest.database.query(FORBIDDEN)
    check = guest.check("record")
    assert check.level is CheckLevel.REFUSED
    assert "objects only in schema public" in check.finding
    assert "event trigger only_public" in check.remedy
    guest.bench.write("001_a.sql", "SELECT 1;")
    with pytest.raises(
        errors.TrackingTablesNotMade, match="could not make its tables in the schema platform"
    ) as caught:
        guest.bench.apply()
    assert "exists but" not in str(caught.value)


def test_a_role_that_may_make_no_schema_is_told_the_very_grant(guest: Guest) -> None:
    guest.database.query(f'REVOKE CREATE ON DATABASE "{guest.database.name}" FROM "{ROLE}"')
    guest.bench.write("001_a.sql", "SELECT 1;")
    with pytest.raises(errors.TrackingTablesNotMade) as caught:
        guest.bench.apply()
    grant = re.search(r"GRANT CREATE ON DATABASE .+? TO .+?;", caught.value.remedy)
    assert grant, caught.value.remedy
    guest.database.query(grant[0])
    guest.bench.apply()
    assert applied(guest.bench) == ["001"]


def test_what_the_doctor_tries_it_undoes(guest: Guest) -> None:
    assert guest.check("record").level is CheckLevel.FINE
    assert guest.database.query("SELECT to_regnamespace('platform')") == [(None,)]


def test_a_publication_of_all_tables_stops_no_run(bench: Bench) -> None:
    bench.write("001_p.sql", "CREATE PUBLICATION everything FOR ALL TABLES;")
    bench.write("002_a.sql", "CREATE TABLE a (id int PRIMARY KEY);")
    bench.write("002_rollback.sql", "DROP TABLE a;")
    bench.apply()
    assert applied(bench) == ["001", "002"]


def test_an_installation_of_before_is_mended_in_place(bench: Bench) -> None:
    bench.write("001_p.sql", "CREATE PUBLICATION everything FOR ALL TABLES;")
    bench.apply()
    bench.database.query("ALTER TABLE platform.migration_fuse REPLICA IDENTITY DEFAULT")
    bench.write("002_a.sql", "CREATE TABLE a (id int PRIMARY KEY);")
    bench.apply()
    assert applied(bench) == ["001", "002"]


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE a (id int); INSERT INTO a VALUES (1); ANALYZE;",
        "ANALYZE platform.schema_migrations;",
        "-- signalbox: transaction=none\nANALYZE;",
        "-- signalbox: transaction=none\nVACUUM;",
        "-- signalbox: transaction=none\nREINDEX SCHEMA platform;",
        "-- signalbox: transaction=none\nVACUUM ANALYZE;",
    ],
)
def test_statistics_of_our_tables_are_no_change_of_them(bench: Bench, script: str) -> None:
    bench.write("001_a.sql", script)
    bench.apply()
    assert applied(bench) == ["001"]


ALL_TABLES = """
DO $$
DECLARE t record;
BEGIN
    FOR t IN SELECT schemaname, tablename FROM pg_tables
             WHERE schemaname NOT IN ('pg_catalog', 'information_schema') LOOP
        EXECUTE format('ALTER TABLE %I.%I ENABLE ROW LEVEL SECURITY', t.schemaname, t.tablename);
    END LOOP;
END $$;
"""
ALL_CONSTRAINTS = """
DO $$
DECLARE c record;
BEGIN
    FOR c IN SELECT conrelid::regclass AS place, conname FROM pg_constraint
             WHERE contype = 'u' AND connamespace <> 'pg_catalog'::regnamespace LOOP
        EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', c.place, c.conname, c.conname || '_old');
    END LOOP;
END $$;
"""


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(ALL_TABLES, id="enable RLS on all tables"),
        pytest.param(
            ALL_CONSTRAINTS.replace("::regclass", "::regclass::text").replace(
                "'ALTER TABLE %s", "'ALTER TABLE public.%I"
            ),
            id="rename every unique constraint as if it were in one schema",
        ),
        pytest.param("DROP OWNED BY CURRENT_USER;", id="drop owned"),
        pytest.param("REASSIGN OWNED BY CURRENT_USER TO pg_monitor;", id="reassign owned"),
    ],
)
def test_a_migration_that_goes_through_everything_is_told_what_is_ours(guest: Guest, script: str) -> None:
    guest.database.query(f"GRANT pg_monitor TO {ROLE}; GRANT CREATE ON SCHEMA public TO pg_monitor")
    guest.bench.write("001_all.sql", script)
    with pytest.raises(errors.StatementFailed) as caught:
        guest.bench.apply()
    assert "are Signalbox's own" in caught.value.remedy
    assert "n.nspname <> 'platform'" in caught.value.remedy
    assert guest.bench.history.rows, "and that it failed is recorded"


def test_a_constraint_of_ours_that_was_renamed_is_made_again(bench: Bench) -> None:
    bench.write("001_all.sql", ALL_CONSTRAINTS)
    bench.apply()
    bench.write("002_b.sql", "CREATE TABLE b (id int);")
    bench.apply()
    assert applied(bench) == ["001", "002"]
    constraints = bench.database.query("SELECT conname FROM pg_constraint WHERE conname ~ '^fuse_pair' ORDER BY 1")
    assert constraints == [("fuse_pair",), ("fuse_pair_old",)]


def test_a_migration_that_makes_our_schema_is_told_who_was_first(bench: Bench) -> None:
    bench.write("001_platform.sql", "CREATE SCHEMA platform;")
    with pytest.raises(errors.StatementFailed) as caught:
        bench.apply()
    assert "CREATE SCHEMA IF NOT EXISTS platform" in caught.value.remedy
    assert "SIGNALBOX_TRACKING_SCHEMA" in caught.value.remedy
    bench.write("001_platform.sql", "CREATE SCHEMA IF NOT EXISTS platform;")
    bench.apply()
    assert applied(bench) == ["001"]


# Encodings


@pytest.fixture
def encoded(bench: Bench, postgres_server: LocalServer) -> Iterator[Callable[[str], Bench]]:
    """A bench on a database that stores text in another encoding."""
    made: list[str] = []

    def make(encoding: str) -> Bench:
        name = f"guest_{encoding.lower()}"
        bench.database.query(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
        )
        made.append(name)
        url = make_conninfo(bench.database.url, dbname=name)
        return Bench(folder=bench.folder, database=Database(name=name, url=url))

    yield make
    for name in made:
        bench.database.query(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "WIN1252", "EUC_TW", "UTF8"])
def test_a_database_of_any_encoding_is_read_and_written(encoded: Callable[[str], Bench], encoding: str) -> None:
    bench = encoded(encoding)
    bench.write("001_a.sql", "CREATE TABLE a (id int);")
    bench.write("002_b.sql", "CREATE TABLE b (id int);")
    bench.apply()
    assert applied(bench) == ["001", "002"]


def test_the_encoding_that_the_url_asks_for_changes_nothing(bench: Bench) -> None:
    url = make_conninfo(bench.database.url, client_encoding="LATIN1")
    own = Bench(folder=bench.folder, database=replace(bench.database, url=url))
    own.write("001_a.sql", "CREATE TABLE a AS SELECT 'é–' AS t;")
    own.apply()
    assert bench.database.query("SELECT t FROM a") == [("é–",)]
    assert applied(own) == ["001"]


TEXT = "-- from here – to there\nCREATE TABLE a (id int);\n"


def test_a_comment_that_the_database_cannot_store_is_kept_escaped_and_said_so(
    encoded: Callable[[str], Bench],
) -> None:
    bench = encoded("LATIN1")
    bench.write("001_a.sql", TEXT)
    bench.write("001_rollback.sql", "-- back – again\nDROP TABLE a;")
    bench.apply()
    row = bench.history.row(MigrationId("001", "a"))
    assert row
    assert row.checksum == checksum(TEXT)
    kept = bench.database.query("SELECT forward_script, rollback_script FROM platform.schema_migrations")
    assert kept == [(TEXT.replace("–", r"\u2013"), "-- back \\u2013 again\nDROP TABLE a;")]
    ((message,),) = bench.database.query("SELECT message FROM platform.migration_audit_log")
    assert message == "The database stores LATIN1: characters that it does not have are kept escaped here."


def test_a_rollback_that_would_do_something_else_escaped_is_not_kept(encoded: Callable[[str], Bench]) -> None:
    bench = encoded("LATIN1")
    bench.write("001_a.sql", "CREATE TABLE a (t text);")
    bench.write("001_rollback.sql", "INSERT INTO a VALUES ('–');")
    bench.apply()
    assert bench.database.query("SELECT rollback_script FROM platform.schema_migrations") == [(None,)]
    ((message,),) = bench.database.query("SELECT message FROM platform.migration_audit_log")
    assert "could not be kept" in message


def test_a_failure_whose_text_the_database_cannot_store_is_recorded(encoded: Callable[[str], Bench]) -> None:
    bench = encoded("LATIN1")
    bench.write("001_a.sql", "-- a – b\nSELECT * FROM absent;")
    with pytest.raises(errors.StatementFailed, match="absent"):
        bench.apply()
    row = bench.history.row(MigrationId("001", "a"))
    assert row
    assert not row.success


def test_bytes_that_are_no_text_are_named(encoded: Callable[[str], Bench]) -> None:
    bench = encoded("SQL_ASCII")
    bench.write("001_a.sql", "SELECT 1;")
    bench.apply()
    bench.database.query("UPDATE platform.schema_migrations SET error_message = convert_from('\\xe9', 'SQL_ASCII')")
    with pytest.raises(errors.TargetNotRead, match="could not be read"):
        assert bench.history


# Settings of the role


def test_a_clock_is_read_whole_whatever_is_cut_from_floats(bench: Bench) -> None:
    bench.database.query(f"ALTER DATABASE {bench.database.name} SET extra_float_digits = -15")
    with connections.working(bench.access, name="doctor") as opened:
        checks = {check.code: check for check in doctor.checkup(opened, bench.access)}
    assert checks["clock"].level is CheckLevel.FINE


def test_a_serializable_transaction_that_lost_is_tried_again(bench: Bench) -> None:
    bench.database.query("CREATE SEQUENCE tries")
    bench.write(
        "001_a.sql",
        "DO $$ BEGIN IF nextval('tries') = 1 THEN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END IF; END $$;",
    )
    bench.apply()
    assert applied(bench) == ["001"]
    assert bench.database.query("SELECT last_value FROM tries") == [(2,)]
