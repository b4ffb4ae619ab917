"""Addresses of pages about files. They name the source where that is not the default one, so that a page of one source
leads to no other; a plan of an older Signalbox has none."""

from __future__ import annotations

from django.urls import reverse

from dashboard.engine.migration import MigrationId
from dashboard.models.sources import DEFAULT


def migrations(source: str, *, state: str = "") -> str:
    return reverse("migrations", query=_query(source, state=state))


def migration(identity: MigrationId, source: str, *, line: int | None = None) -> str:
    return reverse("migration", args=identity, query=_query(source), fragment=f"L{line}" if line else None)


def problems(source: str) -> str:
    return reverse("problems", query=_query(source))


def _query(source: str, *, state: str = "") -> dict[str, str] | None:
    named = {} if source in {"", DEFAULT} else {"source": source}
    return named | ({"state": state} if state else {}) or None
