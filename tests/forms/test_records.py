"""Restoring a record wants a reason: how it is known that the migration stands."""

from __future__ import annotations

import pytest

from dashboard.forms.records import RestoreForm
from dashboard.forms.skips import UnskipForm
from tests.presenters import values


def test_it_wants_only_a_reason():
    form = RestoreForm({"reason": "The table is there."}, environment=values.PRODUCTION)
    assert list(form.fields) == ["reason"]
    assert form.is_valid()
    assert form.sent == {"reason": "The table is there."}


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501], ids=["nothing", "blanks", "too long"])
def test_without_one_it_is_refused(reason: str):
    form = RestoreForm({"reason": reason}, environment=values.STAGING)
    assert not form.is_valid()
    assert set(form.errors) == {"reason"}


def test_it_asks_another_question_than_a_skip():
    """What is asked for is how it is known, not why it is wanted."""
    restored, unskipped = (form(environment=values.STAGING) for form in (RestoreForm, UnskipForm))
    assert restored.fields["reason"].label != unskipped.fields["reason"].label
