"""What people send about a schema: that it is right as it is, and which two to compare."""

from __future__ import annotations

from typing import Any

from django import forms

from dashboard.forms.plans import NameTyped
from dashboard.models import environments
from dashboard.models.environments import Environment


class AcceptForm(NameTyped):
    """`fingerprint` is that of the schema which was on the page."""

    fingerprint = forms.CharField(widget=forms.HiddenInput)
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        label="Why is it right as it is?",
        help_text="Who changed it, when and what for. It is kept in the audit log.",
        error_messages={"required": "Write why; it is kept in the audit log."},
        max_length=2000,
    )

    def __init__(self, *args: Any, environment: Environment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.environment = environment
        if environment.protected:
            self.ask_for_name(f"Type {environment.slug} to accept the schema of {environment.name}")


class CompareQuery(forms.Form):
    """Two environments; without a choice the last two that a change reaches."""

    a = forms.ChoiceField(label="This", required=False)
    b = forms.ChoiceField(label="with", required=False)

    def __init__(self, query: Any) -> None:
        known = environments.all_environments()
        last = known[-2:]
        standard = {"a": last[0].slug, "b": last[-1].slug} if known else {}
        super().__init__({**standard, **{name: query[name] for name in ("a", "b") if name in query}})
        for name in ("a", "b"):
            self.fields[name].choices = [(e.slug, e.name) for e in known]  # type: ignore[attr-defined]

    def chosen(self) -> tuple[Environment, Environment] | None:
        """None where they are not two that are declared."""
        if not self.is_valid():
            return None
        a, b = (self.cleaned_data[name] for name in ("a", "b"))
        return (environments.get(a), environments.get(b)) if a and b and a != b else None
