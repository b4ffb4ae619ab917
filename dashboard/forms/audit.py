"""Filters of the audit log."""

from __future__ import annotations

from typing import Any

from django import forms

from dashboard.models import environments
from dashboard.presenters.audit import KIND_LABELS

FILTERS = ("actor", "kind", "environment", "since", "until")

#: The page holds the list of names under this id.
OFFERING = {"list": "names", "autocomplete": "off"}


def _day(label: str) -> forms.DateField:
    return forms.DateField(required=False, label=label, widget=forms.DateInput(attrs={"type": "date"}))


class AuditQuery(forms.Form):
    actor = forms.CharField(required=False, label="Who", max_length=150, widget=forms.TextInput(attrs=OFFERING))
    kind = forms.ChoiceField(required=False, label="What", choices=[("", "Anything"), *KIND_LABELS.items()])
    environment = forms.ChoiceField(required=False, label="Where")
    since = _day("From")
    until = _day("To")
    verify = forms.BooleanField(required=False, widget=forms.HiddenInput)
    format = forms.ChoiceField(choices=[("csv", "csv")], required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, actors: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        places = [("", "Anywhere"), *((e.slug, e.name) for e in environments.all_environments())]
        self.names = actors  # offered beside the field; any other can be typed
        self.fields["environment"].choices = places  # type: ignore[attr-defined]

    def filters(self) -> dict[str, Any]:
        """What was understood; a value nobody knows is told beside its field and filters nothing."""
        self.is_valid()
        return {name: self.cleaned_data.get(name) for name in FILTERS}

    def wants(self, name: str) -> bool:
        return self.is_valid() and bool(self.cleaned_data[name])

    @property
    def filtered(self) -> bool:
        return any(self.filters().values())
