"""What a script does to relations that were there before it: which locks it takes, whose file it makes anew."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from dashboard.engine.database import sql
from dashboard.engine.database.connection import Connection
from dashboard.engine.rehearsal.effects import written
from dashboard.engine.rehearsal.report import ObservedLock, StatementTime
from dashboard.engine.run.events import RunEvent, StatementFinished, StatementStarted, StepRetried
from dashboard.engine.sql.statements import Statement
from dashboard.engine.sql.transaction import is_bare

#: Weakest first, as the documentation orders them.
MODES = (
    *("ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE"),
    *("SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"),
)

#: Seconds that a statement is held up at most, so that its locks are seen.
_PATIENCE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedRelation:
    name: str  # platform.users
    file: int  # pg_class.relfilenode; 0 where it is kept in none
    table: int | None  # of an index


type Relations = Mapping[int, WatchedRelation]  # by oid


def relations(connection: Connection, left_out: Collection[str]) -> Relations:
    """All but `left_out`, and the indexes and sequences of those."""
    rows = connection.execute(sql.query("relations")).fetchall()
    ours = {oid for oid, name, *_ in rows if name in left_out}
    return {
        int(str(oid)): WatchedRelation(name=str(name), file=int(str(file)), table=int(str(table)) if table else None)
        for oid, name, file, table, owner in rows
        if oid not in ours and owner not in ours
    }


def rewritten(before: Relations, after: Relations) -> tuple[str, ...]:
    """Those whose file was made anew. The indexes of such a table are too, and are not said."""
    changed = {oid for oid in before.keys() & after.keys() if before[oid].file != after[oid].file}
    return tuple(sorted(before[oid].name for oid in changed if before[oid].table not in changed))


@dataclass(slots=True, kw_only=True)
class _Held:
    mode: str
    statement: int
    since: float
    until: float


@dataclass(kw_only=True)
class Watch:
    """Listens to one script, and looks at the locks of its session from another one: after each statement, and all
    the time while a statement runs that commits by itself."""

    watched: Connection
    connection: Connection
    known: Relations
    statements: Mapping[int, Statement]
    in_one_transaction: bool
    times: list[StatementTime] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    read: set[str] = field(default_factory=set)  # from end to end
    wrote: int = 0  # rows
    spent: float = 0.0  # seconds between the statements, spent on looking
    _held: dict[int, _Held] = field(default_factory=dict)
    _begun: float = 0.0
    _emptied: set[int] = field(default_factory=set)
    _scans: Mapping[int, int] | None = None  # before the statement, or all statements of the transaction
    _over: threading.Event = field(default_factory=threading.Event)
    _sampler: threading.Thread | None = None

    def __post_init__(self) -> None:
        self._last = max(self.statements, default=0)

    def __call__(self, event: RunEvent) -> None:
        match event:
            case StatementStarted():
                self._start(self.statements[event.number])
            case StatementFinished():
                self._finish(self.statements[event.number], event.notices)
                self.wrote += written(event.tag)
            case StepRetried():
                self.times.clear()
                self._held.clear()
                self.wrote = 0
                self._scans = None

    def close(self) -> None:
        """The script has ended, one way or another."""
        self._stop_sampling()
        if self.in_one_transaction:
            for held in self._held.values():
                held.until = time.perf_counter()

    @property
    def locks(self) -> tuple[ObservedLock, ...]:
        """The strongest first."""
        locks = [
            ObservedLock(
                relation=self.known[oid].name,
                mode=held.mode,
                statement=held.statement,
                held_ms=(held.until - held.since) * 1000,
            )
            for oid, held in self._held.items()
            if not self._goes_with_its_table(oid)
        ]
        return tuple(sorted(locks, key=lambda lock: (-MODES.index(lock.mode), lock.relation)))

    def _goes_with_its_table(self, oid: int) -> bool:
        table = self._held.get(self.known[oid].table or 0)
        return table is not None and table.mode == MODES[-1]

    def _start(self, statement: Statement) -> None:
        started = time.perf_counter()
        if self.in_one_transaction or not is_bare(statement):
            self._scans = self._count_scans() if self._scans is None else self._scans
        else:
            self._sampler = self._hold_up(statement.number)
        self._begun = time.perf_counter()
        self.spent += self._begun - started
        if self._sampler:
            self._sampler.start()

    def _finish(self, statement: Statement, notices: tuple[str, ...]) -> None:
        ended = time.perf_counter()
        self._stop_sampling()
        self._note_locks(statement.number)
        ms = (ended - self._begun) * 1000
        self.times.append(StatementTime(number=statement.number, line=statement.line, summary=statement.summary, ms=ms))
        self.notices.extend(notices)
        if statement.node == "truncate_stmt":
            self._note_emptied()
        if not self.in_one_transaction or statement.number == self._last:
            self._note_scans()
        self.spent += time.perf_counter() - ended

    def _note_emptied(self) -> None:
        """TRUNCATE makes new files too, without copying anything into them. Only its own session sees that now."""
        now = relations(self.watched, ())
        emptied = {oid for oid in self.known.keys() & now.keys() if self.known[oid].file != now[oid].file}
        self.known = {oid: now[oid] if oid in emptied else relation for oid, relation in self.known.items()}
        self._emptied |= emptied

    def _note_scans(self) -> None:
        if self._scans is not None:
            before, self._scans = self._scans, None
            now = self._count_scans()
            scanned = {oid for oid, count in now.items() if count > before.get(oid, 0)}
            self.read |= {self.known[oid].name for oid in scanned & self.known.keys() - self._emptied}

    def _count_scans(self) -> Mapping[int, int]:
        rows = self.watched.execute(sql.query("sequential_scans")).fetchall()
        return {int(str(oid)): int(str(count)) for oid, count in rows}

    def _hold_up(self, number: int) -> threading.Thread:
        """What is built concurrently waits for older snapshots before its end: because of ours its locks are seen."""
        self.connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        self._note_locks(number)
        self._over.clear()
        return threading.Thread(target=self._sample, args=(number,), daemon=True)

    def _sample(self, number: int) -> None:
        patience = time.perf_counter() + _PATIENCE
        while not self._over.is_set():
            if self._note_locks(number) or time.perf_counter() > patience:
                self.connection.rollback()

    def _stop_sampling(self) -> None:
        if self._sampler:
            self._over.set()
            self._sampler.join()
            self._sampler = None
            self.connection.rollback()

    def _note_locks(self, number: int) -> bool:
        """Whether there was a lock to note."""
        now = time.perf_counter()
        rows = self.connection.execute(sql.query("relation_locks"), {"pid": self.watched.info.backend_pid}).fetchall()
        noted = [self._note_lock(int(str(oid)), _spelled(str(mode)), number, now) for oid, mode in rows]
        return any(noted)

    def _note_lock(self, oid: int, mode: str, number: int, now: float) -> bool:
        relation = self.known.get(oid)
        if relation is None or (relation.table is not None and mode != MODES[-1]):
            return False  # made by this script, or an index that goes the way of its table
        held = self._held.get(oid)
        if held is None or MODES.index(mode) > MODES.index(held.mode):
            self._held[oid] = _Held(mode=mode, statement=number, since=self._begun, until=now)
        elif held.statement == number:
            held.until = now
        return True


def _spelled(mode: str) -> str:
    """AccessExclusiveLock as ACCESS EXCLUSIVE."""
    return " ".join(re.findall("[A-Z][a-z]+", mode.removesuffix("Lock"))).upper()
