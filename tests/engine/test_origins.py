"""What an error is about, whatever language the server speaks."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from dashboard.engine import localserver
from dashboard.engine.database import messages, origins
from dashboard.engine.localserver import LocalServer
from dashboard.engine.localserver.account import environment
from dashboard.engine.run import failures
from tests.fix_postgres import Database

ABOUT = {
    "GRANT SELECT ON pg_class TO nobody_here": "a role",
    "ALTER SCHEMA public OWNER TO nobody_here": "a role",
    "ALTER ROLE nobody_here SET search_path = public": "a role",
    "ALTER ROLE nobody_here RENAME TO somebody": "a role",
    "DROP ROLE nobody_here": "a role",
    "SELECT 'nobody_here'::regrole": "a role",
    "CREATE TABLE t (mood mood)": "",
    "COMMENT ON TYPE mood IS ''": "",
    "SELEC 1": "the grammar",
    "DO $$ BEGN END $$": "the grammar",
    "SELECT 1 +": "the grammar",
    "INSERT INTO pg_class (oid) VALUES (1, 2)": "",
    "CREATE EXTENSION not_here": "the build",
    "CREATE FUNCTION f() RETURNS int LANGUAGE c AS '$libdir/not_here', 'f'": "the build",
    "DO $$ BEGIN RAISE feature_not_supported USING MESSAGE = 'ICU is not supported in this build'; END $$": "",
    "SELECT 1 FROM XMLTABLE(XMLNAMESPACES(DEFAULT 'x'), '/a' PASSING XML '<a/>' COLUMNS a int)": "",
}

GERMAN = "de_DE.UTF-8"
CATALOGUE = Path("/usr/share/locale/de/LC_MESSAGES/postgres-15.mo")


@pytest.fixture(scope="module")
def german() -> Iterator[LocalServer]:
    """A server of the operating system that speaks German. That of the tests' requirements has English alone."""
    localedef = shutil.which("localedef")
    if not localserver.system_installation() or not localedef or not CATALOGUE.is_file():
        pytest.skip("no PostgreSQL 15 of the operating system with its German messages (apt-get install postgresql)")
    with tempfile.TemporaryDirectory(prefix="locales-") as directory:
        locales = Path(directory)
        subprocess.run(
            [localedef, "-i", "de_DE", "-f", "UTF-8", str(locales / GERMAN)], check=True, capture_output=True
        )
        for path in (locales, *locales.rglob("*")):  # the server may be another user
            path.chmod(0o755)
        with speaking(GERMAN, locales) as server:
            yield server


@contextmanager
def speaking(language: str, locales: Path) -> Iterator[LocalServer]:
    with pytest.MonkeyPatch.context() as patch:
        with_locales = environment() | {"LOCPATH": str(locales)}
        patch.setattr("dashboard.engine.localserver.server.environment", lambda: with_locales)
        with localserver.running(ephemeral=True, installation=localserver.system_installation()) as server:
            with psycopg.connect(server.url(), autocommit=True) as connection:
                connection.execute(f"ALTER SYSTEM SET lc_messages = '{language}'")
                connection.execute("SELECT pg_reload_conf()")
            yield server


def about(connection: psycopg.Connection, statement: str) -> tuple[str, str]:
    """What it is about, and the message."""
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(statement.encode())
    error = failures.server_error(caught.value)
    subjects = {
        "a role": origins.is_about_a_role(error.origin) and error.sqlstate == "42704",
        "the grammar": origins.is_about_the_grammar(error.origin),
        "the build": origins.is_lack_of_build(error.origin, error.sqlstate),
    }
    return " ".join(subject for subject, holds in subjects.items() if holds), error.message


@pytest.mark.parametrize("statement", ABOUT)
def test_an_error_is_known_by_where_it_was_raised(target_db: Database, statement: str) -> None:
    with target_db.connect() as connection:
        assert about(connection, statement)[0] == ABOUT[statement]


def test_it_is_known_from_a_server_that_speaks_german(german: LocalServer) -> None:
    with psycopg.connect(german.url(), autocommit=True) as connection:
        answers = {statement: about(connection, statement) for statement in ABOUT}
    assert {statement: subject for statement, (subject, _) in answers.items()} == ABOUT
    assert "existiert nicht" in answers["DROP ROLE nobody_here"][1]


@pytest.mark.parametrize(
    ("reason", "is_about_writing"),
    [
        ("FATAL: cannot execute INSERT in a read-only transaction", True),
        ("FATAL: INSERT kann nicht in einer Read-Only-Transaktion ausgeführt werden", True),
        ("FATAL: リードオンリーのトランザクションでは TRUNCATE TABLE を実行できません", True),
        ('ВАЖНО: в транзакции в режиме "только чтение" нельзя выполнить nextval()', True),
        ('FATAL: password authentication failed for user "app"', False),
        ("FATAL: Passwort-Authentifizierung für Benutzer »app« fehlgeschlagen", False),
        ('FATAL: no pg_hba.conf entry for host "10.0.0.1", user "app", database "shop", no encryption', False),
        ("FATAL: sorry, too many clients already", False),
    ],
)
def test_a_session_that_a_login_trigger_refused_is_known_by_the_statement(reason: str, is_about_writing: bool) -> None:
    assert messages.is_about_writing(reason) is is_about_writing
