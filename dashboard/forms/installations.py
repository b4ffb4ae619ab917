"""That a copy of the control database may run migrations, and why."""

from __future__ import annotations

from typing import Any

from django import forms

from dashboard.forms.skips import Reason
from dashboard.models import Installation


class ConfirmCopyForm(Reason):
    """`identity` is the installation that was on the page."""

    identity = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, installation: Installation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["identity"].initial = installation.identity.hex
        self.fields["reason"].label = "What became of the original?"
