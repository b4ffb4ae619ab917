"""Filters of the list of runs."""

from __future__ import annotations

from typing import Any

from django import forms

from dashboard.models import Run, environments


class RunQuery(forms.Form):
    environment = forms.ChoiceField(required=False)
    status = forms.ChoiceField(required=False, choices=[("", "Any"), *Run.Status.choices])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "Any"), *((e.slug, e.name) for e in environments.all_environments())]
        self.fields["environment"].choices = choices  # type: ignore[attr-defined]

    def filters(self) -> dict[str, str]:
        """What was understood; a value nobody knows filters nothing."""
        self.is_valid()
        return {name: self.cleaned_data.get(name, "") for name in ("environment", "status")}

    @property
    def filtered(self) -> bool:
        return any(self.filters().values())
