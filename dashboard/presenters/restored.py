"""What became of the schema by a rollback, under the run that rolled back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse

from dashboard.engine.schema.diff import Difference
from dashboard.presenters import schema_diff
from dashboard.presenters.drift import CHANGES
from dashboard.presenters.schema_diff import SchemaDiff
from dashboard.selectors.restored import ChangedBy, Restored


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """`diff` is what the scripts left, `elsewhere` what other runs or people changed in the meantime."""

    tone: str
    icon: str
    sentence: str
    next_step: str
    run: int
    url: str  # of the run that was undone
    diff: SchemaDiff | None
    elsewhere: SchemaDiff | None
    elsewhere_sentence: str
    doubt: str  # why what was changed by hand may be told as the work of a run


def view(restored: Restored) -> Restoration:
    differences, elsewhere = restored.differences, restored.elsewhere
    because = {key: _because(origin) for key, origin in restored.origins.items()}
    tone, sentence, next_step = _verdict(restored)
    return Restoration(
        tone=tone,
        icon=_ICONS[tone],
        sentence=sentence,
        next_step=next_step,
        run=restored.applied.pk,
        url=reverse("run", args=[restored.applied.pk]),
        diff=schema_diff.schema_diff(differences, CHANGES, because, marks_unexplained=False) if differences else None,
        elsewhere=schema_diff.schema_diff(elsewhere, CHANGES, because) if elsewhere else None,
        elsewhere_sentence=_changed_elsewhere(elsewhere),
        doubt=_doubt(restored),
    )


_ICONS = {"ok": "ok", "info": "info", "warn": "attention"}


def _verdict(restored: Restored) -> tuple[str, str, str]:
    differences = restored.differences
    before = f"before {restored.since} was applied"
    if not differences and restored.elsewhere:
        return "info", f"The rollback left nothing: what it undid is as it was {before}.", ""
    if not differences:
        return "ok", f"The schema is as it was {before}.", ""
    if all(difference.is_order for difference in differences):
        return (
            "info",
            f"The schema is as it was {before}, but for the order of columns.",
            "Nothing to do: no query that names its columns can tell.",
        )
    return (
        "warn",
        f"The schema is not as it was {before}: {_differ(differences)}.",
        "The rollback ran to its end; its script leaves this. Mend what matters with a new migration.",
    )


def _differ(differences: Sequence[Difference]) -> str:
    return f"{len(differences)} {'object differs' if len(differences) == 1 else 'objects differ'}"


def _changed_elsewhere(elsewhere: Sequence[Difference]) -> str:
    if not elsewhere:
        return ""
    objects = "1 object was" if len(elsewhere) == 1 else f"{len(elsewhere)} objects were"
    return f"{objects} changed in the meantime by others, and not by this migration or its rollback."


def _because(origin: ChangedBy) -> str:
    runs = [f"by run {run.pk} ({run.title})" for run in origin.runs]
    hands = "outside Signalbox" if origin.by_hand or origin.accepted_by else ""
    if origin.accepted_by:
        hands += f", accepted by {origin.accepted_by}"
    return f"changed {' and '.join(filter(None, [*runs, hands]))}"


def _doubt(restored: Restored) -> str:
    if not restored.unseen:
        return ""
    runs = ", ".join(str(run.pk) for run in restored.unseen)
    return (
        f"The schema was not seen right before and right after run {runs}: what was changed by hand around it may be "
        "told here as its work."
    )
