"""That another database is this environment from now on, and why."""

from __future__ import annotations

from typing import Any

from django import forms

from dashboard.forms.plans import as_field_error
from dashboard.forms.skips import ReasonForm
from dashboard.models.environments import Environment
from dashboard.services import bindings, policies
from dashboard.services.bindings import Rebinding


class RebindForm(ReasonForm):
    """`mark` is the database that was on the page."""

    mark = forms.CharField(widget=forms.HiddenInput)
    typed_name = forms.CharField(
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, change: Rebinding, environment: Environment, **kwargs: Any) -> None:
        super().__init__(*args, environment=environment, initial={"mark": change.mark}, **kwargs)
        self.change = change
        self.fields["reason"].label = "Why is it another database now?"
        self.fields["typed_name"].label = f"Type {environment.slug} to bind {environment.name} to it"
        if not environment.protected:
            del self.fields["typed_name"]

    def clean_mark(self) -> str:
        mark: str = self.cleaned_data["mark"]
        bindings.check_shown(self.change, mark, self.environment)
        return mark

    def clean_typed_name(self) -> str:
        typed: str = self.cleaned_data["typed_name"]
        as_field_error(lambda: policies.check_name_typed(self.environment, typed))
        return typed

    @property
    def submission(self) -> dict[str, Any]:
        """For bindings.rebind."""
        return {name: value for name, value in self.cleaned_data.items() if name != "mark"}
