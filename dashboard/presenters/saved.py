"""Saved rows as people find them again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from dashboard.engine.database.saved import SCHEMA, Outlook, Save
from dashboard.models.environments import Environment
from dashboard.presenters import actions, links
from dashboard.presenters.buttons import ActionButton
from dashboard.presenters.pills import Pill
from dashboard.services.saved import Kept, SavedGroup

BACK = Pill(label="Brought back", tone="ok", icon="ok")
PARTLY = Pill(label="Partly brought back", tone="warn", icon="attention")
GONE = Pill(label="Dropped by hand", tone="muted", icon="missing")
BLOCKED = Pill(label="Does not fit now", tone="warn", icon="attention")
EMPTY = Pill(label="Was empty", tone="muted", icon="skip")
READY = Pill(label="Can come back", tone="info", icon="rollback")
FITS = Pill(label="Not counted", tone="info", icon="rollback")
OVER = Pill(label="Only by overwriting", tone="warn", icon="attention")
THERE = Pill(label="Stands there already", tone="ok", icon="ok")
NOTHING = Pill(label="Nothing can come back", tone="warn", icon="attention")

_WHAT_NEXT = "Run what makes its place again, if there is such a migration; else put the rows back by hand."


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptView:
    what: str
    rows: str
    table: str  # where they are
    pill: Pill
    sentence: str
    url: str  # of the migration that may make its place again, where it does not fit


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    title: str  # "Before the rollback of 010_invoice_due_dates"
    migration: str
    by: str
    at: datetime
    run_url: str
    run: str
    kept: tuple[KeptView, ...]
    bring_back: ActionButton


def view(group: SavedGroup, environment: Environment) -> GroupView:
    first = group.first
    return GroupView(
        title=f"Before {actions.WORDS[first.action].of}{first.label}",
        migration=first.label,
        by=first.by,
        at=first.at,
        run=first.run_id,
        run_url=reverse("run", args=[group.run]) if group.run else "",
        kept=tuple(_kept(kept, environment) for kept in group.kept),
        bring_back=ActionButton(
            label="Bring them back…",
            url=reverse("bring-back", args=[environment.slug, first.run_key, *first.identity]),
            icon="rollback",
            show=group.can_bring(overwrite=True),
        ),
    )


def why_nothing(group: SavedGroup, *, overwrite: bool) -> str:
    """Why bringing it back would change nothing; empty where it brings something."""
    if group.can_bring(overwrite=overwrite):
        return ""
    if group.differs:
        return "Nothing would come back like this: whatever was saved stands there with something else in its place."
    if any(kept.outlook and kept.outlook.gone for kept in group.kept):
        return "Nothing of it can come back: the rows that the saved values belong to are not there any more."
    return "Nothing is left to bring back: all of it stands there as it was saved."


def _kept(kept: Kept, environment: Environment) -> KeptView:
    save, pill = kept.save, _pill(kept)
    return KeptView(
        what=save.copy.label,
        rows=f"{save.rows:,}",
        table=f"{SCHEMA}.{save.copy.saved}",
        pill=pill,
        sentence=_sentence(kept),
        url=links.migration(save.identity, environment.source) if pill is BLOCKED else "",
    )


def _pill(kept: Kept) -> Pill:
    if not kept.save.exists:
        return GONE
    if not kept.save.rows:
        return EMPTY
    if kept.save.brought_back_at:
        return PARTLY if kept.save.left else BACK
    if kept.obstacle:
        return BLOCKED
    return _pill_of(kept.outlook) if kept.outlook else FITS


def _pill_of(outlook: Outlook) -> Pill:
    if outlook.fills:
        return READY
    if outlook.differs:
        return OVER
    return NOTHING if outlook.gone else THERE


def _sentence(kept: Kept) -> str:
    save = kept.save
    if not save.exists:
        return "Someone has dropped the copy; its rows are only in a backup."
    if kept.obstacle and save.rows:
        return f"It cannot be put back as things stand: {kept.obstacle}. {_WHAT_NEXT}"
    return " ".join(filter(None, [_back_then(save), _now(kept)]))


def _back_then(save: Save) -> str:
    if not save.brought_back_at:
        return ""
    if save.left:
        return (
            f"{save.brought_back_by} brought a part of it back in run {save.brought_back_in}; "
            f"{save.left:,} did not come: something else stood there, or the row was gone. The copy still has them."
        )
    return f"{save.brought_back_by} brought it back in run {save.brought_back_in}."


def _now(kept: Kept) -> str:
    if not kept.save.rows:
        return ""
    if kept.outlook:
        return _outlook(kept.outlook, is_values=bool(kept.save.copy.columns))
    return "Its place is there. What would come back is counted on the next page."


def _outlook(outlook: Outlook, *, is_values: bool) -> str:
    noun = "value" if is_values else "row"
    if not (outlook.fills or outlook.differs or outlook.gone):
        return "All of it stands there as it was saved: nothing is left to bring back."
    none = "Nothing would come back by itself." if outlook.differs else "Nothing can come back."
    parts = [f"{_counted(outlook.fills, noun)} would be put where nothing stands now." if outlook.fills else none]
    if outlook.differs:
        parts.append(
            f"In the place of {_counted(outlook.differs, noun)} something else stands: kept, unless overwritten."
        )
    if outlook.gone:
        parts.append(f"{_counted(outlook.gone, 'row')} cannot come back: the row is not there any more.")
    if outlook.triggers:
        parts.append(
            f"The role of Signalbox cannot keep these triggers silent, so they run: {', '.join(outlook.triggers)}."
        )
    return " ".join(parts)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun if count == 1 else noun + 's'}"
