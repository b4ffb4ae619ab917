"""Filters of the list of runs, and the word that ends one of which nothing can be found out."""

from __future__ import annotations

from typing import Any

from django import forms

from dashboard.forms.plans import NameTyped
from dashboard.forms.skips import ReasonForm
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


class EndRunForm(ReasonForm, NameTyped):
    field_order = ("reason", "typed_name")

    def __init__(self, *args: Any, run: Run, **kwargs: Any) -> None:
        environment = environments.get_even_former(run.environment)
        super().__init__(*args, environment=environment, **kwargs)
        self.fields["reason"].label = "What have you found out by hand?"
        self.fields["reason"].help_text = "What stands in the database, and how you know. It is kept with the run."
        self.ask_for_name(f"Type {run.environment} to end this run without proof")
