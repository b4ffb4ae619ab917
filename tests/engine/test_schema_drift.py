"""What a run leaves is expected; what someone else changed is not. And what was written, as the server counts it."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import cast

import pytest

from dashboard.engine.database import statistics
from dashboard.engine.database.connection import Access, Address, Connection
from dashboard.engine.database.statistics import Written
from dashboard.engine.errors import SchemaUnreadable, TargetUnreachable
from dashboard.engine.plan import Policy
from dashboard.engine.schema import diff, drift
from dashboard.engine.schema.objects import SchemaSnapshot
from tests.fix_postgres import Database


def access(url: str) -> Access:
    address = Address(environment="staging", name="Staging", variable="DATABASE_URL_STAGING", url=url)
    policy = Policy(protected=False, lock_timeout_ms=3000, statement_timeout_ms=0)
    return Access(address=address, policy=policy, schema="platform")


def schema(**objects: str) -> SchemaSnapshot:
    return SchemaSnapshot(objects=objects)


@pytest.mark.parametrize(("version", "waits"), [(130_000, True), (149_999, True), (150_000, False)])
def test_counts_that_may_be_old_are_waited_for(version: int, waits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    connection = SimpleNamespace(info=SimpleNamespace(server_version=version))
    statistics.wait_until_counted(cast(Connection, connection))
    assert bool(pauses) is waits


CASES = {
    "what the run added": (schema(a="1"), schema(a="1"), schema(a="1", b="1"), schema(a="1", b="1")),
    "what the run changed": (schema(a="1"), schema(a="1"), schema(a="2"), schema(a="2")),
    "what the run dropped": (schema(a="1", b="1"), schema(a="1", b="1"), schema(a="1"), schema(a="1")),
    "added by hand before it": (schema(a="1"), schema(a="1", x="1"), schema(a="2", x="1"), schema(a="2")),
    "changed by hand before it": (schema(a="1"), schema(a="9"), schema(a="9", b="1"), schema(a="1", b="1")),
    "dropped by hand before it": (schema(a="1", b="1"), schema(a="1"), schema(a="2"), schema(a="2", b="1")),
    "changed by hand, then by the run": (schema(a="1"), schema(a="9"), schema(a="2"), schema(a="2")),
    "left invalid by the run": (schema(), schema(), schema(a="1", b="definition: x\ninvalid: yes"), schema(a="1")),
    "left detached in part": (schema(p="1"), schema(p="1"), schema(p="detach pending: yes"), schema(p="1")),
    "added by hand, dropped by the run": (schema(a="1"), schema(a="1", x="1"), schema(a="1"), schema(a="1")),
}


@pytest.mark.parametrize(("expected", "before", "after", "then"), CASES.values(), ids=CASES)
def test_only_the_runs_own_changes_become_expected(
    expected: SchemaSnapshot, before: SchemaSnapshot, after: SchemaSnapshot, then: SchemaSnapshot
) -> None:
    assert drift.expected_after(expected, before, after) == then


def test_of_a_run_that_left_nothing_only_what_is_explained_becomes_expected() -> None:
    after = schema(a="2", ours="1", x="1")
    assert drift.expected_after(schema(a="1"), schema(a="1"), after, explained={"ours"}) == schema(a="1", ours="1")


def test_the_tables_of_signalbox_itself_are_not_looked_at(target_db: Database) -> None:
    target_db.query("CREATE SCHEMA platform; CREATE TABLE platform.schema_migrations (version text)")
    target_db.query("CREATE TABLE platform.users (id int)")
    check = drift.look(access(target_db.url))
    assert {key for key in check.schema.objects if key.startswith("table ")} == {"table platform.users"}


def test_what_was_written_is_counted_by_table(target_db: Database) -> None:
    target_db.query('CREATE TABLE users (id int); CREATE TABLE "Odd name" (id int)')
    target_db.query("INSERT INTO users SELECT generate_series(1, 7); DELETE FROM users WHERE id = 1")
    for _ in range(50):
        written = drift.look(access(target_db.url)).written
        if written.rows["public.users"] == 8:
            break
        time.sleep(0.1)
    assert written.rows == {"public.users": 8, 'public."Odd name"': 0}


def test_another_beginning_of_the_statistics_shows(target_db: Database) -> None:
    before = drift.look(access(target_db.url)).written.since
    target_db.query("SELECT pg_stat_reset()")
    assert drift.look(access(target_db.url)).written.since != before


def test_a_target_that_is_not_there_is_named(target_db: Database) -> None:
    with pytest.raises(TargetUnreachable):
        drift.look(access("postgresql://nobody:s3cret@127.0.0.1:1/gone"))


def test_a_table_that_is_being_altered_is_waited_for_a_moment_only(target_db: Database) -> None:
    """To write a view down the server locks the tables below it."""
    target_db.query("CREATE TABLE users (id int); CREATE VIEW v AS SELECT id FROM users")
    with target_db.connect(autocommit=False) as other:
        other.execute("LOCK TABLE users")
        with pytest.raises(SchemaUnreadable) as error:
            drift.look(access(target_db.url))
    assert "lock timeout" in str(error.value)
    assert "check again" in error.value.next_step


PUBLIC, DATABASE, OURS = "grants on schema public", "grants on the database", "grants on schema platform"


@pytest.mark.parametrize(
    ("key", "before", "after", "asked"),
    [
        pytest.param(PUBLIC, None, "granted: ours: CREATE, USAGE", True, id="on public"),
        pytest.param(OURS, None, "granted: ours: CREATE", True, id="on the schema of the history"),
        pytest.param(DATABASE, None, "granted: ours: CREATE", True, id="on the database"),
        pytest.param(PUBLIC, "granted: ours: USAGE", "granted: ours: CREATE, USAGE", True, id="more of it"),
        pytest.param(
            PUBLIC, "granted: PUBLIC: USAGE", "granted: \n    PUBLIC: USAGE\n    ours: CREATE", True, id="beside"
        ),
        pytest.param(DATABASE, None, "granted: ours: CONNECT, CREATE", False, id="more than was asked for"),
        pytest.param(PUBLIC, None, "granted: ours (may grant it): CREATE", False, id="to be passed on"),
        pytest.param(PUBLIC, None, "granted: ours (by ada): CREATE", False, id="by somebody else"),
        pytest.param(PUBLIC, None, "granted: ours_too: CREATE", False, id="to another"),
        pytest.param(PUBLIC, "granted: ours: CREATE, USAGE", "granted: ours: USAGE", False, id="taken away"),
        pytest.param(PUBLIC, "granted: ada: USAGE", "granted: ours: CREATE", False, id="in the place of another's"),
        pytest.param(PUBLIC, None, "granted: ours: CREATE\nrevoked: PUBLIC: USAGE", False, id="with something revoked"),
        pytest.param("grants on schema sales", None, "granted: ours: CREATE", False, id="where nobody asked"),
        pytest.param(PUBLIC, "granted: ours: CREATE", None, False, id="gone"),
    ],
)
def test_only_the_rights_that_signalbox_asks_for_are_expected(key: str, before: str, after: str, asked: bool) -> None:
    seen = drift.Seen(schema=schema(), written=Written(rows={}, since=""), role="ours", tracking_schema="platform")
    (difference,) = diff.compare(schema(**({key: before} if before else {})), schema(**({key: after} if after else {})))
    assert drift.is_asked_for(difference, seen) is asked
