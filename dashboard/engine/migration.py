"""The engine's values: what a folder holds and what a target remembers.

All of them are frozen; none knows where it came from or what will be done with it.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from dashboard.engine.sql.statements import Statement


class Direction(StrEnum):
    UP = "up"
    DOWN = "down"


class Severity(StrEnum):
    ERROR = "error"  # the file is not run until this is mended
    WARNING = "warning"  # runs, and people should know
    NOTE = "note"  # read and accounted for; nothing to do


class FileRole(StrEnum):
    MIGRATION = "migration"
    ROLLBACK = "rollback"
    VERIFY = "verify"  # a test or check file; never applied
    PROBLEM = "problem"  # a file that is none of these; always shown


class Kind(StrEnum):
    """What a row of the tracking table records."""

    APPLIED = "applied"  # its statements committed here
    BASELINE = "baseline"  # recorded as applied without running
    SKIPPED = "skipped"  # a person decided it does not run here, with a reason
    REPEATABLE = "repeatable"  # its statements committed here, and they run again when its text changes


#: The statements of such a row committed here.
_RAN = frozenset({Kind.APPLIED, Kind.REPEATABLE})


def checksum(sql: str) -> str:
    """sha256 hex of the text with LF line ends; the seed's algorithm, so its rows compare equal."""
    return hashlib.sha256(sql.replace("\r\n", "\n").encode()).hexdigest()


#: How the reason of a row begins that was taken from the history of another tool.
IMPORTED = "Imported from"
#: Such a reason, told from one that a person typed about a dump.
_IMPORTED = re.compile(rf"{IMPORTED} ([^,]+), which applied it ")
#: A checksum that means "unknown": the seed's backfill writes this word. Never a mismatch.
UNKNOWN_CHECKSUM = "manual"
UNKNOWN_CHECKSUMS = frozenset({UNKNOWN_CHECKSUM, ""})


#: A timestamp to the second that has more digits behind it, as Diesel's generator and others write.
_LONG_TIMESTAMP = re.compile(r"((?:19|20|21)[0-9]{12})[0-9]+")
#: A day, or a time on it to the hour or the minute.
_SHORT_TIMESTAMP = re.compile(r"(?:19|20|21)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[0-9]{2}){0,2}")
_DIGITS_TO_THE_SECOND = 14
_NUMBERS = re.compile(r"[0-9]+(?:[._][0-9]+)*")
_BETWEEN_NUMBERS = re.compile(r"[._]")


#: What the version of a repeatable migration begins with, as in Flyway. The version of every other one begins with a
#: digit, so the two never meet.
REPEATABLE_PREFIX = "R__"


def repeatable_version(name_or_number: str) -> str:
    """`R__views` of a file without a number, `R__010` of one that has one."""
    return f"{REPEATABLE_PREFIX}{name_or_number}"


#: Sort key of a version.
type VersionKey = tuple[tuple[float, ...], str]


def version_key(version: str) -> VersionKey:
    """By number, then by text, so that 010 follows 9 and 0010 stays beside 10; a version of several numbers, like 1.2
    or 20240101_02, by each of them.

    Digits behind a timestamp break ties only: 202605271300000000 comes before 20260601000000. A day comes before
    the times on it: 20250625 between 20250624235959 and 20250625000000. Repeatable migrations follow all others: first
    those with a number, then those with a name alone.
    """
    if version.startswith(REPEATABLE_PREFIX):
        rest = version.removeprefix(REPEATABLE_PREFIX)
        return (math.inf, *(numbers_of(rest) if _NUMBERS.fullmatch(rest) else (math.inf,))), version
    timestamp = _LONG_TIMESTAMP.fullmatch(version)
    return numbers_of(timestamp[1] if timestamp else version), version


def numbers_of(version: str) -> tuple[int, ...]:
    """Zeros at the end make no difference: 1 is 1.0."""
    if not _NUMBERS.fullmatch(version):
        return (0,)
    first, *others = _BETWEEN_NUMBERS.split(version)
    parts = [_number_of(first), *map(int, others)]
    while len(parts) > 1 and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def _number_of(digits: str) -> int:
    """A day is a number right below the first second on it, where no second is."""
    if _SHORT_TIMESTAMP.fullmatch(digits):
        return int(digits.ljust(_DIGITS_TO_THE_SECOND, "0")) - 1
    return int(digits)


