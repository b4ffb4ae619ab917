"""Saved rows as people find them again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from dashboard.engine.database.saved import SCHEMA, Save
from dashboard.models import Run
from dashboard.models.environments import Environment
from dashboard.presenters import actions
from dashboard.presenters.buttons import ActionButton
from dashboard.presenters.pills import Pill
from dashboard.services.saved import Group, Kept

BACK = Pill(label="Brought back", tone="ok", icon="ok")
GONE = Pill(label="Dropped by hand", tone="muted", icon="missing")
BLOCKED = Pill(label="Does not fit now", tone="warn", icon="attention")
EMPTY = Pill(label="Was empty", tone="muted", icon="skip")
READY = Pill(label="Can come back", tone="info", icon="rollback")


_WHAT_NEXT = "Run what makes its place again, if there is such a migration; else put the rows back by hand."


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptView:
    what: str
    rows: str
    table: str  # where they are
    pill: Pill
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    title: str  # "Before the rollback of 010_invoice_due_dates"
    by: str
    at: datetime
    run_url: str
    run: str
    kept: tuple[KeptView, ...]
    bring_back: ActionButton


def view(group: Group, environment: Environment) -> GroupView:
    first = group.first
    return GroupView(
        title=f"Before {actions.WORDS[first.action].of}{first.label}",
        by=first.by,
        at=first.at,
        run=first.run_id,
        run_url=_run_url(first, environment),
        kept=tuple(_kept(kept) for kept in group.kept),
        bring_back=ActionButton(
            label="Bring them back…",
            url=reverse("bring-back", args=[environment.slug, first.run_id, first.version, first.name]),
            icon="rollback",
            show=bool(group.fitting),
        ),
    )


def _kept(kept: Kept) -> KeptView:
    save = kept.save
    return KeptView(
        what=save.copy.label,
        rows=f"{save.rows:,}",
        table=f"{SCHEMA}.{save.copy.saved}",
        pill=_pill(kept),
        sentence=_sentence(kept),
    )


def _pill(kept: Kept) -> Pill:
    if not kept.save.exists:
        return GONE
    if not kept.save.rows:
        return EMPTY
    if kept.save.brought_back_at:
        return BACK
    return BLOCKED if kept.obstacle else READY


def _sentence(kept: Kept) -> str:
    save = kept.save
    if not save.exists:
        return "Someone has dropped the copy; its rows are only in a backup."
    if kept.obstacle and save.rows:
        return f"It cannot be put back as things stand: {kept.obstacle}. {_WHAT_NEXT}"
    if save.brought_back_at:
        return f"{save.brought_back_by} brought it back in run {save.brought_back_in}. Doing so again does no harm."
    return ""


def _run_url(save: Save, environment: Environment) -> str:
    """Another Signalbox may have saved it, or one whose control database is gone."""
    known = save.run_id.isdecimal() and Run.objects.filter(pk=int(save.run_id), environment=environment.slug).exists()
    return reverse("run", args=[int(save.run_id)]) if known else ""
