"""Rows of a history before and after a plan, as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.engine.plan import RowChange
from dashboard.presenters import links
from dashboard.presenters.rows import common_notes, own_note, row


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
