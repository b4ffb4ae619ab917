"""A dumped schema is restored by two roles, and the one with power runs nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dashboard.engine import rehearsal
from dashboard.engine.errors import RehearsalImpossible
from dashboard.engine.files import discovery
from dashboard.engine.localserver import LocalServer
from dashboard.engine.rehearsal import restoring, throwaway
from dashboard.engine.rehearsal.throwaway import Database, Likeness
from tests.fix_postgres import Database as OwnDatabase


@pytest.fixture(scope="module")
def private_server() -> Iterator[throwaway.Server]:
    with throwaway.server(None) as server:
        yield server


@pytest.fixture
def copied_database(private_server: throwaway.Server) -> Iterator[Database]:
    with throwaway.database(private_server, Likeness(database="postgres", role="app")) as database:
        database.have_roles(["app", "reader"])
        database.resemble(owner=None, settings=[])
        yield database


def restore(database: Database, dump: str) -> tuple[str, ...]:
    return restoring.restore(dump, database.address, maker=database.makers_address, role=database.runner.role)


def query(database: Database, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(database.address.url, autocommit=True) as connection:
        return connection.execute(statement).fetchall()  # type: ignore[call-overload,no-any-return]


def test_owners_rights_extensions_and_publications_are_those_of_the_dump(copied_database: Database) -> None:
    left_out = restore(
        copied_database,
        "SET check_function_bodies = false;\nCREATE SCHEMA s;\nALTER SCHEMA s OWNER TO reader;\n"
        "CREATE EXTENSION IF NOT EXISTS pgcrypto WITH SCHEMA s;\nCOMMENT ON EXTENSION pgcrypto IS 'x';\n"
        "CREATE TABLE s.t (id int);\nALTER TABLE s.t OWNER TO reader;\nGRANT SELECT ON TABLE s.t TO app;\n"
        "ALTER DEFAULT PRIVILEGES FOR ROLE reader IN SCHEMA s GRANT SELECT ON TABLES TO app;\n"
        "SET SESSION AUTHORIZATION reader;\nGRANT UPDATE ON TABLE s.t TO app;\nRESET SESSION AUTHORIZATION;\n"
        "CREATE PUBLICATION everything FOR ALL TABLES WITH (publish = 'insert');\n"
        "ALTER PUBLICATION everything OWNER TO reader;\n",
    )
    assert left_out == ()
    assert query(copied_database, "SELECT relowner::regrole::text FROM pg_class WHERE relname = 't'") == [("reader",)]
    assert query(copied_database, "SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 's'") == [
        ("reader",)
    ]
    assert query(copied_database, "SELECT puballtables FROM pg_publication") == [(True,)]
    assert query(copied_database, "SELECT count(*) FROM pg_default_acl") == [(1,)]
    assert query(copied_database, "SELECT has_table_privilege('app', 's.t', 'UPDATE')") == [(True,)]


def test_a_superuser_gives_nobody_power_over_the_server(copied_database: Database) -> None:
    """Whatever a dump says: these lines are of one that somebody has put together."""
    restore(
        copied_database,
        "CREATE SCHEMA s;\n"
        "CREATE FUNCTION s.becomes() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS "
        "$f$ BEGIN RETURN current_user || current_setting('is_superuser'); END $f$;\n"
        "ALTER FUNCTION s.becomes() OWNER TO CURRENT_USER;\nALTER FUNCTION s.becomes() OWNER TO SESSION_USER;\n"
        "ALTER FUNCTION s.becomes() OWNER TO pg_execute_server_program;\n"
        "GRANT ALL ON FUNCTION pg_catalog.pg_read_file(text) TO app;\n"
        "GRANT ALL ON FUNCTION pg_read_file(text) TO app;\n"
        "GRANT SELECT ON TABLE pg_catalog.pg_authid TO app;\nGRANT SELECT ON TABLE pg_authid TO app;\n"
        "GRANT ALL ON PARAMETER session_preload_libraries TO app;\nGRANT ALL ON LANGUAGE c TO app;\n",
    )
    assert query(copied_database, "SELECT s.becomes()") == [("appoff",)]
    for forbidden in ("SELECT pg_read_file('PG_VERSION')", "TABLE pg_authid", "SET session_preload_libraries = 'x'"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            query(copied_database, forbidden)


def test_what_only_a_superuser_could_make_is_left_out_and_named(copied_database: Database) -> None:
    left_out = restore(
        copied_database,
        "CREATE EXTENSION IF NOT EXISTS dblink WITH SCHEMA public;\n"
        "CREATE FUNCTION public.of_c() RETURNS int LANGUAGE c AS 'nothing', 'of_c';\n"
        "CREATE VIEW public.on_it AS SELECT public.of_c();\nCREATE TABLE public.rest (id int);\n",
    )
    assert [each.split("(")[0] for each in left_out] == [
        "CREATE EXTENSION IF NOT EXISTS dblink WITH SCHEMA public",
        "CREATE FUNCTION public.of_c",
        "CREATE VIEW public.on_it AS SELECT public.of_c",
    ]
    assert query(copied_database, "SELECT to_regclass('public.rest') IS NOT NULL") == [(True,)]


def test_event_triggers_are_off(copied_database: Database) -> None:
    restore(
        copied_database,
        "CREATE FUNCTION public.fires() RETURNS event_trigger LANGUAGE plpgsql AS $f$ BEGIN END $f$;\n"
        "CREATE EVENT TRIGGER fires ON ddl_command_end EXECUTE FUNCTION public.fires();\n"
        "ALTER EVENT TRIGGER fires OWNER TO app;\nALTER EVENT TRIGGER fires DISABLE;\n",
    )
    assert query(copied_database, "SELECT count(*) FROM pg_event_trigger") == [(0,)]


def test_another_fault_is_no_want_of_rights(copied_database: Database) -> None:
    with pytest.raises(RehearsalImpossible, match="nosuchtype"):
        restore(copied_database, "CREATE TABLE public.t (id nosuchtype);")


# On a server that others use


@pytest.fixture
def rehearser(postgres_server: LocalServer) -> Iterator[str]:
    """The URL of a role that may make databases and nothing more."""
    database = OwnDatabase(name="postgres", url=postgres_server.url())
    database.query("CREATE ROLE rehearser LOGIN CREATEDB PASSWORD 'x'")
    yield database.url.replace(database.url.split("@")[0], "postgresql://rehearser:x")
    database.query("DROP ROLE rehearser")


def test_a_role_that_may_make_databases_is_enough(rehearser: str, tmp_path: Path) -> None:
    (tmp_path / "001_users.sql").write_text("CREATE TABLE users (id int);")
    (tmp_path / "001_rollback.sql").write_text("DROP TABLE users;")
    assert rehearsal.of_folder(discovery.read(tmp_path), server_url=rehearser).passed


def test_one_that_may_run_programs_is_refused(rehearser: str, tmp_path: Path, postgres_server: LocalServer) -> None:
    OwnDatabase(name="postgres", url=postgres_server.url()).query("GRANT pg_execute_server_program TO rehearser")
    (tmp_path / "001_users.sql").write_text("CREATE TABLE users (id int);")
    with pytest.raises(RehearsalImpossible, match="is a member of pg_execute_server_program") as caught:
        rehearsal.of_folder(discovery.read(tmp_path), server_url=rehearser)
    assert "CREATEDB and nothing more" in caught.value.next_step


def test_a_superuser_gives_each_rehearsal_a_role_of_its_own(tmp_path: Path, postgres_server: LocalServer) -> None:
    (tmp_path / "001_who.sql").write_text(
        "DO $$ BEGIN RAISE NOTICE '%', current_setting('is_superuser'); CREATE TABLE t (); END $$;"
    )
    report = rehearsal.of_folder(discovery.read(tmp_path), server_url=postgres_server.url())
    assert report.proofs[0].up.notices == ("NOTICE: off",)
    left = "SELECT rolname FROM pg_roles WHERE rolname LIKE 'signalbox%'"
    assert OwnDatabase(name="postgres", url=postgres_server.url()).query(left) == []
