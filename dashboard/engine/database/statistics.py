"""How many rows were ever written to each table, as the server counts them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from dashboard.engine.database import sql
from dashboard.engine.database.connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Two of them compare only where `since` is the same. A session is counted up to a second after it wrote."""

    rows: Mapping[str, int]  # inserted, updated and deleted, by table: platform.users
    since: str


#: The first version whose counts are never old, and how old those of earlier ones may be, in seconds.
COUNTS_AT_ONCE = 150_000
COUNTED_WITHIN = 0.6


def wait_until_counted(connection: Connection) -> None:
    """What is committed by now is in the counts afterwards. Older servers hand out what they wrote down half a second
    ago, which would pass for rows that somebody writes later."""
    if connection.info.server_version < COUNTS_AT_ONCE:
        time.sleep(COUNTED_WITHIN)


def read(connection: Connection) -> Written:
    since = connection.execute(sql.query("counted_since")).fetchone()
    rows = connection.execute(sql.query("rows_written")).fetchall()
    return Written(rows={str(table): int(str(count)) for table, count in rows}, since=str(since[0]) if since else "")
