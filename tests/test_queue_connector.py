"""A worker outlives an absence of the control database."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest
from procrastinate.contrib.django import app
from procrastinate.exceptions import ConnectorException
from procrastinate.psycopg_connector import PsycopgConnector

from config import queue_connector
from config.queue_connector import PatientConnector


def failing(error: Exception, times: int) -> tuple[list[object], Any]:
    asked: list[object] = []

    async def ask(self: PsycopgConnector, *args: Any, **arguments: Any) -> dict[str, Any]:
        asked.append(args)
        if len(asked) <= times:
            raise ConnectorException from error
        return {"answer": 42}

    return asked, ask


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_connector, "PAUSE", 0.0)


@pytest.mark.parametrize("method", ["execute_query_async", "execute_query_one_async", "execute_query_all_async"])
@pytest.mark.parametrize("error", [psycopg.OperationalError("gone"), psycopg.InterfaceError("closed")], ids=repr)
def test_it_asks_again_while_nobody_answers(monkeypatch: pytest.MonkeyPatch, method: str, error: Exception) -> None:
    asked, ask = failing(error, times=3)
    monkeypatch.setattr(PsycopgConnector, method, ask)
    asyncio.run(getattr(PatientConnector(), method)("SELECT 42"))
    assert len(asked) == 4


def test_it_listens_again_after_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, ask = failing(psycopg.OperationalError("terminating connection"), times=2)
    monkeypatch.setattr(PsycopgConnector, "listen_notify", ask)
    asyncio.run(PatientConnector().listen_notify(None, iter(["jobs"])))
    assert asked == [(None, ["jobs"])] * 3


def test_what_the_database_refuses_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, ask = failing(psycopg.errors.UndefinedTable("no such table"), times=1)
    monkeypatch.setattr(PsycopgConnector, "execute_query_async", ask)
    with pytest.raises(ConnectorException):
        asyncio.run(PatientConnector().execute_query_async("SELECT 42"))
    assert len(asked) == 1


def test_its_patience_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    _, ask = failing(psycopg.OperationalError("gone"), times=10**9)
    monkeypatch.setattr(queue_connector, "PATIENCE", 0.05)
    monkeypatch.setattr(PsycopgConnector, "execute_query_async", ask)
    with pytest.raises(ConnectorException):
        asyncio.run(PatientConnector().execute_query_async("SELECT 42"))


def test_workers_use_it() -> None:
    assert isinstance(app.connector.get_worker_connector(), PatientConnector)  # type: ignore[attr-defined]
