"""Runs verification files on a throw-away database, each in a transaction of its own that is undone."""

from __future__ import annotations

import psycopg

from dashboard.engine.database import wire
from dashboard.engine.database.connection import Connection
from dashboard.engine.errors import ServerError
from dashboard.engine.files.verifications import Verification
from dashboard.engine.rehearsal.report import Assertion, ScriptError
from dashboard.engine.run.failures import COPY_FROM_CLIENT, COPY_REFUSED, at, located
from dashboard.engine.sql.statements import Statement


def run(connection: Connection, check: Verification) -> Assertion:
    """Own BEGIN, COMMIT and ROLLBACK of the file are not sent: nothing of it remains."""
    connection.execute("BEGIN")
    try:
        for statement in check.script.statements:
            if statement.control is None and (error := _failure(connection, check, statement)):
                return Assertion(file=check.file, ok=False, error=error)
        return Assertion(file=check.file, ok=True)
    finally:
        if not connection.closed:
            connection.rollback()


def _failure(connection: Connection, check: Verification, statement: Statement) -> ScriptError | None:
    try:
        wire.send(connection, statement.sql)
    except wire.CopyRefused:
        refused = at(statement, COPY_REFUSED, "COPY from or to the client cannot run here")
        return script_error(refused, remedy=COPY_FROM_CLIENT.remedy)
    except psycopg.Error as error:
        return script_error(located(error, check.script.sql, statement))
    return None


def script_error(error: ServerError, *, remedy: str = "") -> ScriptError:
    return ScriptError(
        sentence=error.message,
        sqlstate=error.sqlstate,
        origin=error.origin,
        detail=error.detail,
        hint=error.hint,
        remedy=remedy,
        statement=error.statement,
        line=error.line or 0,
        column=error.column or 0,
        excerpt=error.excerpt,
    )
