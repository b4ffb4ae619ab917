"""Real PostgreSQL for every test: one private server a session, one empty database a test.

The control database's URL is exported before Django reads its settings; that is why `DJANGO_SETTINGS_MODULE`
is set here and not in pyproject.toml.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django
import psycopg
import pytest
from psycopg import sql

from dashboard.engine import localserver
from dashboard.engine.localserver import LocalServer

CONTROL_DATABASE = "signalbox_control"
TARGET_TEMPLATE = "signalbox_target_template"
DATABASE_VARIABLES = (
    "SIGNALBOX_DATABASE_URL",
    "SIGNALBOX_DATABASE_OWNER_URL",
    "DATABASE_URL",
    "DATABASE_URL_DEV",
    "DATABASE_URL_STAGING",
)
#: Where files live in memory, and the bytes that must be free there to be used.
IN_MEMORY = Path("/dev/shm")
ENOUGH = 4 * 1024**3
LOCAL_HOSTS = {"", "localhost", "127.0.0.1", "::1"}

server_key = pytest.StashKey[LocalServer]()


@dataclass(frozen=True, kw_only=True)
class Database:
    """A database of the test's own."""

    name: str
    url: str

    def connect(self, **options: Any) -> psycopg.Connection:
        return psycopg.connect(self.url, **{"autocommit": True, **options})

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Run the statement on a connection of its own; the rows it gives, if any."""
        with self.connect() as connection:
            cursor = connection.execute(statement)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []


type MakeDatabase = Callable[..., Database]


def pytest_configure(config: pytest.Config) -> None:
    _keep_files_in_memory()
    if config.option.help or config.option.version or _only_hands_out_work(config):
        return
    _refuse_foreign_databases()
    server = localserver.start(ephemeral=True)
    let_sessions_begin_quickly(server)
    config.stash[server_key] = server
    os.environ["SIGNALBOX_DATABASE_URL"] = server.create_database(CONTROL_DATABASE)
    os.environ["SIGNALBOX_SECRET_KEY"] = "for the tests only, 32 characters or more"
    os.environ["SIGNALBOX_INSECURE_HTTP"] = "1"
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    server.create_database(TARGET_TEMPLATE)
    django.setup()  # pytest-django sets it up by itself only where something has imported it before


def pytest_unconfigure(config: pytest.Config) -> None:
    server = config.stash.get(server_key, None)
    if server:
        server.stop("immediate")


def pytest_report_header(config: pytest.Config) -> str:
    server = config.stash.get(server_key, None)
    return f"postgres: {server.installation.version} from {server.installation.bin_dir}" if server else ""


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> LocalServer:
    return pytestconfig.stash[server_key]


@pytest.fixture(scope="session")
def debian_postgres() -> Iterator[LocalServer]:
    """The operating system's PostgreSQL, which has every contrib extension (uuid-ossp); the wheel has not."""
    installation = localserver.system_installation()
    if not installation:
        pytest.skip("no PostgreSQL of the operating system is installed (apt-get install postgresql)")
    with localserver.running(ephemeral=True, installation=installation) as server:
        let_sessions_begin_quickly(server)
        yield server


