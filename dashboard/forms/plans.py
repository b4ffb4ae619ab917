"""What people send about a plan: which one they saw, what they accept, why they want it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from config.environments import Requirement
from dashboard.engine.errors import EngineError
from dashboard.engine.planner import Plan
from dashboard.models.environments import Environment
from dashboard.services import evidence, plans, policies, validity
from dashboard.services.evidence import Evidence

NOTHING_FOUND = Evidence()


class ApplyQuery(forms.Form):
    """`?upto=009` leaves out what comes later."""

    upto = forms.CharField(required=False, max_length=64)

    def version(self) -> str | None:
        return (self.is_valid() and self.cleaned_data["upto"]) or None


class PlanForm(forms.Form):
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
        widget=forms.Textarea(attrs={"rows": 2}),
        label="Why may it go without a way back?",
        error_messages={"required": "It has no rollback, and one is asked for here: say why it may go without."},
        max_length=2000,
    )
    typed_name = forms.CharField(
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )

    def __init__(
        self,
        data: Any = None,
        *,
        plan: Plan,
        environment: Environment,
        asks: bool,
        found: Evidence = NOTHING_FOUND,
        prefix: str | None = None,
    ) -> None:
        """`asks`: it opens a request, which wants a reason; else it runs, which wants the name typed."""
        super().__init__(data, initial={"digest": plan.digest}, prefix=prefix)
        self.plan, self.environment, self.asks = plan, environment, asks
        self._offer_warnings()
        self._ask_for_the_way_back(found)
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
    def submission(self) -> dict[str, Any]:
        """For decisions.submit."""
        return {name: value for name, value in self.cleaned_data.items() if name != "digest"}


def as_field_error(check: Any) -> None:
    """The service's own refusal, said beside the field."""
    try:
        check()
    except EngineError as error:
        raise ValidationError(f"{error} {error.next_step}") from None
