"""Letting a copy run migrations asks for a reason, and for the installation that was on the page."""

from __future__ import annotations

import uuid

from django import forms

from dashboard.forms.installations import ConfirmCopyForm
from dashboard.models import Installation

COPY = Installation(identity=uuid.UUID(int=7))


def test_the_installation_goes_along_unseen():
    form = ConfirmCopyForm(installation=COPY)
    assert form["identity"].value() == COPY.identity.hex
    assert isinstance(form.fields["identity"].widget, forms.HiddenInput)


def test_it_wants_a_reason_and_the_installation():
    assert set(ConfirmCopyForm({}, installation=COPY).errors) == {"reason", "identity"}
    given = {"reason": "It burnt down", "identity": COPY.identity.hex}
    form = ConfirmCopyForm(given, installation=COPY)
    assert form.is_valid()
    assert form.cleaned_data == given
