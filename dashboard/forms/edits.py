from __future__ import annotations

from django import forms

from dashboard.engine.migration import MigrationId


class EditQuery(forms.Form):
    """One migration instead of all; `format=text` is its text as it ran."""

    version = forms.CharField(required=False, max_length=64)
    name = forms.CharField(required=False, max_length=200)
    format = forms.ChoiceField(choices=[("text", "text")], required=False)

    def only(self) -> MigrationId | None:
        self.is_valid()
        version, name = self.cleaned_data.get("version"), self.cleaned_data.get("name")
        return MigrationId(version, name) if version and name else None

    @property
    def wants_text(self) -> bool:
        return self.is_valid() and self.cleaned_data["format"] == "text" and self.only() is not None
