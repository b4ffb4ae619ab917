"""Each guard of a step by itself: where two cover the same harm, the other one is switched off here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest

from dashboard.engine import errors
from dashboard.engine.database import connection as connections
from dashboard.engine.database import guards, locks, wire
from dashboard.engine.database.connection import Connection
from dashboard.engine.database.tracking import Attempt, RunTracking
from dashboard.engine.migration import MigrationId
from dashboard.engine.run import executor, session, transactional
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.run.events import Ending, RunEvent, StatementFinished, StatementStarted, StepEnded, StepRetried
from dashboard.engine.sql import statements
from dashboard.engine.sql.statements import Statement
from dashboard.engine.sql.transaction import TransactionMode, TransactionShape
from tests.engine.folders import Bench

type SendAsItIs = Callable[..., None]


@pytest.fixture
def users_bench(bench: Bench) -> Bench:
    bench.write("001_users.sql", "CREATE TABLE users (id int);")
    bench.apply()
    bench.write("002_next.sql", "CREATE TABLE next (id int); INSERT INTO next VALUES (1);")
    return bench


@pytest.fixture
def send_as_it_is(users_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> SendAsItIs:
    """Run statements that the parser would have refused, between `CREATE TABLE first` and `CREATE TABLE last`."""

    def send(*sent: str) -> None:
        script = ("CREATE TABLE first (id int)", *sent, "CREATE TABLE last (id int)")
        shape = TransactionShape(
            mode=TransactionMode.SINGLE, sent=tuple(_unread(number, sql) for number, sql in enumerate(script, start=1))
        )
        monkeypatch.setattr(executor, "_shape", lambda step: shape)
        users_bench.apply()

    return send


def _unread(number: int, sql: str) -> Statement:
    (plain,) = statements.split("SELECT 1")
    return replace(plain, number=number, sql=sql, summary=sql)


def nothing_of_it(bench: Bench) -> bool:
    return bench.tables() == {"public.users"} and [r.version for r in bench.history.rows if r.success] == ["001"]


# The transaction of the run


def test_the_status_after_a_statement_tells_that_it_ended_the_transaction(
    users_bench: Bench, send_as_it_is: SendAsItIs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "TRANSACTION_TAGS", frozenset())
    with pytest.raises(errors.StatementFailed, match="touched the transaction of the run"):
        send_as_it_is("ROLLBACK")
    assert nothing_of_it(users_bench)


def test_the_tag_tells_of_a_rollback_that_begins_another_transaction(
    users_bench: Bench, send_as_it_is: SendAsItIs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guards.Seal, "broken", lambda seal: "")
    with pytest.raises(errors.StatementFailed, match="touched the transaction of the run"):
        send_as_it_is("ROLLBACK AND CHAIN")
    assert nothing_of_it(users_bench)


def test_the_transaction_id_tells_of_a_rollback_that_begins_another_transaction(
    users_bench: Bench, send_as_it_is: SendAsItIs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "TRANSACTION_TAGS", frozenset())
    with pytest.raises(errors.StatementFailed, match="ended the transaction of the run"):
        send_as_it_is("ROLLBACK AND CHAIN")
    assert nothing_of_it(users_bench)


def test_a_plan_whose_text_has_no_safe_way_to_run_is_refused_under_the_lock_too(users_bench: Bench) -> None:
    plan = users_bench.plan()
    step = replace(plan.steps[0], sql="CREATE TABLE first (id int); COMMIT; CREATE TABLE last (id int);")
    with pytest.raises(errors.PlanBlocked):
        users_bench.execute(replace(plan, steps=(step,)))
    assert nothing_of_it(users_bench)


def test_applied_is_said_only_of_what_another_transaction_sees(
    users_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = wire.send

    def pretend(connection: Connection, sql: str) -> wire.Reply:
        reply = send(connection, "ROLLBACK" if sql == "COMMIT" else sql)
        return replace(reply, tag="COMMIT") if sql == "COMMIT" else reply

    monkeypatch.setattr(wire, "send", pretend)
    with pytest.raises(errors.ConnectionLost, match="reading it back"):
        users_bench.apply()
    assert [event.ending for event in users_bench.events if isinstance(event, StepEnded)] == [Ending.UNKNOWN]
    assert nothing_of_it(users_bench)


def test_an_error_after_the_commit_is_no_failure(users_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def time_out(*_: object) -> bool:
        raise psycopg.errors.QueryCanceled("canceling statement due to statement timeout")

    monkeypatch.setattr(RunTracking, "succeeded", time_out)
    with pytest.raises(errors.ConnectionLost, match="reading it back"):
        users_bench.apply()
    assert [event.ending for event in users_bench.events if isinstance(event, StepEnded)] == [Ending.UNKNOWN]
    assert users_bench.tables() == {"public.users", "public.next"}
    assert users_bench.log()[-1] == ("apply", "succeeded")


# Locks


def test_a_file_that_frees_all_locks_still_holds_the_target(users_bench: Bench) -> None:
    users_bench.write("002_next.sql", "SELECT pg_advisory_unlock_all(); CREATE TABLE next (id int);")
    held = []

    def try_lock(event: RunEvent) -> None:
        if isinstance(event, StatementFinished):
            with connections.working(users_bench.access, name="a rival") as rival:
                try:
                    with locks.held(rival, "test"):
                        held.append(False)
                except errors.TargetBusy:
                    held.append(True)

    users_bench.run_watched(try_lock)
    assert held == [True, True]


# Being told to stop


def test_a_cancel_between_two_statements_sends_no_other(users_bench: Bench) -> None:
    cancellation, attempts = Cancellation(), []

    def cancel(event: RunEvent) -> None:
        attempts.append(event)
        if isinstance(event, StatementFinished) and event.number == 1:
            cancellation.cancel("bob")

    with pytest.raises(errors.RunCancelled, match="by bob"):
        users_bench.run_watched(cancel, cancellation)
    assert [event.number for event in attempts if isinstance(event, StatementStarted)] == [1]
    assert nothing_of_it(users_bench)


def test_a_cancel_after_the_last_statement_stops_the_commit(users_bench: Bench) -> None:
    cancellation = Cancellation()

    def cancel(event: RunEvent) -> None:
        if isinstance(event, StatementFinished) and event.number == 2:
            cancellation.cancel("bob")

    with pytest.raises(errors.RunCancelled, match="by bob"):
        users_bench.run_watched(cancel, cancellation)
    assert nothing_of_it(users_bench)


def test_nothing_is_cancelled_once_commit_is_sent(users_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer must not be lost to a late wish."""
    cancellation, asked, send = Cancellation(), [], wire.send

    def cancel_at_commit(connection: Connection, sql: str) -> wire.Reply:
        if sql == "COMMIT":
            cancellation.cancel("bob")
        return send(connection, sql)

    monkeypatch.setattr(wire, "send", cancel_at_commit)
    monkeypatch.setattr("dashboard.engine.run.cancellation._ask_to_cancel", asked.append)
    users_bench.run_watched(lambda event: None, cancellation)
    assert asked == []
    assert users_bench.tables() == {"public.users", "public.next"}


