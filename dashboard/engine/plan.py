"""What people approve: the target, the history it was computed from, the ordered steps with their exact bytes, the
policy. Its digest changes with any of them, and the executor computes it again under the lock.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, NamedTuple, Self

from dashboard.engine.migration import AppliedMigration, History, Identified, Kind, LoggedSuccess, MigrationId, checksum


class Action(StrEnum):
    """What is done with migrations: by a plan, by each of its steps, and so by a request, a run and a rehearsal.

    Beside its value, each names itself as the title of a plan does: "Apply 009 to Production".
    """

    verb: str
    preposition: str

    # run the up script, record it as applied
    APPLY = "apply", "Apply", "to"
    # run the down script captured at apply time, remove the record
    ROLLBACK = "rollback", "Roll back"
    # record as skipped, with a reason; nothing is run
    SKIP = "skip", "Skip"
    # remove a skip, so that the migration is pending again
    UNSKIP = "unskip", "Unskip"
    # take away what a broken-off CONCURRENTLY left half done
    REPAIR = "repair", "Repair"
    # a person has undone by hand what a broken-off migration left; it may start over
    RESET = "reset", "Start over"
    # put saved rows back to where they came from
    BRING_BACK = "bring_back", "Bring back the saved rows of"
    # record the text of a file whose comments changed since it was applied; nothing is run
    ACCEPT = "accept", "Accept the edited comments of"
    # record the text of a file whose SQL changed since it was applied; the database keeps what the old text did
    ACCEPT_CHANGE = "accept_change", "Accept the changed SQL of"
    # make the row of the history say again what the log says; nothing is run
    RESTORE_RECORD = "restore_record", "Restore the record of"
    # record as applied what a person has run with another program; nothing is run
    MARK_APPLIED = "mark_applied", "Mark as applied"
    # record everything up to a version as applied, by a person's word; nothing is run
    BASELINE = "baseline", "Baseline"
    # record as applied what another tool has applied, by its own table; nothing is run
    IMPORT = "import", "Import"

    def __new__(cls, value: str, verb: str = "", preposition: str = "on") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.verb = verb
        member.preposition = preposition
        return member

    @property
    def runs_migrations(self) -> bool:
        """It sends the SQL of migrations, in one direction or the other."""
        return self in {Action.APPLY, Action.ROLLBACK}

    @property
    def takes_from_files(self) -> bool:
        """What it takes from the files must still be there, the same, when it is run."""
        return self in {Action.APPLY, Action.SKIP, *_RECORDS_FILES}

    @property
    def captures_rollback(self) -> bool:
        """The rollback of the file is kept with its record."""
        return self in {Action.APPLY, Action.MARK_APPLIED}

    @property
    def only_records(self) -> bool:
        """It writes the history and sends no SQL of a migration. All its steps are one transaction."""
        return self in {Action.SKIP, Action.UNSKIP, *_RECORDS_FILES}

    @property
    def can_be_rolled_back(self) -> bool:
        """Afterwards there may be a rollback: the script captured with it."""
        return self is Action.APPLY

    @property
    def is_by_hand(self) -> bool:
        """It says that a migration is applied, or not, without one having run to its end."""
        return self in {Action.SKIP, Action.UNSKIP, Action.REPAIR, Action.RESET, *_RECORDS_FILES} - {Action.ACCEPT}


#: After these a migration stands, or does not any more: another tool whose table is written to hears of them.
DUAL_WRITTEN = frozenset({Action.APPLY, Action.MARK_APPLIED, Action.BASELINE, Action.ROLLBACK})

#: They write into the history what a file says, or how it stood.
_RECORDS_FILES = frozenset(
    {
        Action.ACCEPT,
        Action.ACCEPT_CHANGE,
        Action.RESTORE_RECORD,
        Action.MARK_APPLIED,
        Action.BASELINE,
        Action.IMPORT,
    }
)


#: Of more reasons, so many are told with a plan.
_REASONS = 3
#: The code of the warning that a rehearsal makes needless.
UNPROVEN = "unproven_rollback"
#: The code of the warning that part of what runs is put together while it runs.
DYNAMIC = "dynamic_sql"
#: The code of the warning that a rehearsal saw a migration leave everything as it was.
CHANGES_NOTHING = "changes_nothing"
#: The code of the warning that a repeatable migration is not rolled back.
STAYS = "repeatable_stays"
#: The code of the warning that another tool keeps a history of what would be applied.
NOT_IMPORTED = "not_imported"
#: The code of the warning that another tool's table gets its rows, too.
WRITES_TWICE = "dual_write"
#: The codes of the warnings that the history and the log of a target contradict each other: states of migrations.
CONTRADICTED = frozenset({"unrecorded", "altered"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetIdentity:
    """Which database this is, told by the server itself; a swapped URL or a restored copy differs."""

    system_identifier: str
    database: str
    database_oid: int

    def may_be(self, other: TargetIdentity) -> bool:
        """Whether both can be the same database: one with an unknown server can be on any."""
        servers = {self.system_identifier, other.system_identifier}
        same_server = len(servers) == 1 or "" in servers
        return same_server and (self.database, self.database_oid) == (other.database, other.database_oid)

    def change_to(self, other: TargetIdentity) -> str:
        """How the other one differs, in words that follow the name of a URL."""
        is_same_server = self.system_identifier == other.system_identifier
        where = "on the same server" if is_same_server else "on another server"
        renamed = self.database != other.database
        database = other.database if renamed else f"another database called {other.database}"
        if is_same_server and self.database_oid == other.database_oid:
            where = "which is the same one renamed"
        return f"led to {self.database} and now leads to {database}, {where}"


class OutOfOrder(StrEnum):
    """What becomes of a migration that waits although a later one is applied."""

    REFUSE = "refuse"  # the plan stops before it
    ASK = "ask"  # a person accepts it
    ALLOW = "allow"  # the plan says it, and nobody has to accept it


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the environment demands of a run. Part of the digest: a changed policy voids approvals."""

    protected: bool
    lock_timeout_ms: int
    statement_timeout_ms: int
    deadline_s: int = 3600  # wall clock of a whole run
    out_of_order: OutOfOrder = OutOfOrder.ASK

    @property
    def facts(self) -> dict[str, Any]:
        """What a digest covers. A setting that was added later and says nothing is left out, so that older digests stay
        the same."""
        facts = asdict(self)
        return facts if facts.pop("out_of_order") is OutOfOrder.ASK else asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Rows that are copied into the schema `signalbox_saved` before a step destroys them, or back from there."""

    schema: str
    table: str
    columns: tuple[str, ...] = ()  # those that lose their values; empty: whole rows go
    key: tuple[str, ...] = ()  # its primary key; without one, columns cannot be put back
    saved: str = ""  # the table in signalbox_saved that is brought back
    overwrite: bool = False  # what stands there when it runs gives way to it
    oid: int = 0  # of the table, which a rename keeps; 0: a plan or a register of an older Signalbox does not say
    numbers: tuple[int, ...] = ()  # in pg_attribute: of the columns and then the key; brought back: of each saved one
    with_nulls: bool = False  # what takes the columns away takes NULL as well: a default may stand there then
    planned_as: str = ""  # its label in the plan, where the table or a column had another name once it was saved

    @property
    def label(self) -> str:
        """platform.users, or platform.users (plan, due_on)."""
        return f"{self.schema}.{self.table}" + (f" ({', '.join(self.columns)})" if self.columns else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Identified):
    """One migration in one direction. `sql` is exactly what runs; empty for a skip."""

    action: Action
    version: str
    name: str
    key: str  # primary key of its tracking row: the version, but for a skip of a file that shares its version
    file: str
    sql: str
    checksum: str  # of the up text: what the tracking row records, or recorded
    checksum_sql: str = ""
    down_sql: str | None = None  # captured with an apply, or with its restored record
    reason: str = ""
    first_statement: int = 1  # later ones continue what broke off outside a transaction
    copies: tuple[Copy, ...] = ()  # saved before its first statement; of BRING_BACK: what it puts back
    text: str = ""  # of a step that only records: what is recorded as the text that ran; a step has this or `sql`
    before: str = ""  # of ACCEPT and ACCEPT_CHANGE: the checksum that `checksum` replaces
    applied_at: str = ""  # of IMPORT: when the other tool ran it, as it says; empty where it does not

    @property
    def kind(self) -> Kind:
        """What its tracking row is, or was until it is removed."""
        if self.action in {Action.SKIP, Action.UNSKIP}:
            return Kind.SKIPPED
        if self.action is Action.BASELINE:
            return Kind.BASELINE
        if self.is_repeatable:
            return Kind.REPEATABLE
        return Kind.BASELINE if self.action is Action.IMPORT else Kind.APPLIED


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOrigin:
    """The table of another tool that a plan takes its steps from, and a hash of all that was read there."""

    tool: str  # the name of its importer
    schema: str
    table: str
    fingerprint: str

    @property
    def label(self) -> str:
        return f"{self.schema}.{self.table}"


#: The tools whose tables can be written to, and where they keep them unless somebody says otherwise.
KEPT_IN: Mapping[str, tuple[str, str]] = {
    "dbmate": ("public", "schema_migrations"),
    "diesel": ("public", "__diesel_schema_migrations"),
    "goose": ("public", "goose_db_version"),
    "node-pg-migrate": ("public", "pgmigrations"),
    "supabase": ("supabase_migrations", "schema_migrations"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DualWrite:
    """The table of another tool that gets the row which that tool would have written, beside ours."""

    tool: str  # the name of its importer
    schema: str
    table: str

    @property
    def label(self) -> str:
        return f"{self.schema}.{self.table}"

    @classmethod
    def declared(cls, text: str) -> Self | None:
        """From `dbmate`, or `dbmate:app.schema_migrations` where it is kept elsewhere; None for any other text."""
        tool, _, place = text.partition(":")
        schema, dot, table = place.partition(".")
        if tool not in KEPT_IN or (":" in text and not (schema and dot and table)):
            return None
        schema, table = (schema, table) if dot else KEPT_IN[tool]
        return cls(tool=tool, schema=schema, table=table)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanWarning:
    """Something a person should know before running. Those that need acceptance stop the run until accepted."""

    code: str
    version: str
    sentence: str
    needs_acceptance: bool

    @property
    def key(self) -> str:
        return f"{self.code}:{self.version}"


class Record(NamedTuple):
    """What the history says of one migration. Equal to the plain tuple."""

    version: str
    name: str
    checksum: str
    kind: str

    @property
    def identity(self) -> MigrationId:
        return MigrationId(self.version, self.name)


class LastDeed(NamedTuple):
    """The last entry of a target's log that changed where a migration stands, by its number there."""

    version: str
    name: str
    entry: int

    @property
    def identity(self) -> MigrationId:
        return MigrationId(self.version, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    environment: str
    action: Action
    identity: TargetIdentity
    policy: Policy
    basis: tuple[Record, ...]  # the history it was computed from
    steps: tuple[Step, ...]
    warnings: tuple[PlanWarning, ...] = ()
    stops_before: str = ""  # why later pending migrations are not in it; empty when they all are
    source: str = ""  # the name of the source of its files. No part of the digest: the bytes decide
    #: The commit that its files were read from. No part of the digest either: another commit with the same bytes leaves
    #: an approval as it is.
    commit: str = ""
    origin: ImportOrigin | None = None  # of IMPORT
    dual_write: DualWrite | None = None  # what is written beside the history
    #: Where something was done before with what it applies or records: the last entry of the log about each.
    last_deeds: tuple[LastDeed, ...] = ()

    @property
    def unjudged(self) -> tuple[str, ...]:
        """Sentences about what cannot be read in its texts."""
        return tuple(warning.sentence for warning in self.warnings if warning.code == DYNAMIC)

    @property
    def digest(self) -> str:
        """sha256 hex over everything that decides what will happen."""
        steps = [
            (
                s.action,
                s.version,
                s.name,
                s.key,
                checksum(s.sql or s.text),
                s.checksum,
                _down_checksum(s),
                s.reason,
                s.first_statement,
                *([s.before] if s.before else ()),
                *(_facts_of(copy) for copy in s.copies),
            )
            for s in self.steps
        ]
        facts = [self.environment, asdict(self.identity), self.policy.facts, self.basis, steps]
        facts += [asdict(self.origin), [step.applied_at for step in self.steps]] if self.origin else []
        facts += [{"dual_write": asdict(self.dual_write)}] if self.dual_write else []
        facts += [{"last_deeds": self.last_deeds}] if self.last_deeds else []
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    @property
    def reasons(self) -> list[str]:
        """Why its rows are recorded, each once; of an import, which has one for each row, the first."""
        return list(dict.fromkeys(step.reason for step in self.steps if step.reason))[:_REASONS]

    @property
    def contradictions(self) -> tuple[PlanWarning, ...]:
        """That somebody changed the history by hand: to be settled before anything is run."""
        return tuple(warning for warning in self.warnings if warning.code in CONTRADICTED)

    def saving(self, copies: Mapping[MigrationId, Sequence[Copy]]) -> Plan:
        """The plan, with what each step destroys copied first. Another digest."""
        return replace(self, steps=tuple(replace(s, copies=tuple(copies.get(s.identity, ()))) for s in self.steps))

    def without_saving(self) -> Plan:
        """The plan that an approval has to cover at least: copying rows first only makes it safer."""
        return self.saving({}) if self.action.runs_migrations else self

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Plan:
        return cls(
            environment=data["environment"],
            action=Action(data["action"]),
            identity=TargetIdentity(**data["identity"]),
            policy=_policy_from(data["policy"]),
            basis=tuple(Record(*record) for record in data["basis"]),
            steps=tuple(_step_from(step) for step in data["steps"]),
            warnings=tuple(PlanWarning(**warning) for warning in data["warnings"]),
            stops_before=data["stops_before"],
            source=data.get("source", ""),
            commit=data.get("commit", ""),
            origin=ImportOrigin(**data["origin"]) if data.get("origin") else None,
            dual_write=DualWrite(**data["dual_write"]) if data.get("dual_write") else None,
            last_deeds=tuple(LastDeed(*deed) for deed in data.get("last_deeds", ())),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChange:
    """One row of the history. None: there is none that stands."""

    migration: MigrationId
    before: Record | None
    after: Record | None
    captures_rollback: bool = False
    note: str = ""  # where an imported row comes from, and how certain it is
    forgets_journal: bool = False  # what broke off there is not unfinished any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What was read from one target at one moment: the facts a plan is computed from."""

    environment: str
    name: str  # what people call the environment, for sentences
    identity: TargetIdentity
    policy: Policy
    history: History
    source: str = ""  # the name of the source that its environment takes files from
    dual_write: DualWrite | None = None  # what its environment asks for


def last_deeds(history: History, action: Action, steps: Sequence[Step]) -> tuple[LastDeed, ...]:
    """For the migrations that these steps apply or record: the rows alone do not tell that one was applied and rolled
    back since. What takes back goes by the text that was captured, and what goes on by its journal."""
    if action is not Action.APPLY and not action.only_records:
        return ()
    asked = sorted({step.identity for step in steps} & history.last_deeds.keys())
    return tuple(LastDeed(*identity, history.last_deeds[identity]) for identity in asked)


def records(history: History) -> tuple[Record, ...]:
    """The rows of a history that decide a plan: those of success. Failed attempts do not count."""
    return tuple(sorted(Record(r.version, r.name, r.checksum, r.kind.value) for r in history.rows if r.success))


def _policy_from(data: dict[str, Any]) -> Policy:
    return Policy(**{**data, "out_of_order": OutOfOrder(data.get("out_of_order", OutOfOrder.ASK))})


def _step_from(data: dict[str, Any]) -> Step:
    return Step(**{**data, "action": Action(data["action"]), "copies": tuple(map(_copy_from, data.get("copies", ())))})


def _facts_of(copy: Copy) -> dict[str, Any]:
    """What a digest covers. A field that was added later and is empty is left out, so that older digests stay the
    same."""
    later = {"overwrite", "oid", "numbers", "with_nulls", "planned_as"}
    return {name: value for name, value in asdict(copy).items() if value or name not in later}


def _copy_from(data: dict[str, Any]) -> Copy:
    lists = {name: tuple(data.get(name, ())) for name in ("columns", "key", "numbers")}
    return Copy(**{**data, **lists})


def _down_checksum(step: Step) -> str:
    return checksum(step.down_sql) if step.down_sql is not None else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackReach:
    """How far a rollback can go in a target."""

    within: tuple[AppliedMigration, ...] = ()  # newest first; it can be rolled back to before each of them
    end: AppliedMigration | None = None  # the first to which it cannot
    gone: LoggedSuccess | None = None  # applied after `end`, and its record is gone; None: `end` has no rollback


NO_REACH = RollbackReach()
