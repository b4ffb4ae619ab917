from __future__ import annotations

from django import forms

from dashboard.engine.migration import MigrationId
from dashboard.engine.status import State
from dashboard.presenters import statuses
from dashboard.presenters.migrations import ATTENTION


class MigrationQuery(forms.Form):
    """One migration instead of all."""

    version = forms.CharField(required=False, max_length=64)
    name = forms.CharField(required=False, max_length=200)

    def only(self) -> MigrationId | None:
        self.is_valid()
        version, name = self.cleaned_data.get("version"), self.cleaned_data.get("name")
        return MigrationId(version, name) if version and name else None


class MigrationFilter(forms.Form):
    """Which migrations a list shows. What is not understood is not applied."""

    q = forms.CharField(
        label="Search",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "Number, name or SQL"}),
    )
    state = forms.ChoiceField(
        label="State in any environment",
        required=False,
        choices=[
            ("", "Any"),
            (ATTENTION, "Needs attention"),
            *((state.value, statuses.MIGRATION[state].label) for state in State),
        ],
    )

    @property
    def words(self) -> str:
        return self._given("q")

    @property
    def state_chosen(self) -> str:
        return self._given("state")

    def _given(self, name: str) -> str:
        self.is_valid()
        return str(self.cleaned_data.get(name, ""))
