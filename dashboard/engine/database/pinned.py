"""Queries of our own mean what they say, whatever the database, the role or a migration has set.

A search path can put another operator in front of PostgreSQL's, and then `=` in a query of ours runs somebody else's
code; a date style or a way of quoting changes the answer for the same row. A look begins with the settings below. A
session that runs migrations has the settings that its role and database give it, because the files are written for
those; there each query of ours gets our settings for itself alone, in a transaction, so that they reach neither a file
nor, behind a pooler, another client.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from dashboard.engine.database.sql import OwnQuery

#: pg_temp at the end: without being named it stands in front of all.
SETTINGS: Mapping[str, str] = {
    "search_path": "pg_catalog,pg_temp",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "quote_all_identifiers": "off",
    "row_security": "on",
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
}

#: What these ask calls functions by their full names and holds no operator: safe under any search path.
_SET = ", ".join(f"pg_catalog.set_config('{name}', '{value}', true)" for name, value in SETTINGS.items())
_TAKE = f"SELECT {_SET}"
_ASK_AND_TAKE = "SELECT " + ", ".join(f"pg_catalog.current_setting('{name}')" for name in SETTINGS) + f", {_SET}"
_GIVE_BACK = "SELECT " + ", ".join(f"pg_catalog.set_config('{name}', %s, true)" for name in SETTINGS)


class PinsOwnQueries:
    """A connection whose `execute` pins the settings for each query of ours."""

    _until_the_end = False  # of the transaction that is open

    def _send(self, query: Any, params: Any = None, **options: Any) -> Any:
        raise NotImplementedError

    def _status(self) -> TransactionStatus:
        """UNKNOWN once the connection is closed."""
        raise NotImplementedError

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        self._notice_end()
        if isinstance(query, OwnQuery):
            with self.pinned():
                return self._send(query, params, **options)
        answer = self._send(query, params, **options)
        self._notice_end()
        return answer

    @contextmanager
    def pinned(self) -> Iterator[None]:
        """For several queries of ours in the open transaction, or in one of their own: faster than one by one."""
        self._notice_end()
        status = self._status()
        if self._until_the_end or status not in {TransactionStatus.IDLE, TransactionStatus.INTRANS}:
            yield  # after an error nothing can be set; the query itself will say so
            return
        with self._in_a_transaction() if status is TransactionStatus.IDLE else self._for_now():
            yield

    def _notice_end(self) -> None:
        """The transaction can have ended without this class being called."""
        self._until_the_end = self._until_the_end and self._status() is not TransactionStatus.IDLE

    def pin(self, begin: str = "") -> None:
        """For the rest of the transaction that is open, or that `begin` opens."""
        self._send(f"{begin}{_TAKE}".encode())
        self._until_the_end = True

    @contextmanager
    def _in_a_transaction(self) -> Iterator[None]:
        self.pin("BEGIN; ")
        try:
            yield
        except BaseException:
            with suppress(psycopg.Error):
                self._send("ROLLBACK")
            raise
        finally:
            self._until_the_end = False
        self._send("COMMIT")

    @contextmanager
    def _for_now(self) -> Iterator[None]:
        before: Sequence[Any] = self._send(_ASK_AND_TAKE).fetchone()[: len(SETTINGS)]
        self._until_the_end = True
        try:
            yield
        finally:
            self._until_the_end = False
            if self._status() is TransactionStatus.INTRANS:
                self._send(_GIVE_BACK, before)


class WorkingConnection(PinsOwnQueries, psycopg.Connection[tuple[object, ...]]):
    """A connection that runs migrations."""

    def _send(self, query: Any, params: Any = None, **options: Any) -> Any:
        return psycopg.Connection.execute(self, query, params, **options)

    def _status(self) -> TransactionStatus:
        return self.info.transaction_status


@contextmanager
def pinned(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Around several queries of ours: each is safe by itself, and together they are quicker."""
    if isinstance(connection, PinsOwnQueries):
        with connection.pinned():
            yield
    else:
        yield


def pin(connection: psycopg.Connection[Any], begin: str = "") -> None:
    """For the rest of the transaction that is open, or that `begin` opens."""
    if isinstance(connection, PinsOwnQueries):
        connection.pin(begin)
    elif begin:
        connection.execute(begin.removesuffix("; ").encode())