def let_sessions_begin_quickly(server: LocalServer) -> None:
    """Hash its password once instead of 4,096 times, which is most of what a session costs that asks one thing."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        if connection.info.server_version < 16_00_00:
            return
        connection.execute("ALTER SYSTEM SET scram_iterations = 1")  # of roles that tests make, too
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("SET scram_iterations = 1")
        password = sql.Literal(urlsplit(server.url()).password)
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(server.superuser), password))


class EmptyDatabases:
    """Databases for one test each. One that a test only looked at is as empty as a new one, and much cheaper: it is
    handed out again."""

    def __init__(self, server: LocalServer) -> None:
        self._server = server
        self._admin = psycopg.connect(server.url(), autocommit=True)
        self._unused: list[Database] = []
        self._as_made: dict[str, object] = {}

    def take(self) -> Database:
        if self._unused:
            return self._unused.pop()
        name = f"test_{next(_numbers)}"
        database = Database(name=name, url=self._server.create_database(name, TARGET_TEMPLATE))
        self._as_made[name] = self._state(name)
        return database

    def give_back(self, database: Database) -> None:
        """Drop it, unless nobody has written to it."""
        deadline = time.monotonic() + 1
        while self._sessions(database.name) and time.monotonic() < deadline:
            time.sleep(0.005)  # a session counts what it wrote when it ends
        if self._state(database.name) == self._as_made[database.name] and not self._sessions(database.name):
            self._unused.append(database)
        else:
            self._server.drop_database(database.name)

    def close(self) -> None:
        self._admin.close()

    def _sessions(self, name: str) -> int:
        rows = self._admin.execute("SELECT FROM pg_stat_activity WHERE datname = %s", [name])
        return len(rows.fetchall())

    def _state(self, name: str) -> object:
        """Equal as long as no row of it was written, catalogs included, and none of the server's that is about it."""
        return self._admin.execute(DATABASE_STATE, [name]).fetchone()


DATABASE_STATE = """
SELECT d.oid, d.xmin::text, s.tup_inserted, s.tup_updated, s.tup_deleted, s.stats_reset,
    (SELECT count(*) FROM pg_db_role_setting WHERE setdatabase = d.oid),
    (SELECT count(*) FROM pg_shdescription WHERE objoid = d.oid),
    (SELECT count(*) FROM pg_prepared_xacts WHERE database = d.datname),
    (SELECT count(*) FROM pg_replication_slots WHERE database = d.datname)
FROM pg_database d JOIN pg_stat_database s ON s.datid = d.oid WHERE d.datname = %s
"""


@pytest.fixture(scope="session")
def empty_databases(postgres_server: LocalServer) -> Iterator[EmptyDatabases]:
    databases = EmptyDatabases(postgres_server)
    yield databases
    databases.close()


@pytest.fixture
def make_database(postgres_server: LocalServer, empty_databases: EmptyDatabases) -> Iterator[MakeDatabase]:
    """`make_database()` on the session's server, `make_database(server=debian_postgres)` on another one."""
    made: list[tuple[LocalServer, str]] = []
    taken: list[Database] = []

    def make(*, name: str = "", template: str = TARGET_TEMPLATE, server: LocalServer = postgres_server) -> Database:
        if not name and template == TARGET_TEMPLATE and server is postgres_server:
            taken.append(empty_databases.take())
            return taken[-1]
        name = name or f"test_{next(_numbers)}"
        url = server.create_database(name, template if server is postgres_server else None)
        made.append((server, name))
        return Database(name=name, url=url)

    yield make
    for server, name in made:
        server.drop_database(name)
    for database in taken:
        empty_databases.give_back(database)


@pytest.fixture
def target_db(make_database: MakeDatabase) -> Database:
    """An empty target, of this test alone."""
    return make_database()


@pytest.fixture
def target_url(target_db: Database) -> str:
    return target_db.url


def _keep_files_in_memory() -> None:
    """Thousands of databases are made and dropped: on ext4 a fifth of the time went into the search for free inodes."""
    if "TMPDIR" not in os.environ and IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > ENOUGH:
        os.environ["TMPDIR"] = str(IN_MEMORY)
        tempfile.tempdir = None


def _only_hands_out_work(config: pytest.Config) -> bool:
    """With -n the first process runs no test; each of the others has a server of its own."""
    return bool(getattr(config.option, "numprocesses", None)) and not hasattr(config, "workerinput")


_numbers = itertools.count(1)


def _refuse_foreign_databases() -> None:
    """The suite makes and drops databases. It never meets one it did not make itself."""
    for variable in DATABASE_VARIABLES:
        host = urlsplit(os.environ.pop(variable, "")).hostname or ""
        if host not in LOCAL_HOSTS:
            pytest.exit(f"{variable} points at {host}. Unset it: tests run on their own private server only.", 4)
    if os.environ.pop("DJANGO_SETTINGS_MODULE", ""):
        pytest.exit("Unset DJANGO_SETTINGS_MODULE: the tests set it themselves, once their server is up.", 4)
