"""A private PostgreSQL for the demo, the tests and rehearsals.

A server lives in one folder, its home:

    pgdata/                          the cluster; only the server's user reads it
    postgresql.conf, pg_hba.conf     ours, written at each start; ALTER SYSTEM still overrides them
    server.json                      port and password, mode 0600; none of an ephemeral server
    postgres.log, lock               what the server said; who uses the home

It listens on 127.0.0.1 and asks for the password. A watchdog starts it, holds the lock as long as it runs, and
stops it when its owner dies in whatever way; and then ends whatever the server started, in whatever session that is.
PostgreSQL refuses to run as root, so root's servers run as `nobody`. Neither has anything of the owner's environment.
"""

from dashboard.engine.localserver.installation import (
    BIN_DIR_VARIABLE,
    PostgresInstallation,
    find_installation,
    installations,
    system_installation,
)
from dashboard.engine.localserver.server import LocalServer, StopMode, remove, running, start

__all__ = [
    "BIN_DIR_VARIABLE",
    "LocalServer",
    "PostgresInstallation",
    "StopMode",
    "find_installation",
    "installations",
    "remove",
    "running",
    "start",
    "system_installation",
]
