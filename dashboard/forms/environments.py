from __future__ import annotations

from django import forms
from django.urls import reverse

from dashboard.models.environments import Environment


class RefreshForm(forms.Form):
    """Where to go after a look: the page that asked for it."""

    back = forms.ChoiceField(choices=[("overview", ""), ("environments", "")], required=False)

    def url(self, environment: Environment) -> str:
        page = self.cleaned_data["back"] if self.is_valid() else ""
        return reverse(page) if page else reverse("environment", args=[environment.slug])