class MigrationId(NamedTuple):
    """What a migration is known by. Equal to the plain pair; ordered as migrations run, by number and then name."""

    version: str
    name: str

    @property
    def label(self) -> str:
        return self.version if self.version == repeatable_version(self.name) else f"{self.version}_{self.name}"

    @property
    def key(self) -> tuple[VersionKey, str]:
        """Sort key."""
        return (version_key(self.version), self.name)

    def __lt__(self, other: tuple[str, ...]) -> bool:
        return self.key < MigrationId(*other).key

    def __le__(self, other: tuple[str, ...]) -> bool:
        return self.key <= MigrationId(*other).key

    def __gt__(self, other: tuple[str, ...]) -> bool:
        return self.key > MigrationId(*other).key

    def __ge__(self, other: tuple[str, ...]) -> bool:
        return self.key >= MigrationId(*other).key


class Identified:
    """A value or a row about one migration, with both parts of its identity in fields of its own."""

    __slots__ = ()

    version: str
    name: str

    @property
    def identity(self) -> MigrationId:
        return MigrationId(self.version, self.name)

    @property
    def label(self) -> str:
        return self.identity.label

    @property
    def is_repeatable(self) -> bool:
        """It runs after all others, and again whenever its text changes; nothing takes it back."""
        return self.version.startswith(REPEATABLE_PREFIX)


