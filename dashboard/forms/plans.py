"""What people send about a plan: which one they saw, what they accept, why they want it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from config.environments import Requirement
from dashboard.engine.errors import EngineError
from dashboard.engine.forecast.values import Forecast
from dashboard.engine.plan import Plan
from dashboard.models.environments import Environment
from dashboard.services import evidence, forecasts, plans, policies, validity
from dashboard.services.evidence import Evidence
from dashboard.services.forecasts import Confirmation

NOTHING_FOUND = Evidence()

#: Of a field that takes a word letter by letter.
TYPED = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


class ApplyQuery(forms.Form):
    """`?upto=009` leaves out what comes later."""

    upto = forms.CharField(required=False, max_length=64)

    def version(self) -> str | None:
        return (self.is_valid() and self.cleaned_data["upto"]) or None


class RowsTyped(forms.Form):
    """Where rows would be lost, their number is typed: the one on the page, unless there are more of them by now."""

    typed_rows = forms.CharField(
        required=False,
        widget=forms.TextInput(attrs=TYPED),
        error_messages={"required": "Nothing was run: say how many rows would be lost."},
    )
    shown_rows = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, plan: Plan, environment: Environment, forecast: Forecast | None, **kwargs: Any
    ) -> None:
        """Without a forecast the service counts by itself, and refuses where rows would be lost."""
        super().__init__(*args, **kwargs)
        self.plan, self.environment, self.counted = plan, environment, forecast is not None
        self.forecast = forecast or Forecast()
        self._ask_for_rows()

    def _ask_for_rows(self) -> None:
        if forecasts.needs_word(self.forecast, self.environment):
            self.fields["typed_rows"].label = _rows_label(self.forecast)
            self.initial["shown_rows"] = self.forecast.word
        else:
            del self.fields["typed_rows"], self.fields["shown_rows"]

    @property
    def runs(self) -> bool:
        """Whether what is sent lets the plan run, or only asks for that."""
        return True

    @property
    def confirmation(self) -> Confirmation | None:
        if not self.counted:
            return None
        typed, shown = (self.data.get(self.add_prefix(name), "") for name in ("typed_rows", "shown_rows"))
        return Confirmation(forecast=self.forecast, typed=typed, shown=shown)

    def clean_typed_rows(self) -> str:
        try:
            if self.runs:
                as_field_error(lambda: forecasts.check_confirmed(self.plan, self.environment, self.confirmation))
        except ValidationError:
            sent: Any = self.data
            self.data = sent.copy()
            self.data[self.add_prefix("shown_rows")] = self.forecast.word  # type: ignore[index]  # what it shows now
            raise
        return str(self.cleaned_data["typed_rows"])


class PlanForm(RowsTyped):
    """The page's own plan goes back with it: what has changed meanwhile is refused, not run."""

    digest = forms.CharField(widget=forms.HiddenInput)
    accepted = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        label="Read each warning, and tick what you accept",
        error_messages={"required": "Nothing was run: each warning has to be accepted first."},
    )
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        label="Why is this needed?",
        help_text="One or two sentences for whoever decides, and for whoever reads this next year.",
        max_length=2000,
    )
    irreversible_because = forms.CharField(
        label="Why may it go without a way back?",
        error_messages={"required": "It has no rollback, and one is asked for here: say why it may go without."},
        max_length=2000,
    )
    save_rows = forms.BooleanField(
        required=False,
        label="Save the rows first",
        help_text="Whatever is there by then is copied into the schema signalbox_saved, and can be brought back from "
        "there. Until it is done nobody can write to these tables.",
    )
    typed_name = forms.CharField(widget=forms.TextInput(attrs=TYPED))

    field_order = (
        *("digest", "shown_rows", "accepted", "reason", "irreversible_because"),
        *("save_rows", "typed_rows", "typed_name"),
    )

    def __init__(
        self,
        data: Any = None,
        *,
        plan: Plan,
        environment: Environment,
        asks: bool,
        found: Evidence = NOTHING_FOUND,
        forecast: Forecast | None = None,
        prefix: str | None = None,
    ) -> None:
        """`asks`: it opens a request, which wants a reason; else it runs, which wants the name typed."""
        initial = {"digest": plan.digest}
        super().__init__(data, initial=initial, prefix=prefix, plan=plan, environment=environment, forecast=forecast)
        self.asks = asks
        self._offer_warnings()
        self._ask_for_the_way_back(found)
        if asks:
            self.fields.pop("typed_rows", None)
            self.fields.pop("shown_rows", None)
        elif "typed_rows" in self.fields:
            self.fields["typed_rows"].required = True
        if not self.forecast.copies:
            del self.fields["save_rows"]
        if asks or not environment.protected:
            del self.fields["typed_name"]
        else:
            self.fields["typed_name"].label = f"Type {environment.slug} to run this on {environment.name}"
        if not asks:
            del self.fields["reason"]

    def _ask_for_the_way_back(self, found: Evidence) -> None:
        """Only where the environment wants one and none is proven; a must where it is sure that there is none."""
        if not (self.asks and found.lacks(Requirement.REVERSIBLE)):
            del self.fields["irreversible_because"]
        elif not evidence.is_irreversible(self.plan):
            field = self.fields["irreversible_because"]
            field.required = False
            field.help_text = "Only if its rollback does not restore the schema. The rehearsal shows whether it does."

    def _offer_warnings(self) -> None:
        choices = [(w.key, w.sentence) for w in self.plan.warnings if w.needs_acceptance]
        if choices:
            self.fields["accepted"].choices = choices  # type: ignore[attr-defined]
        else:
            del self.fields["accepted"]

    def clean_digest(self) -> str:
        digest: str = self.cleaned_data["digest"]
        validity.check_shown(self.plan, digest, self.environment)
        return digest

    def clean_accepted(self) -> list[str]:
        accepted: list[str] = self.cleaned_data["accepted"]
        as_field_error(lambda: plans.check_accepted(self.plan, accepted))
        return accepted

    def clean_typed_name(self) -> str:
        typed: str = self.cleaned_data["typed_name"]
        as_field_error(lambda: policies.check_name_typed(self.environment, typed))
        return typed

    @property
    def chosen(self) -> Plan:
        """The plan, with what it saves first where that was ticked."""
        return self.plan.saving(self.forecast.copies) if self.cleaned_data.get("save_rows") else self.plan

    @property
    def submission(self) -> dict[str, Any]:
        """For decisions.submit, beside the plan that was chosen."""
        own = {"digest", "save_rows", "typed_rows", "shown_rows"}
        sent = {name: value for name, value in self.cleaned_data.items() if name not in own}
        return sent | {"confirmation": self.confirmation}


def _rows_label(forecast: Forecast) -> str:
    if not forecast.is_known:
        return f"Type {forecast.word}: nobody knows how many rows would be lost"
    return f"Type {forecast.word}, the number of rows that would be lost"


def as_field_error(check: Any) -> None:
    """The service's own refusal, said beside the field."""
    try:
        check()
    except EngineError as error:
        raise ValidationError(f"{error} {error.next_step}") from None
