"""What an administrator says of a new token."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils import timezone

from config.tokens import Scope
from dashboard.models import environments
from dashboard.presenters.tokens import scope_choices

#: The choice that makes an account.
OWN_ACCOUNT = "own"
DAYS = (7, 30, 90, 365)
USUAL_DAYS = 90


class TokenForm(forms.Form):
    name = forms.RegexField(
        r"^[A-Za-z0-9][A-Za-z0-9._-]{1,63}$",
        label="Name",
        help_text="What it is for, such as github-acme-app. Letters a to z, digits and . _ - only.",
        error_messages={"invalid": "2 to 64 letters a to z, digits and . _ - only; the first is a letter or a digit."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    account = forms.ChoiceField(
        label="Acts for",
        help_text="A CI has an account of its own, under the name of its first token. Requests and runs name it.",
    )
    scopes = forms.MultipleChoiceField(
        choices=scope_choices, widget=forms.CheckboxSelectMultiple, label="What it may do"
    )
    environments = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple, label="Where")
    days = forms.TypedChoiceField(
        choices=[(days, f"{days} days") for days in DAYS], coerce=int, initial=USUAL_DAYS, label="Expires after"
    )

    def __init__(self, *args: Any, accounts: Iterable[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._accounts = {str(user.pk): user for user in accounts}
        people = [(pk, f"{user.get_username()} (person)") for pk, user in self._accounts.items() if not _machine(user)]
        machines = [(pk, f"{user.get_username()} (machine)") for pk, user in self._accounts.items() if _machine(user)]
        offered = [(OWN_ACCOUNT, "A new account of its own, for a machine"), *machines, *people]
        self.fields["account"].choices = offered  # type: ignore[attr-defined]
        declared = [(each.slug, each.name) for each in environments.all_environments()]
        self.fields["environments"].choices = declared  # type: ignore[attr-defined]

    @property
    def wanted(self) -> dict[str, Any]:
        """For tokens.make."""
        given = self.cleaned_data
        return {
            "name": given["name"],
            "account": self._accounts.get(given["account"]),
            "scopes": [Scope(scope) for scope in given["scopes"]],
            "slugs": given["environments"],
            "expires_at": self._expiry(given["days"]),
        }

    def _expiry(self, days: int) -> datetime:
        return timezone.now() + timedelta(days=days)


def _machine(user: User) -> bool:
    return hasattr(user, "machine")
