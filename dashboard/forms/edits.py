from __future__ import annotations

from django import forms

from dashboard.forms.migrations import MigrationQuery


class EditQuery(MigrationQuery):
    """`format=text` is its text as it ran."""

    format = forms.ChoiceField(choices=[("text", "text")], required=False)

    @property
    def wants_text(self) -> bool:
        return self.is_valid() and self.cleaned_data["format"] == "text" and self.only() is not None
