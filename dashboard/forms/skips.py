"""Which file of a version does not run here, and why."""

from __future__ import annotations

from typing import Any

from django import forms

from dashboard.engine.migration import MigrationId
from dashboard.models.environments import Environment
from dashboard.services.skips import Undecided

#: Sent where none of the files keeps the number; no file can be called that, and it is not the empty default.
NONE = ":"


class Reason(forms.Form):
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        label="Why?",
        help_text="One sentence that a colleague will understand next year. It is kept with the record.",
        error_messages={"required": "Write why; it is kept with the record."},
        max_length=500,
    )


class ReasonForm(Reason):
    """Why it is done on this environment."""

    def __init__(self, *args: Any, environment: Environment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.environment = environment

    @property
    def sent(self) -> dict[str, str]:
        """What its preview sends back, so that the same plan is computed again."""
        return {name: value for name, value in self.cleaned_data.items() if value}


class SkipForm(ReasonForm):
    field_order = ("kept", "reason")

    def __init__(self, *args: Any, undecided: Undecided, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.undecided = undecided
        if undecided.may_keep_one:
            files = [(s.name, f"{s.label} keeps the number and stays pending") for s in undecided.files]
            self.fields["kept"] = forms.ChoiceField(
                label=f"Which file keeps the number {undecided.version} on {self.environment.name}?",
                choices=[*files, (NONE, "None of them: all are skipped")],
                widget=forms.RadioSelect,
                error_messages={"required": "Choose one of them."},
            )
            self.order_fields(self.field_order)

    @property
    def skipped(self) -> list[MigrationId]:
        return self.undecided.all_but(self.cleaned_data.get("kept", NONE))


class UnskipForm(ReasonForm):
    """Only a reason."""
