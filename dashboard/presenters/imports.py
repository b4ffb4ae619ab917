"""The histories that other tools keep in a database, and what an import would take from one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse

from dashboard.engine.errors import EngineError, NothingToDo
from dashboard.engine.plan import Plan
from dashboard.models.environments import Environment
from dashboard.presenters.pills import Pill
from dashboard.services.imports import OtherHistories, ToolReading

MATCHES = Pill(label="Your files", tone="ok", icon="ok")
STRANGER = Pill(label="Other files", tone="muted", icon="info")
UNREAD = Pill(label="Not read", tone="warn", icon="attention")
DOUBTFUL = Pill(label="Not sure", tone="muted", icon="info")
EXPLAINED = Pill(label="Recognised", tone="info", icon="info")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolTableView:
    tool: str
    table: str
    pill: Pill
    sentence: str
    url: str  # of the page with this one chosen; empty where it is, and where nothing can be taken from it
    is_chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRefusal:
    """Why nothing is imported from the chosen one, and what to do."""

    tone: str
    icon: str
    sentence: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPage:
    tables: tuple[ToolTableView, ...]
    refusal: ImportRefusal | None
    notes: tuple[str, ...]  # beside what has to be accepted


def page(others: OtherHistories, offer: Plan | EngineError, environment: Environment, table: str) -> ImportPage:
    """`offer` is what the import of the chosen table would do, or why there is none."""
    chosen = others.named(table) if table else others.chosen
    return ImportPage(
        tables=tuple(_tables(others, environment, chosen)),
        refusal=_refusal(offer) if isinstance(offer, EngineError) else None,
        notes=tuple(_notes(offer)) if isinstance(offer, Plan) else (),
    )


def _notes(offer: Plan) -> Iterator[str]:
    return (warning.sentence for warning in offer.warnings if not warning.needs_acceptance)


def _refusal(error: EngineError) -> ImportRefusal:
    is_fine = isinstance(error, NothingToDo)
    return ImportRefusal(
        tone="info" if is_fine else "danger",
        icon="info" if is_fine else "fail",
        sentence=str(error),
        next_step=error.next_step,
    )


def _tables(others: OtherHistories, environment: Environment, chosen: ToolReading | None) -> Iterator[ToolTableView]:
    total = len(others.folder.migrations)
    for reading in others.readings:
        address = reverse("import", args=[environment.slug], query={"table": reading.label})
        yield ToolTableView(
            tool=reading.title,
            table=reading.label,
            pill=_pill(reading),
            sentence=_sentence(reading, total),
            url=address if reading.reconciliation and reading is not chosen else "",
            is_chosen=reading is chosen,
        )


def _pill(reading: ToolReading) -> Pill:
    if reading.is_only_recognised:
        return EXPLAINED
    if reading.reconciliation is None:
        return UNREAD
    if reading.is_doubtful:
        return DOUBTFUL
    return MATCHES if reading.matches else STRANGER


def _sentence(reading: ToolReading, total: int) -> str:
    if reading.failure is not None:
        return f"{reading.failure} {reading.failure.remedy}".strip()
    if reading.is_doubtful:
        return f"{reading.title} keeps its history in such a table, and its only column may be about something else."
    rows = len(reading.history.rows) if reading.history else 0
    return f"It has {reading.matches} of your {total} files as applied, in {rows} row{'' if rows == 1 else 's'}."
