"""Sending one statement to a target, or having it parsed: one message, no placeholders, rows thrown away as they come.

The extended protocol takes exactly one statement a message, so text that our parser and the server split
differently is refused by the server instead of half run. `%` is never a placeholder here.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import DatabaseError, Error, errors, generators, pq

from dashboard.engine.database.connection import Connection

#: Of the text of an error; what is kept of it is cut elsewhere, this only bounds what is held meanwhile.
MESSAGE_BYTES = 32_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    tag: str  # the server's command tag, e.g. "INSERT 0 3"
    rows: int  # rows that came back and were discarded


class CopyRefused(Exception):
    """The statement asked the client for data (COPY … FROM STDIN) or offered some; the connection is closed."""


def send(connection: Connection, sql: str) -> Reply:
    """Run one statement. Raises psycopg.Error as the server reports it, CopyRefused for COPY from or to the client."""
    if "\0" in sql:  # the C library would send what stands before it, and no more
        raise errors.DataError("the statement holds a NUL byte, at which PostgreSQL would stop reading")
    pgconn = connection.pgconn
    pgconn.send_query_params(sql.encode(), None)
    pgconn.set_single_row_mode()
    connection.wait(generators.send(pgconn))
    tag, rows, failure = "", 0, None
    while (result := connection.wait(generators.fetch(pgconn))) is not None:
        match result.status:
            case pq.ExecStatus.SINGLE_TUPLE:
                rows += 1
            case pq.ExecStatus.COPY_IN | pq.ExecStatus.COPY_OUT | pq.ExecStatus.COPY_BOTH:
                connection.close()
                raise CopyRefused
            case pq.ExecStatus.FATAL_ERROR:
                failure = _error(result)
            case _:
                tag = (result.command_status or b"").decode()
    if failure is not None:
        raise failure
    return Reply(tag=tag, rows=rows)


def parse(connection: Connection, sql: str) -> None:
    """Have the text parsed, and nothing more. Raises psycopg.Error as the server reports it."""
    if "\0" in sql:
        raise errors.DataError("the text holds a NUL byte, at which PostgreSQL would stop reading")
    pgconn = connection.pgconn
    pgconn.send_prepare(b"", sql.encode())
    connection.wait(generators.send(pgconn))
    failure = None
    while (result := connection.wait(generators.fetch(pgconn))) is not None:
        if result.status == pq.ExecStatus.FATAL_ERROR:
            failure = _error(result)
    if failure is not None:
        raise failure


def _error(result: pq.abc.PGresult) -> Error:
    """The error as psycopg makes it, but without the text that libpq puts together from all parts: each can be huge."""
    sqlstate = result.error_field(pq.DiagnosticField.SQLSTATE)
    if not sqlstate:  # not from the server: the connection broke
        return errors.error_from_result(result)
    primary = result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b""
    return _class_of(sqlstate.decode())(primary[:MESSAGE_BYTES].decode(errors="replace"), info=result)


def _class_of(sqlstate: str) -> type[Error]:
    try:
        return errors.lookup(sqlstate)
    except KeyError:
        return DatabaseError
