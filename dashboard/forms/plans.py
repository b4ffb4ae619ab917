"""What people send about a plan: which one they saw, what they accept, why they want it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from config.environments import Requirement
from dashboard.engine.errors import EngineError
from dashboard.engine.forecast.values import Forecast
from dashboard.engine.plan import Plan
from dashboard.models.environments import Environment
from dashboard.services import forecasts, plans, policies, validity
from dashboard.services.evidence import Evidence
from dashboard.services.forecasts import NO_WORD, Confirmation

NOTHING_FOUND = Evidence()

#: Of a field that takes a word letter by letter.
TYPED = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


class TypedField(forms.CharField):
    """Takes a word letter by letter. Where it may stay empty, that depends on what else is sent: its label or the
    button says when, so it is not called optional."""

    depends = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.TextInput(attrs=TYPED), **kwargs)


class NameTyped(forms.Form):
    """Takes the name of an environment, letter by letter, before something is done there that cannot be undone."""

    environment: Environment

    def ask_for_name(self, label: str, *, required: bool = True) -> None:
        self.fields["typed_name"] = TypedField(label=label, required=required)
        self.order_fields(self.field_order)

    def wants_name(self) -> bool:
        """Whether what is sent does that; else whatever was typed is right."""
        return True

    def clean_typed_name(self) -> str:
        typed: str = self.cleaned_data["typed_name"]
        if self.wants_name():
            as_field_error(lambda: policies.check_slug_typed(self.environment.slug, typed))
        return typed


class ApplyQuery(forms.Form):
    """`?upto=009` leaves out what comes later."""

    upto = forms.CharField(required=False, max_length=64)

    def version(self) -> str | None:
        return (self.is_valid() and self.cleaned_data["upto"]) or None


#: Characters.
MAX_REASON = 2000


class RowsTyped(forms.Form):
    """Where rows would be lost, their number is typed: the one on the page, though there can be more of them by now."""

    can_save = False  # rows can be saved first by a field of the form

    def __init__(
        self,
        *args: Any,
        plan: Plan,
        environment: Environment,
        forecast: Forecast | None,
        must_type_rows: bool = False,
        **kwargs: Any,
    ) -> None:
        """Without a forecast the service counts by itself, and refuses where rows would be lost."""
        super().__init__(*args, **kwargs)
        self.plan, self.environment, self.counted = plan, environment, forecast is not None
        self.forecast = forecast or Forecast()
        if self.asks_for_rows():
            self.fields["shown_rows"] = forms.CharField(
                required=False, widget=forms.HiddenInput, initial=self.forecast.word
            )
            self.fields["typed_rows"] = TypedField(
                required=must_type_rows,
                label=_rows_label(self.forecast, unless_saved=not must_type_rows and self.can_save),
                error_messages={"required": "Nothing was run: say how many rows would be lost."},
            )
            self.order_fields(self.field_order)

    def asks_for_rows(self) -> bool:
        return forecasts.needs_word(self.plan, self.forecast)

    @property
    def runs(self) -> bool:
        """Whether what is sent lets the plan run, or only asks for that."""
        return True

    @property
    def confirmation(self) -> Confirmation:
        if not self.counted:
            return NO_WORD
        typed, shown = (self.data.get(self.add_prefix(name), "") for name in ("typed_rows", "shown_rows"))
        return Confirmation(forecast=self.forecast, typed=typed, shown=shown)

    @property
    def chosen(self) -> Plan:
        """What runs."""
        return self.plan

    def clean_typed_rows(self) -> str:
        try:
            if self.runs:
                as_field_error(lambda: forecasts.check_confirmed(self.chosen, self.environment, self.confirmation))
        except ValidationError:
            sent: Any = self.data
            self.data = sent.copy()
            self.data[self.add_prefix("shown_rows")] = self.forecast.word  # type: ignore[index]  # what it shows now
            raise
        return str(self.cleaned_data["typed_rows"])


class PlanForm(RowsTyped, NameTyped):
    """The page's own plan goes back with it: what has changed meanwhile is refused, not run."""

    digest = forms.CharField(widget=forms.HiddenInput)
    can_save = True

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
        proof: Evidence = NOTHING_FOUND,
        forecast: Forecast | None = None,
        prefix: str | None = None,
    ) -> None:
        """`asks`: it opens a request, which wants a reason; else it runs, which wants the name typed."""
        self.asks = asks
        super().__init__(
            data,
            initial={"digest": plan.digest},
            prefix=prefix,
            plan=plan,
            environment=environment,
            forecast=forecast,
            must_type_rows=not (self.can_save and _saves_all(forecast)),
        )
        self.fields |= dict(self._asked_for(proof))
        if environment.protected and not asks:
            self.ask_for_name(f"Type {environment.slug} to run this on {environment.name}")
        self.order_fields(self.field_order)

    def asks_for_rows(self) -> bool:
        return not self.asks and super().asks_for_rows()

    def _asked_for(self, proof: Evidence) -> Iterator[tuple[str, forms.Field]]:
        """The fields that this plan, on this environment, makes necessary."""
        if warnings := [(w.key, w.sentence) for w in self.plan.warnings if w.needs_acceptance]:
            yield "accepted", _acceptance(warnings)
        if self.asks:
            yield "reason", _reason()
        if self.asks and proof.lacks(Requirement.REVERSIBLE):
            yield "irreversible_because", _way_back(is_certain=proof.irreversible)
        if self.can_save and self.forecast.offers_copies:
            yield "save_rows", _saving()

    def clean_digest(self) -> str:
        digest: str = self.cleaned_data["digest"]
        validity.check_shown(self.plan, digest, self.environment)
        return digest

    def clean_accepted(self) -> list[str]:
        accepted: list[str] = self.cleaned_data["accepted"]
        as_field_error(lambda: plans.check_accepted(self.plan, accepted))
        return accepted

    @property
    def saves(self) -> bool:
        """That the rows are saved first is ticked."""
        return bool(self.data.get(self.add_prefix("save_rows"))) and "save_rows" in self.fields

    @property
    def chosen(self) -> Plan:
        """The plan, with what it saves first where that was ticked."""
        return self.plan.saving(self.forecast.copies) if self.saves else self.plan

    @property
    def submission(self) -> dict[str, Any]:
        """For decisions.submit, beside the plan that was chosen."""
        own = {"digest", "save_rows", "typed_rows", "shown_rows"}
        sent = {name: value for name, value in self.cleaned_data.items() if name not in own}
        return sent | {"confirmation": self.confirmation}


