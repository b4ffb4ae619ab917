"""What a rehearsal found, as values: nothing here talks to a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from dashboard.engine.migration import Identified
from dashboard.engine.schema.diff import Change, Difference


class Verdict(StrEnum):
    """What a rehearsal shows of one migration."""

    PROVEN = "proven"  # up and its verification files ran; its rollback, where it has one, and the second up too
    FAILED = "failed"  # one of them did not, and will not on the target either
    NOT_PROVEN = "not proven"  # what happened here says nothing of the target
    NOT_REACHED = "not reached"  # the rehearsal ended before it


class RehearsedEffect(StrEnum):
    """What a migration does, as far as its rehearsal tells."""

    CHANGES = "changes something"  # the schema is another one, or rows were written
    NOTHING = "changes nothing"  # every catalog is as it was, and no statement of it touches a row
    UNKNOWN = "cannot be told"


class Origin(StrEnum):
    """Where the throw-away database got its starting state from."""

    COPY = "copy"  # the schema of the target as it is now
    SCRATCH = "scratch"  # every migration from the first file on


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptError:
    """Why a script did not run to its end; places count from 1, 0 where the server named none."""

    sentence: str
    sqlstate: str = ""
    origin: str = ""  # as a ServerError has it
    detail: str = ""
    hint: str = ""  # the server's
    remedy: str = ""  # ours
    statement: int = 0
    line: int = 0
    column: int = 0
    excerpt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementTime:
    number: int
    line: int
    summary: str
    ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedLock:
    """The strongest lock the script held on a relation that existed before it, seen in pg_locks."""

    relation: str  # platform.users
    mode: str  # as the documentation writes it: ACCESS EXCLUSIVE
    statement: int  # the first that held it
    held_ms: float  # from that statement's start to the end of the transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptRun:
    """One script, once. `rewritten` are relations that existed before and whose file on disk was made anew, `read`
    those that were read from end to end."""

    ok: bool
    ms: float
    error: ScriptError | None = None
    statements: tuple[StatementTime, ...] = ()
    locks: tuple[ObservedLock, ...] = ()
    rewritten: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    wrote: int = 0  # rows, as far as the answers to its statements say


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """A `test_*` or `verify` file, run after the up; it fails by raising an error."""

    file: str
    ok: bool
    error: ScriptError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof(Identified):
    """One migration: snapshot A, up, B, down, C, up, D. What was not reached is None or empty.

    Of a repeatable migration: A, up, B, up, D. Of a plan to roll back, the copy is B: `up` is then a script that was
    not run (ok, 0 ms), `again` the one captured when it was applied, and `reversible` stays None.
    """

    version: str
    name: str
    up: ScriptRun
    down: ScriptRun | None = None  # None: it has no rollback, or up failed
    again: ScriptRun | None = None  # the second up
    reversible: bool | None = None  # A equals C
    order_only: bool = False  # A differs from C in nothing but the order of columns
    repeatable: bool | None = None  # the second up ran, and B equals D
    differences: tuple[Difference, ...] = ()  # A to C: what the rollback leaves behind, or takes too much of
    repeat_differences: tuple[Difference, ...] = ()  # B to D
    made: tuple[Difference, ...] = ()  # A to B: what the migration does to the schema
    unmade: tuple[Difference, ...] = ()  # B to C: what its rollback does
    assertions: tuple[Assertion, ...] = ()
    is_rollback: bool = False  # the rollback is what is proven: that it can be applied again is worth knowing, no more
    #: Why it was not run at all (a cluster-wide statement on a shared server); empty when it was.
    refused: str = ""
    #: Why what happened here says nothing of the target: the rehearsal differs from it in what decides that.
    doubt: str = ""
    ms: float = 0.0  # all of it, snapshots included
    effect: RehearsedEffect | None = (
        None  # of its first up; None: it failed, holds no statement, or an older release looked
    )
    effect_because: str = ""  # why it cannot be told, as a clause

    @property
    def runs(self) -> bool:
        """The up runs, and what its verification files assert holds."""
        return self.up.ok and all(a.ok for a in self.assertions)

    @property
    def passed(self) -> bool:
        """All of it ran, and that holds for the target. Whether its rollback restores the schema is `reversible`."""
        return self.verdict is Verdict.PROVEN

    @property
    def verdict(self) -> Verdict:
        if self.because:
            return Verdict.NOT_PROVEN
        return Verdict.PROVEN if self.ran else Verdict.FAILED

    @property
    def because(self) -> str:
        """Why it is not proven, though nothing of it is known to fail; empty where it is proven or failed."""
        return self.refused or self.doubt

    @property
    def changes_nothing(self) -> bool:
        """To be asked about: it is meant to change something. A repeatable migration may find all as it makes it."""
        return self.effect is RehearsedEffect.NOTHING and not self.because and not self.is_repeatable

    @property
    def nothing_changed(self) -> str:
        """That it changes nothing, as a sentence."""
        return (
            f"{self.label} changes nothing: when it was rehearsed, every catalog of the database was as before, and "
            "none of its statements touches a row."
        )

    @property
    def ran(self) -> bool:
        """Whatever of it was run, ran to its end here."""
        again = self.is_rollback or self.again is None or self.again.ok
        return not self.refused and self.runs and (self.down is None or self.down.ok) and again

    @property
    def errors(self) -> tuple[ScriptError, ...]:
        """The verdicts on the scripts and verification files that make it fail."""
        decides = (self.up, self.down, None if self.is_rollback else self.again, *self.assertions)
        return tuple(run.error for run in decides if run and run.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotReached(Identified):
    """A migration before which the rehearsal ended."""

    version: str
    name: str
    reason: str  # in a clause: "002_bad failed before it"

    @property
    def sentence(self) -> str:
        return f"{self.label} was not reached, because {self.reason}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    origin: Origin
    server_version: int  # as PostgreSQL numbers it: 170010
    ms: float
    proofs: tuple[Proof, ...]
    #: What a reader must know of how it was done, as sentences: where the copy came from, what could not be copied.
    remarks: tuple[str, ...] = ()
    #: The rest of what was to be rehearsed, in order. With `proofs` that is every migration of the plan or folder.
    not_reached: tuple[NotReached, ...] = ()
    #: Files of the folder that were not read as a migration, and migrations that no plan may run: a sentence each.
    unread: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst of all. What was not rehearsed is not proven."""
        verdicts = {proof.verdict for proof in self.proofs}
        if Verdict.FAILED in verdicts:
            return Verdict.FAILED
        return Verdict.PROVEN if verdicts == {Verdict.PROVEN} and self.is_complete else Verdict.NOT_PROVEN

    @property
    def is_complete(self) -> bool:
        return not self.not_reached and not self.unread

    @property
    def passed(self) -> bool:
        """Every migration is proven."""
        return self.verdict is Verdict.PROVEN

    @property
    def reversible(self) -> bool:
        """Every migration is proven, with a rollback that restores the schema; the order of columns may differ."""
        return self.passed and all(p.reversible or p.order_only for p in self.proofs)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Report:
        return cls(
            origin=Origin(data["origin"]),
            server_version=data["server_version"],
            ms=data["ms"],
            proofs=tuple(proof_from_dict(p) for p in data["proofs"]),
            remarks=tuple(data["remarks"]),
            not_reached=tuple(NotReached(**left) for left in data["not_reached"]),
            unread=tuple(data["unread"]),
        )


