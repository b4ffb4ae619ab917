"""Two database roles: one owns the tables and migrates, the other runs web and worker and can only add events.

A control database of its own, made as docs/DEPLOY.md says, with processes that connect as these roles.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from dashboard.presenters import audit as presenter
from dashboard.services.audit_guard import Power

if TYPE_CHECKING:
    from dashboard.engine.localserver import LocalServer

MANAGE = Path(__file__).parents[2] / "manage.py"
OWNER, WRITER = "signalbox_owner", "signalbox_app"
LOG = "signalbox.dashboard_auditevent"


@dataclass(frozen=True, kw_only=True)
class Installed:
    owner_url: str
    writer_url: str

    def manage(self, *arguments: str, as_owner: bool = False) -> subprocess.CompletedProcess[str]:
        """As the services do it: connected as the writer; the owner's URL is there for `migrate` and `audit writer`."""
        environment = os.environ | {"SIGNALBOX_DATABASE_URL": self.writer_url}
        if as_owner:
            environment["SIGNALBOX_DATABASE_OWNER_URL"] = self.owner_url
        command = [sys.executable, MANAGE, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)

    def ran(self, *arguments: str, as_owner: bool = False) -> str:
        done = self.manage(*arguments, as_owner=as_owner)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def installed(postgres_server: LocalServer) -> Iterator[Installed]:
    server = postgres_server.url()
    url = postgres_server.create_database("audit_roles")
    with psycopg.connect(server, autocommit=True) as superuser:
        for role in (OWNER, WRITER):
            superuser.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
        superuser.execute(f"GRANT CREATE ON DATABASE audit_roles TO {OWNER}")

    def as_role(role: str) -> str:
        parts = conninfo_to_dict(url)
        return f"postgresql://{role}:x@{parts['host']}:{parts['port']}/{parts['dbname']}"

    made = Installed(owner_url=as_role(OWNER), writer_url=as_role(WRITER))
    made.ran("migrate", "--noinput", as_owner=True)
    made.ran("signalbox", "audit", "writer", WRITER, as_owner=True)
    yield made
    postgres_server.drop_database("audit_roles")
    with psycopg.connect(server, autocommit=True) as superuser:
        for role in (WRITER, OWNER):
            superuser.execute(f"DROP ROLE {role}")


@pytest.fixture(scope="module")
def four_events(installed: Installed) -> Installed:
    """Someone is made in a shell, is given a role, fails to sign in and signs in: all of it as the writer, as are the
    pages and a job after it."""
    code = """
from django.contrib.auth.models import Group, User
from django.test import Client
from dashboard.services import queue
vera = User.objects.create_user("vera", password="correct horse battery staple")
vera.groups.add(Group.objects.get(name="viewer"))
client = Client(headers={"host": "localhost"})
client.post("/sign-in/", {"login": "vera", "password": "wrong"})
answer = client.post("/sign-in/", {"login": "vera", "password": "correct horse battery staple"})
assert answer.status_code == 302, answer.status_code
queue.observe("staging")
for address in ("/", "/audit/", "/runs/", "/requests/", "/environments/"):
    assert client.get(address).status_code == 200, address
page = client.get("/audit/").content.decode()
assert "can add events and read them, and can neither change nor remove them" in page, page
"""
    installed.ran("shell", "-c", code)
    return installed


@pytest.mark.parametrize(
    "attack",
    [
        f"ALTER TABLE {LOG} DISABLE TRIGGER append_only",
        f"ALTER TABLE {LOG} DISABLE TRIGGER ALL",
        f"DELETE FROM {LOG}",
        f"UPDATE {LOG} SET actor = 'vie'",
        f"TRUNCATE {LOG}",
        f"DROP TABLE {LOG}",
        f"DROP TRIGGER append_only ON {LOG}",
        f"ALTER TABLE {LOG} RENAME TO aside",
        f"ALTER TABLE {LOG} OWNER TO {WRITER}",
        f"CREATE TRIGGER swallow BEFORE INSERT ON {LOG} FOR EACH ROW EXECUTE FUNCTION signalbox.audit_is_append_only()",
        f"CREATE RULE swallow AS ON INSERT TO {LOG} DO INSTEAD NOTHING",
        "DROP FUNCTION signalbox.audit_is_append_only() CASCADE",
        "CREATE OR REPLACE FUNCTION signalbox.audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN RETURN NULL; END'",
        "DROP SCHEMA signalbox CASCADE",
        "CREATE TABLE signalbox.another (id int)",
        f"SET ROLE {OWNER}",
        "SET session_replication_role = replica",
        f"INSERT INTO {LOG} SELECT * FROM {LOG} ON CONFLICT (id) DO UPDATE SET actor = 'vie'",
    ],
)
def test_the_writer_cannot_touch_what_is_written(attack: str, four_events: Installed) -> None:
    with (
        psycopg.connect(four_events.writer_url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(attack)  # type: ignore[call-overload]


def test_what_the_services_do_is_possible_as_the_writer(four_events: Installed) -> None:
    said = four_events.ran("signalbox", "audit", "verify")
    assert said.startswith("4 events, the chain is intact.")
    assert f"The database role {WRITER} can add events and read them, and can neither change nor remove them." in said


def test_the_writer_can_run_the_worker(four_events: Installed) -> None:
    """It takes what is queued, runs the periodic tasks' tables, and ends."""
    done = four_events.manage("procrastinate", "worker", "--one-shot", "--no-listen-notify")
    assert done.returncode == 0, done.stderr
    assert "permission denied" not in done.stderr + done.stdout


def test_a_later_django_migration_is_covered(four_events: Installed) -> None:
    with psycopg.connect(four_events.owner_url, autocommit=True) as owner:
        owner.execute("CREATE TABLE signalbox.later (id bigint GENERATED BY DEFAULT AS IDENTITY)")
        try:
            with psycopg.connect(four_events.writer_url, autocommit=True) as writer:
                writer.execute("INSERT INTO signalbox.later DEFAULT VALUES")
                writer.execute("DELETE FROM signalbox.later")
        finally:
            owner.execute("DROP TABLE signalbox.later")


def test_the_writer_is_told_to_migrate_as_the_owner(four_events: Installed) -> None:
    assert four_events.manage("migrate", "--check").returncode == 0
    four_events.ran("migrate", "--check", as_owner=True)


def test_the_owner_is_told_what_it_could_do(four_events: Installed) -> None:
    with psycopg.connect(four_events.owner_url) as owner:
        owner.execute(f"ALTER TABLE {LOG} DISABLE TRIGGER append_only")
        owner.rollback()
    as_owner = Installed(owner_url="", writer_url=four_events.owner_url)
    assert f"The database role {OWNER} owns the table, so whoever has its password" in as_owner.ran(
        "signalbox", "audit", "verify"
    )


@pytest.mark.parametrize(
    ("changes", "tone"),
    [
        ({}, "ok"),
        ({"owner": True}, "warn"),
        ({"superuser": True, "owner": True}, "warn"),
        ({"may_change": True}, "warn"),
        ({"trigger": False}, "danger"),
    ],
)
def test_only_a_role_that_can_do_no_more_is_called_safe(changes: dict[str, bool], tone: str) -> None:
    facts = {"superuser": False, "owner": False, "may_change": False, "trigger": True, **changes}
    said = presenter.power(Power(role="app", **facts))
    assert said.tone == tone
    assert ("can neither change nor remove" in said.sentence) == (tone == "ok")
