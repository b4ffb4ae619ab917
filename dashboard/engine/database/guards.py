"""Guards in the target itself, against a migration that commits by itself or changes its own history."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from psycopg import sql as composing

from dashboard.engine.database import locks, messages, sql
from dashboard.engine.database.connection import Connection
from dashboard.engine.database.pinned import pinned
from dashboard.engine.database.tracking import Attempt, RunTracking, TrackingTables
from dashboard.engine.errors import ServerError
from dashboard.engine.plan import Action, Step

#: For `format`, with the schema of the tracking tables.
REMEDY = (
    "schema_migrations, migration_audit_log and migration_fuse are Signalbox's own: take the statement out, or where "
    "it goes through all tables, constraints or objects of an owner, leave out their schema (AND n.nspname <> "
    "'{schema}'). To record a migration as done, skip it with a reason."
)

#: What an error of the server names when a migration met one of them.
OURS = ("migration_fuse", "schema_migrations", "migration_audit_log", "fuse_pair")
_MADE_BY_US = "42P06"  # duplicate_schema


def remedy_of(error: ServerError, schema: str) -> str:
    """What helps where a migration met our tables without meaning to; empty where it did not."""
    if error.sqlstate == _MADE_BY_US and messages.names_schema(error, schema):
        return (
            f"Signalbox keeps its history in the schema {schema} and made it before this file ran. Write CREATE SCHEMA "
            f"IF NOT EXISTS {schema}, or give Signalbox another one (SIGNALBOX_TRACKING_SCHEMA) before its first run."
        )
    if messages.names_any(error, OURS):
        return REMEDY.format(schema=schema)
    return ""


@contextmanager
def tried(tables: TrackingTables) -> Iterator[None]:
    """Everything that a run does to the tracking tables around a migration, done and undone, so that an objection of
    the database is raised now."""
    connection = tables.connection
    with connection.transaction(force_rollback=True):
        if not tables.is_prepared():
            locks.hold_in_transaction(connection)
            tables.prepare()
        tables.set_log_sequence_right()
        seal = Seal(tables, secrets.token_hex(8))
        seal.close()
        seal.open()
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        written = RunTracking(connection, tables.schema, Attempt(run_id="doctor", by="signalbox doctor"))
        written.record(_TRIED, ms=0)
        written.record(replace(_TRIED, action=Action.ROLLBACK), ms=0)
        yield


#: A number, because the table of another make may take nothing else.
_TRIED = Step(
    action=Action.APPLY,
    version="999999999",
    name="signalbox_doctor",
    key="999999999",
    file="",
    sql="",
    checksum="0" * 64,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionState:
    """What must be the same before and after a migration's statements, and whether it locked a tracking table."""

    transaction: str
    guards: str
    wrote: bool


@dataclass
class Seal:
    """Closed after BEGIN, opened before COMMIT. While it is closed no COMMIT and no PREPARE TRANSACTION passes."""

    tables: TrackingTables
    secret: str
    _at_first: TransactionState | None = None

    def close(self) -> None:
        with pinned(self.tables.connection):
            self._execute("arm_fuse")
            self._at_first = self._at_first or transaction_state(self.tables)

    def is_ours(self) -> bool:
        """Whether this is still the transaction that was begun."""
        return self._at_first is not None and transaction_state(self.tables).transaction == self._at_first.transaction

    def broken(self) -> str:
        """What the migration did to its transaction or to the tracking tables; empty when nothing."""
        now = transaction_state(self.tables)
        assert self._at_first is not None, "closed before"
        if now.transaction != self._at_first.transaction:
            return "the migration ended the transaction of the run"
        return harm_done(self._at_first, now)

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """For SET CONSTRAINTS in a migration, which would check the fuse with everything else."""
        self.open()
        yield
        self.tables.connection.execute(sql.query("defer_fuse", self.tables.schema))
        self.close()

    def open(self) -> None:
        with pinned(self.tables.connection):
            self._execute("allow_commit")
            self._execute("disarm_fuse")

    def _execute(self, query: str) -> None:
        self.tables.connection.execute(sql.query(query, self.tables.schema), {"secret": self.secret})


def transaction_state(tables: TrackingTables) -> TransactionState:
    row = tables.connection.execute(sql.query("seal"), {"schema": tables.schema}).fetchone()
    assert row is not None, "a SELECT without FROM has one row"
    return TransactionState(transaction=str(row[0]), guards=str(row[1]), wrote=bool(row[2]))


@dataclass(frozen=True, slots=True, kw_only=True)
class RowContent:
    """Every row and column of both tables at one moment, as a sum over each."""

    history: str
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowVersions:
    """Which versions of rows both tables have at one moment. Whoever writes a row makes another version of it."""

    history: str
    log: str


def content(tables: TrackingTables, own: Sequence[int]) -> RowContent:
    """`own` are the transactions of rows in the log that are left out."""
    return RowContent(history=tables.fingerprint(), log=tables.log_fingerprint(own))


def row_versions(tables: TrackingTables, own: Sequence[int]) -> RowVersions:
    """The rows of the transactions `own` are left out of the log, and only counted: each has one."""
    row = tables.connection.execute(sql.query("row_versions", tables.schema), {"own": list(own)}).fetchone()
    assert row is not None, "sums over no rows are a row, too"
    return RowVersions(history=str(row[0]), log=str(row[1]))


def changed_content(before: RowContent, tables: TrackingTables, own: Sequence[int]) -> str:
    """What was done to the rows, as a clause; empty when nothing."""
    if tables.fingerprint() != before.history:
        return HISTORY_CHANGED
    if tables.log_fingerprint(own) != before.log:
        return "the migration changed the log that Signalbox keeps"
    return ""


def transaction_number(tables: TrackingTables) -> int:
    """The number of the transaction that is open, as rows have it that it writes."""
    row = tables.connection.execute(sql.query("transaction_number")).fetchone()
    assert row is not None, "a SELECT without FROM has one row"
    return int(str(row[0])) % _NUMBERS


#: How many numbers of transactions there are in rows, which then begin again.
_NUMBERS = 2**32


HISTORY_CHANGED = "the migration changed the history that Signalbox keeps"
#: The sequence of the log among them.
GUARDS_CHANGED = "the migration changed how Signalbox keeps or guards its tracking tables"


def close_cursors(connection: Connection) -> None:
    """Close the cursors WITH HOLD that this transaction opened: their query would run at COMMIT, after every check.
    Older ones stay."""
    for (name,) in connection.execute(sql.query("cursors_opened")).fetchall():
        connection.execute(composing.SQL("CLOSE {}").format(composing.Identifier(str(name))))


def harm_done(before: TransactionState, now: TransactionState) -> str:
    """What was done to the tracking tables between two moments of one transaction; empty when nothing."""
    if now.wrote:
        return "the migration wrote to the tracking tables of Signalbox"
    if now.guards != before.guards:
        return GUARDS_CHANGED
    return ""
