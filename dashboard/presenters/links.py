"""Addresses that name a source where it is not the default one."""

from __future__ import annotations

from django.urls import reverse

from dashboard.engine.migration import MigrationId
from dashboard.models.sources import DEFAULT


def migrations(source: str) -> str:
    return reverse("migrations", query=_query(source))


def migration(identity: MigrationId, source: str, *, line: int | None = None) -> str:
    return reverse("migration", args=identity, query=_query(source), fragment=f"L{line}" if line else None)


def problems(source: str) -> str:
    return reverse("problems", query=_query(source))


def _query(source: str) -> dict[str, str] | None:
    return None if source == DEFAULT else {"source": source}
