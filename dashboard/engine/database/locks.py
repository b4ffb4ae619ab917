"""The target lock: one run per target at a time, across processes and machines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.sql import Composed

from dashboard.engine.database import sql
from dashboard.engine.database.connection import Connection
from dashboard.engine.errors import TargetBusy

#: Advisory locks are per database, so one constant key is enough. "SGBX" in ASCII.
KEY = {"class": 0x53474258, "key": 1}

#: Seconds between two tries.
POLL = 0.2


@contextmanager
def held(connection: Connection, environment: str, *, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock on the working connection. Polls for `wait` seconds, never inside a transaction.

    Raises TargetBusy, saying who holds it.
    """
    deadline = time.monotonic() + wait
    while not _call(connection, "try_lock"):
        if time.monotonic() >= deadline:
            raise TargetBusy(environment=environment, holder=_holder(connection))
        time.sleep(POLL)
    try:
        yield
    finally:
        if not connection.closed:
            _release(connection)


def _release(connection: Connection) -> None:
    try:
        _call(connection, "unlock")
    except psycopg.Error:
        if not connection.closed:
            raise
        # The connection broke just now, and the lock ended with its session.


def hold_in_transaction(connection: Connection) -> None:
    connection.execute(sql.query("lock_transaction"), KEY)


def is_held(connection: Connection) -> bool:
    return _one(connection, "lock_held")


def _one(connection: Connection, query: str) -> bool:
    row = connection.execute(sql.query(query), KEY).fetchone()
    return bool(row and row[0])


def _call(connection: Connection, query: str) -> bool:
    """Not pinned, which spares two messages: it calls one function of PostgreSQL's by its full name with two numbers,
    and that means the same under all settings."""
    row = connection.execute(Composed(list(sql.query(query))), KEY).fetchone()
    return bool(row and row[0])


def _holder(connection: Connection) -> str:
    row = connection.execute(sql.query("lock_holder"), KEY).fetchone()
    return f"{row[0]} (backend {row[1]}, connected {row[2]})" if row else "it ended just now"