#: Codes of problems that other modules ask for.
DUPLICATE_VERSION = "duplicate_version"
NO_ROLLBACK = "no_rollback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong (or worth knowing) about one file. `line` and `column` are 1-based; `tool` is the one whose mark
    stands there, where it is another tool's."""

    code: str
    severity: Severity
    file: str
    sentence: str
    advice: str
    line: int | None = None
    column: int | None = None
    excerpt: str = ""
    tool: str = ""

    @property
    def is_duplicate(self) -> bool:
        """Its file shares its number with others."""
        return self.code == DUPLICATE_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The text of one file as it is sent: UTF-8, LF line ends, no byte order mark.

    A file that cannot be read or parsed has no statements and an error-level Problem in its Migration.
    Where only a part of its file is run, `sql` is that part with everything else blanked, so that lines keep their
    numbers. `checksum` covers the text of the whole file; `checksum_sql` the tokens of `sql`, comments and blanks left
    out ("" if unreadable).
    """

    file: str
    sql: str
    checksum: str
    checksum_sql: str
    statements: tuple[Statement, ...] = ()
    directives: Mapping[str, str] = field(default_factory=dict)  # its own `-- signalbox:` lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration(Identified):
    """One SQL change. Its identity is (version, name); two files may share a version (a conflict)."""

    version: str
    name: str
    up: Script
    down: Script | None = None
    directives: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    @property
    def is_in_one_file(self) -> bool:
        """What undoes it stands in the file that makes it, so both have the checksum of all of it."""
        return self.down is not None and self.down.checksum == self.up.checksum

    @property
    def usable_down(self) -> str | None:
        """The down SQL that would be captured with an apply; None where there is none that can run. A repeatable
        migration has none: of what ran before nobody could say which text it would undo."""
        if self.is_repeatable or self.down is None or self.errors(Direction.DOWN) or not self.down.statements:
            return None
        return self.down.sql

    def errors(self, direction: Direction = Direction.UP) -> tuple[Problem, ...]:
        """Problems that forbid running this direction."""
        script = self.up if direction is Direction.UP else self.down
        return tuple(
            p for p in self.problems if p.severity is Severity.ERROR and script is not None and p.file == script.file
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """Where one file of the folder went: every file has exactly one."""

    file: str
    role: FileRole
    version: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadFile:
    """A file that may be a migration and that no format reads. `version`: the number it has its place by, if any."""

    file: str
    version: str | None
    error: Problem

    def is_before(self, version: str) -> bool:
        """It would run before `version` or with it, as far as its name tells."""
        return self.version is not None and version_key(self.version)[0] <= version_key(version)[0]


class Readable(Protocol):
    """A file of a folder, wherever that is kept."""

    @property
    def name(self) -> str: ...

    def content(self, limit: int) -> bytes:
        """At most `limit` bytes of it. Raises OSError."""


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A migrations folder, read. `problems` holds all problems, those of the migrations too."""

    source: str
    format: str
    files: tuple[FileEntry, ...]
    migrations: tuple[Migration, ...]  # by version_key, then name
    problems: tuple[Problem, ...]
    #: The verification files, by their names.
    tests: Mapping[str, Readable] = field(default_factory=dict, repr=False, compare=False)
    commit: str = ""  # the id of the commit that it is of; empty for a folder on disk
    #: Of a folder as one environment has it: what is for other environments only. It is in no plan there.
    elsewhere: tuple[Migration, ...] = ()
    #: Its tool knows a migration by its whole name: of those with one number, the second is 1.2, the third 1.3 …
    named_in_full: bool = False

    @property
    def every(self) -> tuple[Migration, ...]:
        """Also what is for other environments."""
        return self.migrations + self.elsewhere

    def find(self, migration: MigrationId) -> Migration | None:
        return self._by_identity.get(migration)

    def find_elsewhere(self, migration: MigrationId) -> Migration | None:
        """One that is for other environments only."""
        return _first_of_each(self.elsewhere).get(migration)

    @cached_property
    def unread(self) -> Sequence[UnreadFile]:
        """In the order of their numbers; those without one follow the last migration."""
        shared = {"bad_metadata"}  # an error of the migration that it is about, too
        errors = {p.file: p for p in reversed(self.problems) if p.severity is Severity.ERROR and p.code not in shared}
        files = [
            UnreadFile(file=entry.file, version=entry.version, error=errors[entry.file])
            for entry in self.files
            if entry.role is FileRole.PROBLEM and entry.file in errors
        ]
        return sorted(files, key=lambda u: (u.version is None, version_key(u.version or ""), u.file))

    @cached_property
    def _by_identity(self) -> Mapping[MigrationId, Migration]:
        return _first_of_each(self.migrations)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedMigration(Identified):
    """One row of the tracking table.

    `success` False is a failed attempt where no success stands. `forward_script` and `rollback_script` are what
    was captured at apply time (None where a reader did not ask for them, or an older tool wrote the row).
    """

    version: str
    name: str
    key: str = ""  # the row's primary key: the version, but for a skipped file that shares its version
    applied_at: datetime | None
    checksum: str
    checksum_sql: str = ""
    execution_time_ms: int | None = None
    success: bool = True
    error_message: str | None = None
    kind: Kind = Kind.APPLIED
    applied_by: str = ""
    run_id: str = ""
    attempt_id: str = ""  # empty where an older Signalbox, or something else, wrote the row
    has_rollback: bool = False
    forward_script: str | None = None
    rollback_script: str | None = None

    @property
    def was_imported(self) -> bool:
        """Another tool had applied it, says its reason."""
        return bool(self.imported_from)

    @property
    def imported_from(self) -> str:
        """The tool that had applied it, says its reason; empty where it was not imported."""
        match = _IMPORTED.match(self.error_message or "") if self.success and self.run_id else None
        return match[1] if match else ""

    @property
    def was_run_by_hand(self) -> bool:
        """Signalbox recorded it as applied by the word of a person, which is its reason."""
        return not self.was_imported and self.success and self.kind in _RAN and bool(self.run_id and self.error_message)

    @property
    def run_key(self) -> str:
        """What names the run that wrote it: its attempt, or in older rows its number."""
        return self.attempt_id or self.run_id


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One statement that ran outside a transaction. `done` False: it was started, and nobody knows what it did."""

    statement: int  # 1-based
    checksum: str  # of its text
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished(Identified):
    """A migration that left something behind outside a transaction. Until a person settles it, nothing else runs."""

    version: str
    name: str
    action: str  # apply or rollback
    entries: tuple[JournalEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedSuccess(Identified):
    """What the append-only log of a target says was done with a migration, where its row in the history says something
    else: the row is gone, is marked as failed, or has another checksum. Only a hand does that."""

    version: str
    name: str
    at: datetime | None
    by: str = ""
    run_id: str = ""
    checksum: str = ""  # of the text that ran; empty where an older Signalbox wrote the log
    was_skipped: bool = False  # it did not run: a person decided so
    failed_since: bool = False  # an attempt to run it again has failed
    was_changed: bool = False  # the checksum is that of changed SQL, which a person accepted: another text ran


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallationSeen:
    """A Signalbox that has written into the log of a target, and its last deed there."""

    identity: str
    by: str
    at: datetime
    protects: bool = False  # it asks for approvals there, as its last row says

    @property
    def named(self) -> str:
        return f"{self.identity[:8]}, last used by {self.by} at {self.at:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherHistory:
    """A table in which another tool keeps what it has run, and by which keys it knows that."""

    tool: str  # the name of its importer
    title: str  # what people call the tool
    table: str
    keys: tuple[str, ...] | None  # None: it cannot be read

    @property
    def label(self) -> str:
        """dbmate (public.schema_migrations)."""
        return f"{self.title} ({self.table})"


@dataclass(frozen=True, kw_only=True)
class History:
    """What one target remembers. `exists` is False where there is no tracking table yet."""

    exists: bool
    rows: tuple[AppliedMigration, ...] = ()
    rolled_back: frozenset[MigrationId] = frozenset()  # those whose last event was a rollback
    unfinished: tuple[Unfinished, ...] = ()
    contradicted: tuple[LoggedSuccess, ...] = ()  # what the log says and the rows do not
    #: The number in the log of the last entry that changed where a migration stands. It tells of two histories with the
    #: same rows that something was done and undone between them.
    last_deeds: Mapping[MigrationId, int] = field(default_factory=dict)
    installations: tuple[InstallationSeen, ...] = ()
    elsewhere: tuple[OtherHistory, ...] = ()  # looked for only where another tool may have run something

    def row(self, migration: MigrationId) -> AppliedMigration | None:
        return self._by_identity.get(migration)

    def contradiction(self, migration: MigrationId) -> LoggedSuccess | None:
        return self._contradictions.get(migration)

    @cached_property
    def _contradictions(self) -> Mapping[MigrationId, LoggedSuccess]:
        return {entry.identity: entry for entry in self.contradicted}

    @cached_property
    def _by_identity(self) -> Mapping[MigrationId, AppliedMigration]:
        return _first_of_each(self.rows)

    def to_dict(self) -> dict[str, Any]:
        """For keeping as JSON."""
        rows = [{**asdict(r), "applied_at": r.applied_at.isoformat() if r.applied_at else None} for r in self.rows]
        unfinished = [asdict(u) for u in self.unfinished]
        return {
            "exists": self.exists,
            "rows": rows,
            "rolled_back": sorted(self.rolled_back),
            "unfinished": unfinished,
            "contradicted": [{**asdict(c), "at": c.at.isoformat() if c.at else None} for c in self.contradicted],
            "last_deeds": [[*identity, number] for identity, number in sorted(self.last_deeds.items())],
            "installations": [{**asdict(i), "at": i.at.isoformat()} for i in self.installations],
            "elsewhere": [asdict(other) for other in self.elsewhere],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> History:
        return cls(
            exists=data["exists"],
            rows=tuple(_row_from(row) for row in data["rows"]),
            rolled_back=frozenset(MigrationId(*identity) for identity in data["rolled_back"]),
            unfinished=tuple(_unfinished_from(item) for item in data["unfinished"]),
            contradicted=tuple(LoggedSuccess(**_dated(item)) for item in data.get("contradicted", ())),
            last_deeds={MigrationId(*identity): number for *identity, number in data.get("last_deeds", ())},
            installations=tuple(InstallationSeen(**_dated(item)) for item in data.get("installations", ())),
            elsewhere=tuple(_elsewhere_from(item) for item in data.get("elsewhere", ())),
        )


def _first_of_each[T: (Migration, AppliedMigration)](items: Iterable[T]) -> Mapping[MigrationId, T]:
    by_identity: dict[MigrationId, T] = {}
    for item in items:
        by_identity.setdefault(item.identity, item)
    return by_identity


def _elsewhere_from(data: dict[str, Any]) -> OtherHistory:
    return OtherHistory(**{**data, "keys": None if data["keys"] is None else tuple(data["keys"])})


def _dated(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "at": datetime.fromisoformat(data["at"]) if data["at"] else None}


def _unfinished_from(data: dict[str, Any]) -> Unfinished:
    return Unfinished(**{**data, "entries": tuple(JournalEntry(**entry) for entry in data["entries"])})


def _row_from(data: dict[str, Any]) -> AppliedMigration:
    applied_at = datetime.fromisoformat(data["applied_at"]) if data["applied_at"] else None
    return AppliedMigration(**{**data, "applied_at": applied_at, "kind": Kind(data["kind"])})
