"""Is this connection fit to run migrations on? Asked before every run."""

from __future__ import annotations

from psycopg import conninfo

from dashboard.engine.errors import TargetUnsuitable
from dashboard.engine.target import connection as connections
from dashboard.engine.target import sql
from dashboard.engine.target.connection import Address, Connection

OLDEST_VERSION = 130000

#: How often a second connection is compared with ours; a pooler may have several idle backends to choose from.
PROBES = 10

UNPOOLED = (
    "Use the session-mode or unpooled URL: on Railway DATABASE_UNPOOLED_URL, on Supabase port 5432 instead of 6543."
)


def examine(connection: Connection, address: Address) -> None:
    """Raise TargetUnsuitable with the remedy, or return."""
    row = connection.execute(sql.query("doctor")).fetchone()
    assert row is not None, "a SELECT without FROM has one row"
    version, standby, read_only, backend_pid = row
    if _behind_transaction_pooler(connection, address, backend_pid):
        raise _unsuitable(
            address, "its URL leads through a transaction pooler, which loses locks and settings.", UNPOOLED
        )
    if int(str(version)) < OLDEST_VERSION:
        raise _unsuitable(address, f"it runs PostgreSQL {int(str(version)) // 10000}.", "Signalbox needs 13 or newer.")
    if standby:
        raise _unsuitable(address, "it is a standby and read-only.", "Use the URL of the primary.")
    if read_only:
        raise _unsuitable(
            address, "its sessions are read-only.", "Reset default_transaction_read_only for this role or database."
        )


def _behind_transaction_pooler(connection: Connection, address: Address, backend_pid: object) -> bool:
    """A pooler tells a backend pid of its own. In session mode the server's is ours alone as long as we are connected;
    in transaction mode another connection is served by the same backend between our statements, or we by another."""
    if str(conninfo.conninfo_to_dict(address.url).get("port", "")) == "6543":
        return True
    if connection.info.backend_pid == backend_pid:
        return False
    with connections.reading(address) as other:
        return any(_pid(other) == backend_pid or _pid(connection) != backend_pid for _ in range(PROBES))


def _pid(connection: Connection) -> object:
    row = connection.execute("SELECT pg_catalog.pg_backend_pid()").fetchone()
    return row[0] if row else None


def _unsuitable(address: Address, finding: str, remedy: str) -> TargetUnsuitable:
    return TargetUnsuitable(environment=address.name, finding=finding, remedy=remedy)
