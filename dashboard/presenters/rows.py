"""Rows of a history in words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from dashboard.engine.migration import UNKNOWN_CHECKSUMS, Kind
from dashboard.engine.plan import Record, RowChange

#: Characters of a checksum that tell two of them apart on a page.
SHORT = 12
NO_ROW = "no row"
KINDS: Mapping[str, str] = {
    Kind.APPLIED.value: "applied",
    Kind.BASELINE.value: "baseline",
    Kind.SKIPPED.value: "skipped",
    Kind.REPEATABLE.value: "repeatable",
}


def common_notes(changes: Sequence[RowChange]) -> tuple[str, ...]:
    """The sentences that are kept with every one of several rows, to be said once of all."""
    if len(changes) < 2:
        return ()
    first, *others = (_sentences(change.note) for change in changes)
    return tuple(sentence for sentence in first if all(sentence in other for other in others))


def own_note(change: RowChange, common: Sequence[str]) -> str:
    """What is kept with this row and not with all of them."""
    return " ".join(sentence for sentence in _sentences(change.note) if sentence not in common)


def _sentences(note: str) -> list[str]:
    return re.split(r"(?<=[.!?]) +", note) if note else []


def row(record: Record | None) -> str:
    """ "applied, checksum 0123456789ab…"."""
    if record is None:
        return NO_ROW
    if record.checksum in UNKNOWN_CHECKSUMS:
        return f"{KINDS[record.kind]}, checksum unknown"
    return f"{KINDS[record.kind]}, checksum {record.checksum[:SHORT]}…"