# Fields


def _acceptance(warnings: Sequence[tuple[str, str]]) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        choices=warnings,
        widget=forms.CheckboxSelectMultiple,
        label="Read each warning, and tick what you accept",
        error_messages={"required": "Nothing was run: each warning has to be accepted first."},
    )


def _reason() -> forms.CharField:
    return forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        label="Why is this needed?",
        help_text="One or two sentences for whoever decides, and for whoever reads this next year.",
        max_length=MAX_REASON,
    )


def _way_back(*, is_certain: bool) -> forms.CharField:
    """A must where it is certain that there is no rollback."""
    only_if = "Only if its rollback does not restore the schema. The rehearsal shows whether it does."
    return forms.CharField(
        required=is_certain,
        label="Why may it go without a way back?",
        help_text="" if is_certain else only_if,
        error_messages={"required": "It has no rollback, and one is asked for here: say why it may go without."},
        max_length=2000,
    )


def _saving() -> forms.BooleanField:
    return forms.BooleanField(
        required=False,
        initial=True,
        label="Save the rows first",
        help_text="Whatever is there when it runs is copied into the schema signalbox_saved, and can be brought back "
        "from there. Until it is done nobody can write to these tables.",
    )


def _saves_all(forecast: Forecast | None) -> bool:
    """Whether saving the rows first keeps whatever the plan destroys."""
    copies = [copy for of_step in forecast.copies.values() for copy in of_step] if forecast else []
    return forecast is not None and forecast.is_saved_by(copies)


def _rows_label(forecast: Forecast, *, unless_saved: bool) -> str:
    unless = " (unless the rows are saved first)" if unless_saved else ""
    if not forecast.is_known:
        return f"Type {forecast.word}: nobody knows how many rows would be lost{unless}"
    return f"Type {forecast.word}, the number of rows that would be lost{unless}"


def as_field_error(check: Any) -> None:
    """The service's own refusal, said beside the field."""
    try:
        check()
    except EngineError as error:
        raise ValidationError(f"{error} {error.next_step}") from None
