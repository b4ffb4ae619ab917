"""What an approver, a requester and whoever runs an approved request send."""

from __future__ import annotations

from typing import Any

from django import forms

from dashboard.forms.plans import NameTyped, RowsTyped
from dashboard.selectors.requests import Tab


class QueueQuery(forms.Form):
    tab = forms.ChoiceField(choices=[(tab.value, tab.value) for tab in Tab], required=False)
    page = forms.IntegerField(required=False, min_value=1)

    def chosen(self) -> Tab:
        """A tab nobody knows is the first one."""
        self.is_valid()
        return Tab(self.cleaned_data.get("tab") or Tab.NEEDS_ME)


class _RunningForm(RowsTyped, NameTyped):
    """What stands beside the button that runs something: on a protected environment its name is typed, and how many
    rows that would destroy."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.environment.protected:
            label = f"To run it on {self.environment.name}, type {self.environment.slug}"
            self.ask_for_name(label, required=False)

    @property
    def typed(self) -> str:
        """What was typed, once the form is valid; empty where nothing has to be."""
        name: str = self.cleaned_data.get("typed_name", "")
        return name


class RunForm(_RunningForm):
    field_order = ("typed_rows", "shown_rows", "typed_name")


class ApproveForm(_RunningForm):
    digest = forms.CharField(widget=forms.HiddenInput)
    comment = forms.CharField(
        required=False, max_length=2000, label="Comment", widget=forms.Textarea(attrs={"rows": 2})
    )
    then = forms.ChoiceField(choices=[("", "approve only"), ("run", "and run now")], required=False)

    field_order = ("digest", "shown_rows", "comment", "typed_rows", "typed_name", "then")

    @property
    def runs(self) -> bool:
        return self.data.get("then") == "run"

    @property
    def decision(self) -> dict[str, str]:
        """For approvals.approve."""
        return {"digest": self.cleaned_data["digest"], "reason": self.cleaned_data["comment"]}

    def wants_name(self) -> bool:
        return self.runs


class RejectForm(forms.Form):
    digest = forms.CharField(widget=forms.HiddenInput)
    reason = forms.CharField(
        max_length=2000,
        label="Why not?",
        help_text="Say what would have to change for a yes.",
        error_messages={"required": "Say why, so that the requester knows what to change."},
        widget=forms.Textarea(attrs={"rows": 2}),
    )
