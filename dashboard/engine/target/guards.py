"""Guards in the target itself against a migration that commits by itself or touches its own history."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from dashboard.engine.target import sql
from dashboard.engine.target.connection import Connection

REMEDY = (
    "Nothing of it remains. The tables schema_migrations, migration_audit_log and migration_fuse are written by "
    "Signalbox only: take the statement out; to record a migration as done, skip it with a reason."
)


@dataclass
class Seal:
    """Closed after BEGIN, opened before COMMIT. While it is closed no COMMIT and no PREPARE TRANSACTION passes."""

    connection: Connection
    schema: str
    secret: str
    _xid: str = ""
    _tables: list[int] = field(default_factory=list)

    def close(self) -> None:
        values = {"secret": self.secret, "schema": self.schema}
        row = self.connection.execute(sql.query("arm_fuse", self.schema), values).fetchone()
        assert row is not None, "the INSERT returns its row"
        self._xid, self._tables = str(row[0]), list(row[1])  # type: ignore[call-overload]

    def broken(self) -> str:
        """What the migration did to its transaction or to the tracking tables; empty when nothing."""
        values = {"tables": self._tables}
        row = self.connection.execute(sql.query("seal", self.schema), values).fetchone()
        assert row is not None, "a SELECT without FROM has one row"
        if str(row[0]) != self._xid:
            return "the migration ended the transaction of the run"
        if row[1]:
            return "the migration wrote to the tracking tables of Signalbox"
        return ""

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """For SET CONSTRAINTS in a migration, which would check the fuse with everything else."""
        self.open()
        yield
        self.connection.execute(sql.query("defer_fuse", self.schema))
        self.close()

    def open(self) -> None:
        self.connection.execute(sql.query("allow_commit"), {"secret": self.secret})
        self.connection.execute(sql.query("disarm_fuse", self.schema), {"secret": self.secret})