def test_a_run_that_is_not_confirmed_under_the_lock_sends_nothing(
    users_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, held = [], []

    def refuse(log: int) -> None:
        with users_bench.database.connect() as other:
            held.append(not locks._one(other, "try_lock"))
        raise errors.ClaimLost(reason="another worker has taken the run over")

    monkeypatch.setattr(transactional, "_begin", lambda *args: begun.append(args))
    with pytest.raises(errors.ClaimLost, match="another worker has taken the run over"):
        executor.execute(
            users_bench.plan(),
            access=users_bench.access,
            attempt=Attempt(run_id="2", by="alice"),
            approval=None,
            observer=lambda event: None,
            confirm=refuse,
        )
    assert (begun, held) == ([], [True])
    assert nothing_of_it(users_bench)


@pytest.mark.parametrize("log_says", [frozenset(), frozenset({MigrationId("002", "next")})], ids=["missing", "other"])
def test_a_run_of_which_the_log_says_something_else_is_not_known(
    users_bench: Bench, monkeypatch: pytest.MonkeyPatch, log_says: frozenset[MigrationId]
) -> None:
    if log_says:
        users_bench.write("002_next.sql", "SELECT 1/0;")
    monkeypatch.setattr(RunTracking, "succeeded_steps", lambda self: log_says)
    with pytest.raises(errors.ConnectionLost, match="does not say what was told of it"):
        users_bench.execute(users_bench.plan())


def test_a_cancel_that_the_migration_forged_is_a_failure(users_bench: Bench) -> None:
    users_bench.write("002_next.sql", "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '57014'; END $$;")
    with pytest.raises(errors.StatementFailed):
        users_bench.apply()
    assert users_bench.log()[-1] == ("apply", "failed")


# Trying again


def test_no_try_begins_after_the_time_for_tries_is_over(users_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactional, "RETRY_BUDGET", 0.0)
    users_bench.write("002_next.sql", "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40P01'; END $$;")
    with pytest.raises(errors.StatementFailed):
        users_bench.apply()
    assert not [event for event in users_bench.events if isinstance(event, StepRetried)]
