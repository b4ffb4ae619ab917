"""How many rows were ever written to each table, as the server counts them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from dashboard.engine.database import sql
from dashboard.engine.database.connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Two of them can be compared only where `since` is the same. A session is counted up to a second after it
    wrote."""

    rows: Mapping[str, int]  # inserted, updated and deleted, by table: platform.users
    since: str


#: The first version whose counts are never old, and how old those of earlier ones may be, in seconds.
COUNTS_AT_ONCE = 150_000
COUNTED_WITHIN = 0.6


def wait_until_counted(connection: Connection) -> None:
    """Wait until everything that is committed now is counted. Older servers publish their counts half a second late,
    and rows written before would look like rows that somebody wrote later."""
    if connection.info.server_version < COUNTS_AT_ONCE:
        time.sleep(COUNTED_WITHIN)


def read(connection: Connection) -> Written:
    since = connection.execute(sql.query("counted_since")).fetchone()
    rows = connection.execute(sql.query("rows_written")).fetchall()
    return Written(rows={str(table): int(str(count)) for table, count in rows}, since=str(since[0]) if since else "")
