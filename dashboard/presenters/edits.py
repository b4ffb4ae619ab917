"""Files edited after they were applied, as people read them: what ran, and what the file says now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from dashboard.models.environments import Environment
from dashboard.presenters import links, schema_diff, statuses
from dashboard.presenters.pills import Pill
from dashboard.presenters.schema_diff import DiffLine
from dashboard.services.edits import Edit


@dataclass(frozen=True, slots=True, kw_only=True)
class EditView:
    label: str
    url: str  # of the migration
    file: str
    pill: Pill
    tone: str
    comments_only: bool
    at: datetime | None
    by: str
    lines: tuple[DiffLine, ...]
    no_text: bool  # what ran was not kept, so there is nothing to compare with
    text_url: str  # the text as it ran, to download


def views(edits: Sequence[Edit], environment: Environment) -> tuple[EditView, ...]:
    """Real edits first: they stop every apply."""
    return tuple(_view(edit, environment) for edit in sorted(edits, key=lambda edit: edit.comments_only))


def _view(edit: Edit, environment: Environment) -> EditView:
    item, row = edit.status, edit.status.applied
    assert item.migration is not None, "an edited file is there"
    own = {**item.identity._asdict(), "format": "text"}
    return EditView(
        label=item.label,
        url=links.migration(item.identity, environment.source),
        file=item.migration.up.file,
        pill=statuses.MIGRATION[item.state],
        tone="warn" if edit.comments_only else "danger",
        comments_only=edit.comments_only,
        at=row.applied_at if row else None,
        by=row.applied_by if row else "",
        lines=schema_diff.text_diff(edit.applied or "", item.migration.up.sql),
        no_text=edit.applied is None,
        text_url=reverse("edits", args=[environment.slug], query=own) if edit.applied else "",
    )
