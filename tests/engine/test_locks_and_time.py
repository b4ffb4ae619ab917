"""Locks that nobody gets, deadlines, blockers, deadlocks: bounded, told, and never retried blindly."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from dashboard.engine import errors
from dashboard.engine.database import wire
from dashboard.engine.database.connection import Connection
from dashboard.engine.plan import Policy
from dashboard.engine.run import transactional
from dashboard.engine.run.events import Blocked, StepRetried
from tests.engine.folders import Bench
from tests.waiting import wait_until


@pytest.fixture
def users_bench(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(transactional, "FIRST_PAUSE", 0.05)
    bench.policy = Policy(protected=False, lock_timeout_ms=200, statement_timeout_ms=0)
    bench.write("001_users.sql", "CREATE TABLE users (id int); INSERT INTO users VALUES (1);")
    bench.apply()
    bench.write("002_column.sql", "CREATE TABLE before_it (id int); ALTER TABLE users ADD COLUMN name text;")
    return bench


@contextmanager
def reader(bench: Bench) -> Iterator[psycopg.Connection]:
    with bench.database.connect(autocommit=False, application_name="the application") as connection:
        connection.execute("SELECT * FROM users")
        yield connection


def test_a_lock_that_comes_free_is_waited_for_by_trying_again(users_bench: Bench) -> None:
    with reader(users_bench) as application:
        thread = threading.Thread(
            target=lambda: (wait_until(lambda: users_bench.log()[-1] == ("apply", "retried")), application.rollback())
        )
        thread.start()
        users_bench.apply()
        thread.join()
    retried = [e for e in users_bench.events if isinstance(e, StepRetried)]
    assert retried
    assert "lock timeout" in retried[0].reason
    assert users_bench.log()[-1] == ("apply", "succeeded")


def test_tries_are_bounded_and_each_is_in_the_log(users_bench: Bench) -> None:
    with reader(users_bench), pytest.raises(errors.StatementFailed, match="lock timeout"):
        users_bench.apply()
    outcomes = [outcome for _, outcome in users_bench.log()]
    assert outcomes == ["succeeded", *["retried"] * (transactional.ATTEMPTS - 1), "failed"]
    assert users_bench.tables() == {"public.users"}


def test_a_forged_deadlock_is_tried_no_more_often(users_bench: Bench) -> None:
    users_bench.write("002_column.sql", "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40P01'; END $$;")
    with pytest.raises(errors.StatementFailed):
        users_bench.apply()
    assert [o for _, o in users_bench.log()].count("retried") == transactional.ATTEMPTS - 1


def test_a_file_can_set_its_own_lock_timeout(users_bench: Bench) -> None:
    users_bench.write("002_column.sql", "-- signalbox: lock_timeout=20s\nALTER TABLE users ADD COLUMN name text;")
    with reader(users_bench) as application:
        free = threading.Thread(target=lambda: (users_bench.outlast_the_lock_timeout(), application.rollback()))
        free.start()
        users_bench.apply()
        free.join()
    assert not [e for e in users_bench.events if isinstance(e, StepRetried)]


def test_who_blocks_is_told_while_it_waits(users_bench: Bench) -> None:
    users_bench.policy = Policy(protected=False, lock_timeout_ms=20_000, statement_timeout_ms=0)
    with reader(users_bench) as application:
        thread = threading.Thread(
            target=lambda: (
                wait_until(lambda: any(isinstance(e, Blocked) and e.blockers for e in users_bench.events)),
                application.rollback(),
            )
        )
        thread.start()
        users_bench.apply()
        thread.join()
    blocked = next(e for e in users_bench.events if isinstance(e, Blocked) and e.blockers)
    assert "the application" in blocked.blockers[0]


def test_a_run_ends_at_its_deadline_whatever_the_file_sets(users_bench: Bench) -> None:
    users_bench.policy = Policy(protected=False, lock_timeout_ms=200, statement_timeout_ms=0, deadline_s=1)
    users_bench.write("002_column.sql", "SET statement_timeout = 0; CREATE TABLE slow (id int); SELECT pg_sleep(60);")
    with pytest.raises(errors.RunCancelled, match="the deadline of the run"):
        users_bench.apply()
    assert users_bench.tables() == {"public.users"}


def test_a_statement_that_swallows_its_cancel_is_ended_all_the_same(
    users_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.engine.run.monitor.CANCEL_PATIENCE", 1.5)
    users_bench.policy = Policy(protected=False, lock_timeout_ms=200, statement_timeout_ms=0, deadline_s=1)
    users_bench.write(
        "002_column.sql",
        "DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$;",
    )
    with pytest.raises((errors.ConnectionLost, errors.RunCancelled)):
        users_bench.apply()
    assert users_bench.tables() == {"public.users"}


def test_synchronous_commit_is_on_whatever_the_file_sets(users_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    users_bench.write("002_column.sql", "SET synchronous_commit = off; CREATE TABLE a (id int);")
    send, at_commit = wire.send, []

    def look_before_commit(connection: Connection, sql: str) -> wire.Reply:
        if sql == "COMMIT":
            at_commit.append(connection.execute("SHOW synchronous_commit").fetchone())
        return send(connection, sql)

    monkeypatch.setattr(wire, "send", look_before_commit)
    users_bench.apply()
    assert at_commit == [("on",)]


def test_set_constraints_in_a_file_still_works(users_bench: Bench) -> None:
    users_bench.write(
        "002_column.sql",
        "CREATE TABLE a (id int PRIMARY KEY);"
        "CREATE TABLE b (a int REFERENCES a DEFERRABLE INITIALLY DEFERRED);"
        "INSERT INTO b VALUES (1); INSERT INTO a VALUES (1);"
        "SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE b ADD COLUMN c int;",
    )
    users_bench.apply()
    assert {"public.a", "public.b"} <= users_bench.tables()
