from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from dashboard.engine.database import connection, doctor, transport
from dashboard.engine.database.connection import Access, Address
from dashboard.engine.database.doctor import Check, CheckLevel
from dashboard.engine.database.tracking import TrackingTables
from dashboard.engine.plan import Policy
from tests.fix_postgres import Database

type Examine = Callable[..., dict[str, Check]]

POLICY = Policy(protected=False, lock_timeout_ms=3000, statement_timeout_ms=0)


def access_to(url: str) -> Access:
    address = Address(environment="staging", name="Staging", variable="STAGING_URL", url=url)
    return Access(address=address, policy=POLICY, schema="platform")


@pytest.fixture
def examine(target_db: Database) -> Examine:
    """The checks by their code, made as `role` (the superuser without one)."""

    def made(role: str = "") -> dict[str, Check]:
        access = access_to(make_conninfo(target_db.url, **({"user": role, "password": "x"} if role else {})))
        with connection.working(access, name="doctor") as opened:
            return {check.code: check for check in doctor.checkup(opened, access)}

    return made


@pytest.fixture
def plain_role(target_db: Database) -> Iterator[str]:
    """A role that may connect and nothing else."""
    role = f"plain_{target_db.name}"
    with target_db.connect() as opened:
        opened.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'x'").format(sql.Identifier(role)))
    yield role
    with target_db.connect() as opened:
        opened.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(role)))


def prepared(database: Database) -> None:
    with connection.working(access_to(database.url), name="x") as opened:
        TrackingTables(opened, "platform").prepare()


