"""That another database is this environment from now on, and why."""

from __future__ import annotations

from typing import Any

from django import forms

from dashboard.forms.plans import NameTyped
from dashboard.forms.skips import ReasonForm
from dashboard.models.environments import Environment
from dashboard.services import bindings
from dashboard.services.bindings import Rebinding


class RebindForm(ReasonForm, NameTyped):
    """`mark` is the database that was on the page."""

    mark = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, change: Rebinding, environment: Environment, **kwargs: Any) -> None:
        super().__init__(*args, environment=environment, initial={"mark": change.mark}, **kwargs)
        self.change = change
        self.fields["reason"].label = "Why is it another database now?"
        if environment.protected:
            self.ask_for_name(f"Type {environment.slug} to bind {environment.name} to it")

    def clean_mark(self) -> str:
        mark: str = self.cleaned_data["mark"]
        bindings.check_shown(self.change, mark, self.environment)
        return mark

    @property
    def submission(self) -> dict[str, Any]:
        """For bindings.rebind."""
        return {name: value for name, value in self.cleaned_data.items() if name != "mark"}
