"""What the database itself keeps from the audit log, and from whom.

The trigger refuses UPDATE, DELETE and TRUNCATE, but the owner of a table can switch its triggers off. So web and worker
connect as a role that owns nothing, where the platform allows two: `let_write` gives it what it needs.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from dashboard.models import AuditEvent

#: The connection that owns the tables, where a URL of its own is given for it.
OWNER = "owner"

ASK = """
SELECT r.rolname, r.rolsuper, pg_has_role(r.oid, c.relowner, 'MEMBER'), coalesce(t.tgenabled IN ('O', 'A'), false),
    has_table_privilege(r.oid, c.oid, 'UPDATE') OR has_table_privilege(r.oid, c.oid, 'DELETE')
        OR has_table_privilege(r.oid, c.oid, 'TRUNCATE') OR has_table_privilege(r.oid, c.oid, 'TRIGGER')
FROM pg_class c JOIN pg_roles r ON r.rolname = coalesce(%s, current_user)
LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgname = 'append_only'
WHERE c.oid = %s::regclass
"""

#: In order, each for the schema, the role and the audit table by their names. Tables of later Django migrations are
#: covered by the default privileges of the role that makes them.
GRANTS = (
    "GRANT USAGE ON SCHEMA {schema} TO {role}",
    "REVOKE CREATE ON SCHEMA {schema} FROM {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE, SELECT ON SEQUENCES TO {role}",
    "REVOKE ALL ON {table} FROM {role}",
    "GRANT SELECT, INSERT ON {table} TO {role}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What the role that this process connects as could do to the audit log."""

    role: str
    superuser: bool
    owner: bool  # of the table, or a member of the role that owns it
    may_change: bool  # has one of UPDATE, DELETE, TRUNCATE and TRIGGER
    trigger: bool  # which refuses them, is there and switched on


def look() -> Power:
    """What the role that this process connects as could do."""
    with connection.cursor() as cursor:
        power = _power(cursor, None)
    assert power is not None, "whoever is connected has a role"
    return power


def let_write(role: str) -> Power | None:
    """Grant the role what web and worker need, and of the audit log only to add and to read. As the owner. One that
    owns the log is given nothing, because it could take everything. None where there is no such role."""
    owner = connections[OWNER if OWNER in settings.DATABASES else "default"]
    with transaction.atomic(using=owner.alias), owner.cursor() as cursor:
        power = _power(cursor, role)
        if power is None or power.owner or power.superuser:
            return power
        for grant in GRANTS:
            cursor.execute(grant.format(**_quoted(owner, role)))
        return _power(cursor, role)


def _power(cursor: CursorWrapper, role: str | None) -> Power | None:
    cursor.execute(ASK, [role, f"{settings.CONTROL_SCHEMA}.{AuditEvent._meta.db_table}"])
    row = cursor.fetchone()
    if row is None:
        return None
    name, superuser, owner, trigger, may_change = row
    return Power(role=name, superuser=superuser, owner=owner, may_change=may_change, trigger=trigger)


def _quoted(owner: BaseDatabaseWrapper, role: str) -> dict[str, str]:
    quote = owner.ops.quote_name
    schema = quote(settings.CONTROL_SCHEMA)
    return {"schema": schema, "role": quote(role), "table": f"{schema}.{quote(AuditEvent._meta.db_table)}"}
