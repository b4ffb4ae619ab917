"""What a migration would mean for the target as it is: the locks that were seen, on tables as large as they are. Pure.

The times are estimates, and said to be. A rehearsal has no rows, so what depends on their number is reckoned from the
size of a table with its indexes: 10 MB are rewritten in a second, 50 MB read, as for a constraint or an index. A lock
is held to the end of its transaction, so what is done meanwhile with other tables counts too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dashboard.engine.database.sizes import Holder, Live, TableSize
from dashboard.engine.rehearsal.report import ObservedLock, Proof, ScriptRun

REWRITTEN_BYTES_PER_S = 10_000_000
READ_BYTES_PER_S = 50_000_000

#: Seconds that people notice, and that an application's requests do not survive.
NOTICED_S = 1.0
HARMFUL_S = 10.0

#: What a lock keeps others from. The other modes let them read and write.
BLOCKED = {
    "SHARE": "writes",
    "SHARE ROW EXCLUSIVE": "writes",
    "EXCLUSIVE": "writes",
    "ACCESS EXCLUSIVE": "reads and writes",
}


class RiskLevel(StrEnum):
    NONE = "none"  # nobody is kept waiting
    LOW = "low"  # for less than a second
    MEDIUM = "medium"  # for seconds
    HIGH = "high"  # for so long that it is felt, or until another session ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    level: RiskLevel
    sentences: tuple[str, ...] = ()


def relations(proofs: Iterable[Proof]) -> frozenset[str]:
    """The tables whose size decides."""
    runs = [run for proof in proofs for run in (proof.up, proof.down) if run]
    return frozenset(lock.relation for run in runs for lock in _blocking(run))


def of(run: ScriptRun, live: Live) -> Risk:
    """The risk of a script that ran well in a rehearsal, on the target as it is."""
    risks = [_of_lock(lock, run, live) for lock in _blocking(run) if lock.relation in live.sizes]
    level = max((each.level for each in risks), key=list(RiskLevel).index, default=RiskLevel.NONE)
    return Risk(level=level, sentences=tuple(sentence for each in risks for sentence in each.sentences))


def _blocking(run: ScriptRun) -> Iterator[ObservedLock]:
    return (lock for lock in run.locks if lock.mode in BLOCKED)


def _of_lock(lock: ObservedLock, run: ScriptRun, live: Live) -> Risk:
    seconds = lock.held_ms / 1000 + sum(_work_s(relation, run, live) for relation in _touched_under(lock, run))
    holders = [holder for holder in live.holders if holder.relation == lock.relation]
    sentence = (
        f"{lock.mode} on {lock.relation}, {_size(live.sizes[lock.relation])}{_effect(lock.relation, run)}: "
        f"{_duration(seconds)} of blocked {BLOCKED[lock.mode]}, by estimate."
    )
    return Risk(level=_level(seconds, holders), sentences=(sentence, *map(_waits_for, holders)))


def _touched_under(lock: ObservedLock, run: ScriptRun) -> set[str]:
    """Relations that are locked with it or after it, and so may be worked on while it is held."""
    return {other.relation for other in run.locks if other.statement >= lock.statement}


def _work_s(relation: str, run: ScriptRun, live: Live) -> float:
    size = live.sizes.get(relation)
    if size is None:
        return 0.0
    if relation in run.rewritten:
        return size.bytes / REWRITTEN_BYTES_PER_S
    return size.bytes / READ_BYTES_PER_S if relation in run.read else 0.0


def _level(seconds: float, holders: Sequence[Holder]) -> RiskLevel:
    if holders or seconds >= HARMFUL_S:
        return RiskLevel.HIGH
    return RiskLevel.MEDIUM if seconds >= NOTICED_S else RiskLevel.LOW


# Words


def _effect(relation: str, run: ScriptRun) -> str:
    if relation in run.rewritten:
        return ", rewritten"
    return ", read from end to end" if relation in run.read else ""


def _size(size: TableSize) -> str:
    rows = "rows never counted" if size.rows is None else f"{_short(size.rows).strip()} rows"
    return f"{rows}, {_short(size.bytes)}B"


def _short(number: int) -> str:
    """1.2 M and the like; below a thousand as it is."""
    for limit, letter in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= limit:
            return f"{number / limit:.3g} {letter}"
    return f"{number} "


def _duration(seconds: float) -> str:
    if seconds < NOTICED_S:
        return "less than a second"
    if seconds < 100:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min"


def _waits_for(holder: Holder) -> str:
    return (
        f"{holder.session} has had a transaction open on {holder.relation} for {_duration(holder.seconds)}: the lock "
        "waits for its end, and everyone who comes after waits behind it."
    )
