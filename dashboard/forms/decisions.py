"""What an approver, a requester and whoever runs an approved request send."""

from __future__ import annotations

from typing import Any

from django import forms

from dashboard.forms.plans import TYPED, RowsTyped, as_field_error
from dashboard.selectors.requests import Tab
from dashboard.services import policies


class QueueQuery(forms.Form):
    tab = forms.ChoiceField(choices=[(tab.value, tab.value) for tab in Tab], required=False)
    page = forms.IntegerField(required=False, min_value=1)

    def chosen(self) -> Tab:
        """A tab nobody knows is the first one."""
        self.is_valid()
        return Tab(self.cleaned_data.get("tab") or Tab.NEEDS_ME)


class _NameTyped(RowsTyped):
    """The environment's name, typed beside the button that runs something on a protected one, and how many rows
    that would destroy."""

    typed_name = forms.CharField(required=False, widget=forms.TextInput(attrs=TYPED))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["typed_name"].label = f"To run it on {self.environment.name}, type {self.environment.slug}"
        if not self.environment.protected:
            del self.fields["typed_name"]

    @property
    def typed(self) -> str:
        """What was typed, once the form is valid; empty where nothing has to be."""
        name: str = self.cleaned_data.get("typed_name", "")
        return name

    def check_name(self) -> None:
        as_field_error(lambda: policies.check_name_typed(self.environment, self.typed))


class RunForm(_NameTyped):
    field_order = ("typed_rows", "shown_rows", "typed_name")

    def clean_typed_name(self) -> str:
        self.check_name()
        return self.typed


class ApproveForm(_NameTyped):
    digest = forms.CharField(widget=forms.HiddenInput)
    comment = forms.CharField(
        required=False, max_length=2000, label="Comment", widget=forms.Textarea(attrs={"rows": 2})
    )
    then = forms.ChoiceField(choices=[("", "approve only"), ("run", "and run now")], required=False)

    unjudged = forms.BooleanField(
        label="I have read the SQL that is put together while it runs",
        error_messages={"required": "Nothing was approved: say that you have read what cannot be judged beforehand."},
    )

    field_order = ("digest", "shown_rows", "comment", "unjudged", "typed_rows", "typed_name", "then")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.plan.unjudged:
            del self.fields["unjudged"]

    @property
    def runs(self) -> bool:
        return self.data.get("then") == "run"

    @property
    def decision(self) -> dict[str, str]:
        """For approvals.approve."""
        return {"digest": self.cleaned_data["digest"], "reason": self.cleaned_data["comment"]}

    def clean_typed_name(self) -> str:
        if self.runs:
            self.check_name()
        return self.typed


class RejectForm(forms.Form):
    digest = forms.CharField(widget=forms.HiddenInput)
    reason = forms.CharField(
        max_length=2000,
        label="Why not?",
        help_text="Say what would have to change for a yes.",
        error_messages={"required": "Say why, so that the requester knows what to change."},
        widget=forms.Textarea(attrs={"rows": 2}),
    )
