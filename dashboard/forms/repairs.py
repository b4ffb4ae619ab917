"""Which migrations of a history are mended, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from dashboard.engine.migration import MigrationId
from dashboard.engine.status import MigrationStatus
from dashboard.forms.skips import ReasonForm


class RepairForm(ReasonForm):
    """Boxes, or all at once. The preview sends what was ticked back as one field, however many they are."""

    everything = forms.BooleanField(required=False)
    picked = forms.CharField(required=False, widget=forms.HiddenInput)
    field_order = ("picked", "everything", "reason")

    def __init__(self, *args: Any, candidates: Sequence[MigrationStatus], why: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._candidates = candidates
        self.fields["reason"].label = why
        self.fields["everything"].label = f"All {len(candidates)} of them"

    @property
    def ticked(self) -> set[str]:
        """As they were sent: "version/name"."""
        if not self.is_bound:
            return set()
        boxes = self.data.getlist("pick") if hasattr(self.data, "getlist") else []
        return {*boxes, *filter(None, str(self.data.get("picked", "")).split("\n"))}

    @property
    def migrations(self) -> list[MigrationId]:
        if self.cleaned_data["everything"]:
            return [item.identity for item in self._candidates]
        return [MigrationId(*value.split("/", 1)) for value in self.ticked if "/" in value]

    @property
    def as_one_field(self) -> str:
        return "\n".join(f"{version}/{name}" for version, name in sorted(self.migrations))

    def clean(self) -> dict[str, Any]:
        if not self.migrations:
            raise ValidationError("Nothing was chosen: tick at least one migration.")
        return self.cleaned_data
