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
    """What a page of it asks for. `chosen` goes to the plan, and the preview sends `sent` back."""

    def __init__(self, *args: Any, candidates: Sequence[MigrationStatus], why: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.candidates = candidates
        self.fields["reason"].label = why

    @property
    def chosen(self) -> dict[str, Any]:
        """For repairs.plan."""
        raise NotImplementedError

    @property
    def sent(self) -> dict[str, str]:
        raise NotImplementedError


class BaselineForm(RepairForm):
    """The last version that it covers."""

    field_order = ("upto", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        versions = [(item.version, item.label) for item in self.candidates]
        self.fields["upto"] = forms.ChoiceField(label="Up to and including", choices=[("", "Choose…"), *versions])
        self.order_fields(self.field_order)

    @property
    def chosen(self) -> dict[str, Any]:
        return {"upto": self.cleaned_data["upto"], "reason": self.cleaned_data["reason"]}

    @property
    def sent(self) -> dict[str, str]:
        return self.chosen


class BoxesForm(RepairForm):
    """A box for each, or all at once. What was ticked is sent back as one field, however many they are."""

    everything = forms.BooleanField(required=False)
    picked = forms.CharField(required=False, widget=forms.HiddenInput)
    field_order = ("picked", "everything", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["everything"].label = f"All {len(self.candidates)} of them"

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
            return [item.identity for item in self.candidates]
        return [MigrationId(*value.split("/", 1)) for value in self.ticked if "/" in value]

    @property
    def chosen(self) -> dict[str, Any]:
        return {"migrations": self.migrations, "reason": self.cleaned_data["reason"]}

    @property
    def sent(self) -> dict[str, str]:
        picked = "\n".join(f"{version}/{name}" for version, name in sorted(self.migrations))
        return {"picked": picked, "reason": self.cleaned_data["reason"]}

    def clean(self) -> dict[str, Any]:
        if not self.migrations:
            raise ValidationError("Nothing was chosen: tick at least one migration.")
        return self.cleaned_data
