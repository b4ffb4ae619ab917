"""How a migration that broke off is settled."""

from __future__ import annotations

from typing import Any

from django import forms

from dashboard.forms.plans import PlanForm
from dashboard.forms.skips import ReasonForm
from dashboard.models.environments import Environment
from dashboard.services import unfinished
from dashboard.services.unfinished import BrokenOff, WayOn


class WayForm(forms.Form):
    way = forms.ChoiceField(choices=[(way.value, way.value) for way in WayOn])

    def chosen(self) -> str:
        """Empty where none was sent that anybody knows."""
        return self.cleaned_data["way"] if self.is_valid() else ""


class ResetForm(ReasonForm):
    """`mark` is the journal that was on the page."""

    mark = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, broken_off: BrokenOff, environment: Environment, **kwargs: Any) -> None:
        super().__init__(*args, environment=environment, initial={"mark": broken_off.mark}, **kwargs)
        self.broken_off = broken_off
        self.fields["reason"].label = "What have you undone, and how?"

    def clean_mark(self) -> str:
        mark: str = self.cleaned_data["mark"]
        unfinished.check_shown(self.broken_off, mark, self.environment)
        return mark

    @property
    def sent(self) -> dict[str, str]:
        reason = self.cleaned_data["reason"]
        fields = {self.add_prefix("mark"): self.cleaned_data["mark"], self.add_prefix("reason"): reason}
        return {"way": WayOn.RESET.value, **fields, "reason": reason}


class GoOnForm(PlanForm):
    """Goes on with what broke off. Rows are saved when a migration begins, so not any more."""

    can_save = False


type SettleForm = GoOnForm | ResetForm
