"""A migration runner as they are often written, and wrong on purpose: the suite must catch it in every build.

It records in another transaction than it works in, takes no lock on the target, and after a crash it trusts its
record: what is not recorded runs again.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from dashboard.engine.run.faultpoints import faultpoint

#: Its named points, in the order it passes them.
POINTS = ("connected", "begun", "body_done", "committed", "recorded")

SETUP = "CREATE TABLE naive_history (version int, at timestamptz DEFAULT now())"


def run(*, url: str, version: int, statements: Sequence[str], direction: str = "up") -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        faultpoint("connected")
        if _is_recorded(connection, version) == (direction == "up"):
            return
        with connection.transaction():
            faultpoint("begun")
            for statement in statements:
                connection.execute(statement)
            faultpoint("body_done")
        faultpoint("committed")
        _record(connection, version, direction)
        faultpoint("recorded")


def _is_recorded(connection: psycopg.Connection, version: int) -> bool:
    return bool(connection.execute("SELECT 1 FROM naive_history WHERE version = %s", (version,)).fetchone())


def _record(connection: psycopg.Connection, version: int, direction: str) -> None:
    if direction == "up":
        connection.execute("INSERT INTO naive_history VALUES (%s)", (version,))
    else:
        connection.execute("DELETE FROM naive_history WHERE version = %s", (version,))
