"""A run that ended in waiting for a lock: who held it is kept, and nothing is kept of a wait that was over."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection

from dashboard.engine.database import blockers
from dashboard.engine.errors import EngineError, RunCancelled, ServerError, StatementFailed
from dashboard.engine.run import monitor, transactional
from dashboard.engine.run.events import Blocked, Ending, StepEnded
from dashboard.models import Run
from dashboard.services import execution, runs
from dashboard.services.actors import Actor
from dashboard.services.recorder import Recorder
from tests.fix_project import Project
from tests.services.workflow import claim, run_on_staging, start_on_staging
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

SHOP = "shop in psql (backend 7)"


@pytest.fixture
def holding_session(project: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """A session that has read `users` and keeps its transaction open, while 002 is to alter it."""
    monkeypatch.setattr(transactional, "ATTEMPTS", 2)
    monkeypatch.setattr(transactional, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(monitor, "HEAD_START", 0.05)
    monkeypatch.setattr(monitor, "POLL", 0.05)
    project.write(_001_users="CREATE TABLE users (id int, name text);")
    run_on_staging(project, alice)
    database = project.databases["staging"]
    with database.connect(autocommit=False, application_name="the shop") as shop:
        shop.execute("SELECT * FROM users WHERE name = 'Ada'")
        yield shop


def test_who_held_the_lock_is_kept_with_the_run_that_gave_up(
    project: Project, alice: Actor, holding_session: psycopg.Connection
) -> None:
    project.write(_002_city="-- signalbox: lock_timeout=800ms\nALTER TABLE users ADD city text;")
    run = run_on_staging(project, alice)
    assert run.status == Run.Status.FAILED
    (step,) = run.steps.all()
    (blocker,) = step.blockers
    assert "the shop" in blocker
    assert f"backend {holding_session.info.backend_pid}" in blocker
    assert f"{holding_session.info.user} in " in blocker
    assert "idle in transaction" in blocker
    assert "SELECT * FROM users WHERE name = '…'" in blocker


def test_who_held_it_is_kept_with_the_run_that_was_cancelled_in_waiting(
    project: Project, alice: Actor, holding_session: psycopg.Connection
) -> None:
    project.write(_002_city="-- signalbox: lock_timeout=60s\nALTER TABLE users ADD city text;")
    run = start_on_staging(project, alice)
    thread = threading.Thread(target=work_on, args=[run])
    thread.start()
    wait_until(lambda: run.steps.get().blockers)
    runs.request_cancel(run.pk, by=alice)
    thread.join()
    run.refresh_from_db()
    assert run.status == Run.Status.CANCELLED
    assert "the shop" in run.steps.get().blockers[0]


def work_on(run: Run) -> None:
    """On a thread of its own, which has a connection of its own to close."""
    try:
        execution.execute(run.pk)
    finally:
        connection.close()


# What the recorder makes of what it is told


def failed(sqlstate: str) -> EngineError:
    error = ServerError(sqlstate=sqlstate, message="no")
    return StatementFailed(version="001", where="there", message="no", left="", error=error, remedy="")


@pytest.fixture
def recorder(project: Project, alice: Actor) -> Recorder:
    project.write(_001_users="CREATE TABLE users (id int);")
    return Recorder(claim(start_on_staging(project, alice)))


def kept(recorder: Recorder, *looks: tuple[str, ...], error: EngineError, late: bool = False) -> list[str]:
    for blockers_seen in looks:
        recorder(Blocked(position=0, blockers=blockers_seen))
    recorder(StepEnded(position=0, ending=Ending.UNDONE, error=error, ms=1, statement_ms=1))
    if late:
        recorder(Blocked(position=0, blockers=()))
    recorder.write()
    blockers: list[str] = Run.objects.get().steps.get().blockers
    return blockers


@pytest.mark.parametrize("error", [failed("55P03"), failed("40P01"), RunCancelled(by="bob", version="001")], ids=str)
def test_the_last_that_were_seen_are_kept(recorder: Recorder, error: EngineError) -> None:
    assert kept(recorder, ("another",), (SHOP,), error=error) == [SHOP]


def test_a_look_just_after_it_gave_up_takes_nothing_away(recorder: Recorder) -> None:
    assert kept(recorder, (SHOP,), (), error=failed("55P03"), late=True) == [SHOP]


def test_what_was_cancelled_later_did_not_end_in_waiting(recorder: Recorder) -> None:
    assert kept(recorder, (SHOP,), (), error=RunCancelled(by="bob", version="001")) == []


def test_an_error_of_another_kind_waited_for_nobody(recorder: Recorder) -> None:
    assert kept(recorder, (SHOP,), error=failed("23505")) == []


def test_a_wait_that_was_over_long_before_is_not_told_of(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.services.recorder.JUST_NOW", -1.0)
    assert kept(recorder, (SHOP,), (), error=failed("57014")) == []


# The sentence


def said(**changes: str) -> str:
    known = {"pid": "7", "user": "", "application": "", "client": "", "state": "", "since": "", "query": ""}
    return blockers.sentence(**{**known, **changes})


def test_what_is_not_known_is_left_out() -> None:
    assert said() == "a session (backend 7)"
    assert said(query="<insufficient privilege>") == said()


def test_a_query_is_told_by_its_first_line_without_what_stands_between_quotes() -> None:
    assert said(query="\n  ALTER ROLE a PASSWORD 'it''s';\nSELECT 2").endswith("last query: ALTER ROLE a PASSWORD '…';")
    assert "secret" not in said(query="SELECT 'secret")
    assert len(said(query="x" * 5000)) < 200


def test_a_prepared_transaction_has_no_session() -> None:
    assert "prepared" in said(pid="0")
