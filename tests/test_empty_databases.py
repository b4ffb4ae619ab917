"""No test gets a database that another one has changed, however it did that."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dashboard.engine.localserver import LocalServer
from tests.fix_postgres import Database, EmptyDatabases

CHANGES = [
    "CREATE TABLE t (id int)",
    "BEGIN; CREATE TABLE t (id int); ROLLBACK",
    "CREATE TEMPORARY TABLE t (id int)",
    "CREATE TABLE t (id int); DROP TABLE t; SELECT pg_stat_reset()",
    "GRANT EXECUTE ON FUNCTION pg_control_system() TO pg_monitor",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor",
    "SELECT lo_create(0)",
    "ALTER DATABASE {name} SET search_path TO other",
    "ALTER ROLE postgres IN DATABASE {name} SET work_mem TO 64",
    "ALTER DATABASE {name} CONNECTION LIMIT 5",
    "GRANT CREATE ON DATABASE {name} TO pg_monitor",
    "COMMENT ON DATABASE {name} IS 'mine'",
]


@pytest.fixture
def databases(postgres_server: LocalServer) -> Iterator[EmptyDatabases]:
    made = EmptyDatabases(postgres_server)
    yield made
    made.close()


@pytest.fixture
def database(databases: EmptyDatabases, postgres_server: LocalServer) -> Iterator[Database]:
    taken = databases.take()
    yield taken
    postgres_server.drop_database(taken.name)


def is_handed_out_again(databases: EmptyDatabases, database: Database, postgres_server: LocalServer) -> bool:
    databases.give_back(database)
    following = databases.take()
    if following.name == database.name:
        return True
    postgres_server.drop_database(following.name)
    return False


@pytest.mark.parametrize("change", CHANGES)
def test_one_that_was_written_to_is_not_handed_out_again(
    databases: EmptyDatabases, database: Database, postgres_server: LocalServer, change: str
) -> None:
    database.query(change.format(name=database.name))
    assert not is_handed_out_again(databases, database, postgres_server)


def test_one_that_somebody_still_uses_is_not_handed_out_again(
    databases: EmptyDatabases, database: Database, postgres_server: LocalServer
) -> None:
    with database.connect() as connection:
        assert not is_handed_out_again(databases, database, postgres_server)
        connection.close()


def test_one_that_was_made_anew_is_not_handed_out_again(
    databases: EmptyDatabases, database: Database, postgres_server: LocalServer
) -> None:
    postgres_server.drop_database(database.name)
    postgres_server.create_database(database.name)
    assert not is_handed_out_again(databases, database, postgres_server)


def test_one_that_was_only_read_is_handed_out_again(
    databases: EmptyDatabases, database: Database, postgres_server: LocalServer
) -> None:
    database.query("SELECT count(*) FROM pg_catalog.pg_class")
    assert is_handed_out_again(databases, database, postgres_server)
