"""Rows of a history before and after a plan, as people read them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard.engine.migration import UNKNOWN_CHECKSUMS, Kind
from dashboard.engine.plan import Record, RowChange
from dashboard.presenters import links

#: Characters of a checksum that tell two of them apart on a page.
SHORT = 12
NO_ROW = "no row"
KINDS: Mapping[str, str] = {
    Kind.APPLIED.value: "applied",
    Kind.BASELINE.value: "baseline",
    Kind.SKIPPED.value: "skipped",
    Kind.REPEATABLE.value: "repeatable",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChangeView:
    label: str
    url: str
    before: str
    after: str
    note: str = ""


def views(changes: Sequence[RowChange], *, source: str) -> tuple[RowChangeView, ...]:
    common = common_notes(changes)
    return tuple(_view(change, source, common) for change in changes)


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


def _view(change: RowChange, source: str, common: Sequence[str]) -> RowChangeView:
    rollback = ", with the rollback of its file" if change.captures_rollback else ""
    return RowChangeView(
        label=change.migration.label,
        url=links.migration(change.migration, source),
        before=_before(change),
        after=f"{row(change.after)}{rollback}",
        note=own_note(change, common),
    )


def _before(change: RowChange) -> str:
    if not change.forgets_journal:
        return row(change.before)
    return f"{row(change.before)}; its rollback broke off" if change.before else "broke off"


def row(record: Record | None) -> str:
    """ "applied, checksum 0123456789ab…"."""
    if record is None:
        return NO_ROW
    if record.checksum in UNKNOWN_CHECKSUMS:
        return f"{KINDS[record.kind]}, checksum unknown"
    return f"{KINDS[record.kind]}, checksum {record.checksum[:SHORT]}…"
