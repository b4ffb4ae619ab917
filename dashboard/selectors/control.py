"""Which database the control database is, told by its own server: people, requests and approvals are kept there. And
what is wrong with one that cannot be asked."""

from __future__ import annotations

from django.conf import settings
from django.db import Error, connection

from dashboard.engine.database import sql
from dashboard.engine.plan import TargetIdentity
from dashboard.models import Installation
from dashboard.models.failures import Failure
from dashboard.models.installations import Home


def identity() -> TargetIdentity:
    """Asked anew each time. Its system identifier is empty where the role may not ask for it."""
    with connection.cursor() as cursor:
        cursor.execute(sql.query("may_tell_server").as_string())
        (may_tell_server,) = cursor.fetchone()
        cursor.execute(sql.query("identity" if may_tell_server else "identity_by_name").as_string())
        system, database, oid = cursor.fetchone()
    return TargetIdentity(system_identifier=str(system), database=str(database), database_oid=int(oid))


def identity_if_reachable() -> TargetIdentity | None:
    """For a command that needs no control database."""
    try:
        return identity()
    except Error:
        return None


#: A table, a column or a schema is not there.
_UNPREPARED = frozenset({"42P01", "42703", "3F000"})


def failure(error: Error) -> Failure:
    """Why it cannot be asked, and what to do."""
    if getattr(error.__cause__, "sqlstate", None) in _UNPREPARED:
        sentence, remedy = "The control database has no tables of this version yet.", "Run `manage.py migrate`."
    else:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".?")
        sentence = f"The control database cannot be asked: {reason}."
        remedy = "Check SIGNALBOX_DATABASE_URL, and that this database answers."
    return Failure(code="control_database", sentence=sentence, remedy=remedy)


def home() -> Home:
    """Where the control database lives, asked anew each time: of this connection, and so of this transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)::oid::bigint", [Installation._meta.db_table])
        (table,) = cursor.fetchone()
    database = identity()
    return Home(
        system_identifier=database.system_identifier,
        database_oid=database.database_oid,
        table_oid=int(table),
        deployment=settings.DEPLOYMENT,
    )
