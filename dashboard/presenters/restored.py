"""What became of the schema by a rollback, under the run that rolled back."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from dashboard.presenters import schema_diff
from dashboard.presenters.drift import CHANGES
from dashboard.presenters.schema_diff import SchemaDiff
from dashboard.selectors.restored import Restored


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    tone: str
    icon: str
    sentence: str
    next_step: str
    run: int
    url: str  # of the run that was undone
    diff: SchemaDiff | None


def view(restored: Restored) -> Restoration:
    differences = restored.differences
    before = f"before {restored.since} was applied"
    tone, icon = ("warn", "attention") if differences else ("ok", "ok")
    if not differences:
        sentence, next_step = f"The schema is as it was {before}.", ""
    elif all(difference.is_order for difference in differences):
        tone, icon = "info", "info"
        sentence = f"The schema is as it was {before}, but for the order of columns."
        next_step = "Nothing to do: no query that names its columns can tell."
    else:
        count = f"{len(differences)} {'object differs' if len(differences) == 1 else 'objects differ'}"
        sentence = f"The schema is not as it was {before}: {count}."
        next_step = "The rollback ran to its end; its script leaves this. Mend what matters with a new migration."
    return Restoration(
        tone=tone,
        icon=icon,
        sentence=sentence,
        next_step=next_step,
        run=restored.applied.pk,
        url=reverse("run", args=[restored.applied.pk]),
        diff=schema_diff.schema_diff(differences, CHANGES) if differences else None,
    )
