"""Runs verification files on a throw-away database, each in a transaction of its own that is undone."""

from __future__ import annotations

import psycopg

from dashboard.engine.database import wire
from dashboard.engine.database.connection import Connection
from dashboard.engine.errors import ServerError
from dashboard.engine.files.verifications import Verification
from dashboard.engine.rehearsal.report import Assertion, ScriptError
from dashboard.engine.run.session import at, located
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
        return script_error(at(statement, "0A000", "COPY from or to the client cannot run here"))
    except psycopg.Error as error:
        return script_error(located(error, check.script.sql, statement))
    return None


def script_error(told: ServerError) -> ScriptError:
    return ScriptError(
        sentence=told.message,
        sqlstate=told.sqlstate,
        detail=told.detail,
        hint=told.hint,
        statement=told.statement,
        line=told.line or 0,
        column=told.column or 0,
        excerpt=told.excerpt,
    )
