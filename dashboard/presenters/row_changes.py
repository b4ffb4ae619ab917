"""Rows of a history before and after a plan, as people read them."""

from __future__ import annotations

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
    return tuple(_view(change, source) for change in changes)


def _view(change: RowChange, source: str) -> RowChangeView:
    rollback = ", with the rollback of its file" if change.captures_rollback else ""
    return RowChangeView(
        label=change.migration.label,
        url=links.migration(change.migration, source),
        before=row(change.before),
        after=f"{row(change.after)}{rollback}",
        note=change.note,
    )


def row(record: Record | None) -> str:
    """ "applied, checksum 0123456789ab…"."""
    if record is None:
        return NO_ROW
    if record.checksum in UNKNOWN_CHECKSUMS:
        return f"{KINDS[record.kind]}, checksum unknown"
    return f"{KINDS[record.kind]}, checksum {record.checksum[:SHORT]}…"