def proof_from_dict(data: Mapping[str, Any]) -> Proof:
    up = _script(data["up"])
    assert up is not None
    return Proof(
        version=data["version"],
        name=data["name"],
        up=up,
        down=_script(data["down"]),
        again=_script(data["again"]),
        reversible=data["reversible"],
        order_only=data["order_only"],
        repeatable=data["repeatable"],
        differences=_differences(data["differences"]),
        repeat_differences=_differences(data["repeat_differences"]),
        made=_differences(data["made"]),
        unmade=_differences(data["unmade"]),
        assertions=tuple(Assertion(file=a["file"], ok=a["ok"], error=_error(a["error"])) for a in data["assertions"]),
        is_rollback=data["is_rollback"],
        refused=data["refused"],
        doubt=data["doubt"],
        ms=data["ms"],
        effect=RehearsedEffect(data["effect"]) if data.get("effect") else None,
        effect_because=data.get("effect_because", ""),
    )


def _script(data: Mapping[str, Any] | None) -> ScriptRun | None:
    if data is None:
        return None
    return ScriptRun(
        ok=data["ok"],
        ms=data["ms"],
        error=_error(data["error"]),
        statements=tuple(StatementTime(**s) for s in data["statements"]),
        locks=tuple(ObservedLock(**lock) for lock in data["locks"]),
        rewritten=tuple(data["rewritten"]),
        notices=tuple(data["notices"]),
        read=tuple(data["read"]),
        wrote=data.get("wrote", 0),
    )


def _error(data: Mapping[str, Any] | None) -> ScriptError | None:
    return None if data is None else ScriptError(**data)


def _differences(data: Sequence[Mapping[str, Any]]) -> tuple[Difference, ...]:
    return tuple(Difference(**{**d, "change": Change(d["change"])}) for d in data)