def test_what_a_role_lacks_is_named_with_the_grant_that_gives_it(
    examine: Examine, target_db: Database, plain_role: str
) -> None:
    assert examine(plain_role)["rights"].level is CheckLevel.REFUSED
    assert examine(plain_role)["rights"].finding == f"the role {plain_role} may not create the schema platform there."
    target_db.query("CREATE SCHEMA platform")
    assert (
        examine(plain_role)["rights"].finding == f"the role {plain_role} may not create tables in the schema platform."
    )
    target_db.query(f"GRANT CREATE, USAGE ON SCHEMA platform TO {plain_role}")
    assert examine(plain_role)["rights"].level is CheckLevel.FINE
    prepared(target_db)
    assert (
        examine(plain_role)["rights"].finding
        == f"the role {plain_role} may not write to the tracking tables in platform."
    )
    target_db.query(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA platform TO {plain_role}")
    assert examine(plain_role)["rights"].level is CheckLevel.FINE


def test_what_a_first_migration_lacks_is_named_with_statements_that_can_be_run(
    examine: Examine, target_db: Database, plain_role: str
) -> None:
    """Nobody may create in public since PostgreSQL 15."""
    target_db.query("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    check = examine(plain_role)["grants"]
    assert (check.level, len(check.grants)) == (CheckLevel.WARNING, 2)
    assert all(grant in check.remedy for grant in check.grants)
    for grant in check.grants:
        target_db.query(grant)
    checks = examine(plain_role)
    assert (checks["grants"].level, checks["rights"].level) == (CheckLevel.FINE, CheckLevel.FINE)


def test_the_unfit_comes_first(examine: Examine, plain_role: str) -> None:
    assert next(iter(examine(plain_role))) == "rights"


def test_a_superuser_is_noted(examine: Examine) -> None:
    assert examine()["rights"].finding == "the role postgres is a superuser."


def test_a_history_that_someone_else_made_is_told_from_ours(examine: Examine, target_db: Database) -> None:
    assert "the first run makes it" in examine()["tables"].finding
    target_db.query("CREATE SCHEMA platform")
    target_db.query(
        "CREATE TABLE platform.schema_migrations (version text PRIMARY KEY, name text, checksum text, "
        "success boolean, applied_at timestamptz, execution_time_ms int, error_message text, rollback_script text)"
    )
    assert "that Signalbox did not make" in examine()["tables"].finding
    prepared(target_db)
    assert examine()["tables"].finding == "its platform.schema_migrations holds 0 rows."


def test_a_history_of_an_older_version_is_ours(examine: Examine, target_db: Database) -> None:
    prepared(target_db)
    for table in ("schema_migrations", "migration_audit_log"):
        target_db.query(f"ALTER TABLE platform.{table} DROP COLUMN attempt_id, DROP COLUMN installation")
    assert "is of an older version; the next run adds what is missing" in examine()["tables"].finding
    prepared(target_db)
    assert examine()["tables"].finding == "its platform.schema_migrations holds 0 rows."


def test_several_installations_are_told_from_one(examine: Examine, target_db: Database) -> None:
    """Without the control database nobody knows which of them this is."""
    prepared(target_db)
    add = "INSERT INTO platform.migration_audit_log (version, executed_by, installation) VALUES ('1', '{0}', '{0}')"
    target_db.query(add.format("first"))
    assert examine()["installations"].level is CheckLevel.FINE
    target_db.query(add.format("second"))
    check = examine()["installations"]
    assert check.level is CheckLevel.WARNING
    assert "2 installations of Signalbox have run migrations there: first, last used by first at" in check.finding


def test_what_has_been_open_for_long_is_told(
    examine: Examine, target_db: Database, plain_role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert examine()["long_transactions"].level is CheckLevel.FINE
    query = doctor.sql.query("long_transactions").as_string().replace("1 minute", "0 minutes")
    original_query = doctor.sql.query
    monkeypatch.setattr(
        doctor.sql,
        "query",
        lambda name, *args: sql.SQL(query) if name == "long_transactions" else original_query(name, *args),
    )
    with target_db.connect(application_name="nightly report") as other, other.transaction():
        other.execute("SELECT 1")
        check = examine()["long_transactions"]
        assert check.level is CheckLevel.WARNING
        assert f"session {other.info.backend_pid} of postgres (nightly report) for 0 s" in check.finding
        hidden = examine(plain_role)["long_transactions"]
    assert hidden.level is CheckLevel.NOTE, "what a role may not see is not called fine"
    assert "pg_read_all_stats" in hidden.remedy


def test_strings_that_the_database_reads_otherwise_are_told(
    examine: Examine, target_db: Database, plain_role: str
) -> None:
    assert examine()["strings"].level is CheckLevel.FINE
    target_db.query(f"ALTER ROLE {plain_role} SET standard_conforming_strings = off")
    assert examine()["strings"].level is CheckLevel.FINE, "another role has it so"
    check = examine(plain_role)["strings"]
    assert check.level is CheckLevel.WARNING
    assert "standard_conforming_strings = off" in check.finding
    assert "E'...'" in check.remedy


def test_timeouts_that_a_run_replaces_are_listed(examine: Examine, target_db: Database, plain_role: str) -> None:
    assert examine()["timeouts"].level is CheckLevel.FINE
    target_db.query(f"ALTER DATABASE {target_db.name} SET statement_timeout = '50ms'")
    target_db.query(f"ALTER ROLE {plain_role} SET idle_in_transaction_session_timeout = '1s'")
    target_db.query(f"ALTER ROLE {plain_role} IN DATABASE {target_db.name} SET lock_timeout = '7s'")
    target_db.query(f"ALTER ROLE {plain_role} SET work_mem = '64kB'")
    check = examine(plain_role)["timeouts"]
    assert check.level is CheckLevel.NOTE
    assert check.finding == (
        "sessions there are given timeouts: statement_timeout = 50ms (set by its database), "
        f"idle_in_transaction_session_timeout = 1s (set by the role {plain_role}), "
        f"lock_timeout = 7s (set by the role {plain_role} in this database)."
    )
    assert (
        "lock_timeout is 3000ms, statement_timeout off, idle_in_transaction_session_timeout 60s, any other is off."
        in check.remedy
    )
    assert "work_mem" not in check.finding


def test_no_timeout_of_the_server_reaches_a_run(target_db: Database) -> None:
    """Whatever later versions bring, by class."""
    settable = "SELECT name FROM pg_settings WHERE name LIKE '%\\_timeout' AND context = 'user'"
    with target_db.connect() as opened:
        names = [name for (name,) in opened.execute(settable) if name != "tcp_user_timeout"]
        for name in names:
            opened.execute(f"ALTER DATABASE {target_db.name} SET {name} = '90s'")
    with connection.working(access_to(target_db.url), name="x") as opened:
        connection.reset(opened, access_to(target_db.url))
        held = dict(opened.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [names]).fetchall())
    assert {name for name, value in held.items() if value == "90000"} == set()


def test_clocks_that_disagree_are_told(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time
    monkeypatch.setattr(doctor.time, "time", lambda: now() + 3600)
    assert examine()["clock"].finding.startswith("its clock is 3600 s away")


@pytest.mark.parametrize(
    ("host", "address", "private"),
    [
        ("/run/postgresql", "", True),
        ("localhost", "127.0.0.1", True),
        ("postgres.railway.internal", "fd12::5", True),
        ("viaduct.proxy.rlwy.net", "66.33.22.11", False),
        ("db.example.org", "10.0.0.5", True),
    ],
)
def test_which_connections_may_go_without_encryption(
    examine: Examine, monkeypatch: pytest.MonkeyPatch, host: str, address: str, *, private: bool
) -> None:
    is_private = transport.is_private
    monkeypatch.setattr(doctor.transport, "is_private", lambda _: is_private({"host": host, "hostaddr": address}))
    check = examine()["tls"]
    assert check.level is (CheckLevel.FINE if private else CheckLevel.WARNING)
    assert ("sslmode" in check.remedy) is not private
