"""What an approver, a requester and whoever runs an approved request send."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from dashboard.forms.plans import NameTyped, RowsTyped
from dashboard.models.environments import Environment
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

    field_order = ("digest", "shown_rows", "comment", "unjudged", "no_change", "typed_rows", "typed_name", "then")

    def __init__(self, *args: Any, changes_nothing: Sequence[str] = (), **kwargs: Any) -> None:
        """`changes_nothing`: of which migrations that was seen, a sentence each."""
        super().__init__(*args, **kwargs)
        if changes_nothing:
            self.fields["no_change"] = forms.BooleanField(
                label="I know that not all of it changes something, and approve it all the same",
                help_text=" ".join(changes_nothing),
                error_messages={"required": "Nothing was approved: say that you know what changes nothing."},
            )
        if self.plan.unjudged:
            self.fields["unjudged"] = forms.BooleanField(
                label="I have read the SQL that is put together while it runs",
                error_messages={
                    "required": "Nothing was approved: say that you have read what cannot be judged beforehand."
                },
            )
        self.order_fields(self.field_order)

    @property
    def runs(self) -> bool:
        return self.data.get("then") == "run"

    @property
    def decision(self) -> dict[str, Any]:
        """For approvals.approve."""
        return {
            "digest": self.cleaned_data["digest"],
            "reason": self.cleaned_data["comment"],
            "accepts_no_change": bool(self.cleaned_data.get("no_change")),
        }

    def wants_name(self) -> bool:
        return self.runs


class ScheduleForm(_RunningForm):
    """When a worker starts it, by the clock of the environment's time zone."""

    start = forms.DateTimeField(
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"required": "Say when it is to start.", "invalid": "Write it like 2026-12-24 22:00."},
    )

    field_order = ("start", "typed_rows", "shown_rows", "typed_name")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["start"].label = f"Start at (time of {self.environment.calendar.zone})"

    def clean_start(self) -> datetime:
        calendar = self.environment.calendar
        wall: datetime = self.cleaned_data["start"].replace(tzinfo=None)
        if not calendar.shows(wall):
            raise ValidationError(f"The clocks of {calendar.zone} never show that time: they are put forward then.")
        return calendar.instant(wall)


class CommentForm(forms.Form):
    text = forms.CharField(
        max_length=4000,
        label="Comment",
        help_text="Plain text. @name mentions someone.",
        error_messages={"required": "Write something first."},
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class BreakGlassForm(NameTyped):
    digest = forms.CharField(widget=forms.HiddenInput)
    reason = forms.CharField(
        max_length=2000,
        label="Why can it not wait?",
        help_text="Whoever reviews it reads this first.",
        error_messages={"required": "Say why it cannot wait for an approval."},
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, environment: Environment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.environment = environment
        self.ask_for_name(f"Type {environment.slug} to open it")


class ReviewForm(forms.Form):
    comment = forms.CharField(
        max_length=2000,
        label="What did you find?",
        error_messages={"required": "Say what you found, so that the review says something."},
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class RejectForm(forms.Form):
    digest = forms.CharField(widget=forms.HiddenInput)
    reason = forms.CharField(
        max_length=2000,
        label="Why not?",
        help_text="Say what would have to change for a yes.",
        error_messages={"required": "Say why, so that the requester knows what to change."},
        widget=forms.Textarea(attrs={"rows": 2}),
    )
