"""Which file of a number does not run: all but the one that keeps it, and always with a reason."""

from __future__ import annotations

import pytest

from dashboard.engine.migration import MigrationId
from dashboard.forms.skips import NONE, SkipForm, UnskipForm
from dashboard.services.skips import Undecided
from tests.presenters import values

TWO = values.undecided("users", "plans")
USERS, PLANS = MigrationId("006", "users"), MigrationId("006", "plans")


def skip(undecided: Undecided = TWO, **data: str) -> SkipForm:
    return SkipForm({"reason": "It ran by hand.", **data}, undecided=undecided, environment=values.PRODUCTION)


@pytest.mark.parametrize(
    ("kept", "skipped"),
    [
        ("users", [PLANS]),
        ("plans", [USERS]),
        (NONE, [USERS, PLANS]),
    ],
    ids=["the first", "the second", "none"],
)
def test_all_but_the_one_that_keeps_the_number_are_skipped(kept: str, skipped: list[MigrationId]):
    form = skip(kept=kept)
    assert form.is_valid()
    assert form.skipped == skipped
    assert form.sent == {"reason": "It ran by hand.", "kept": kept}


@pytest.mark.parametrize("kept", ["", "nobody", "006_users"])
def test_one_of_them_has_to_be_chosen(kept: str):
    form = skip(kept=kept)
    assert not form.is_valid()
    assert set(form.errors) == {"kept"}


@pytest.mark.parametrize(
    "undecided",
    [
        pytest.param(values.undecided("users"), id="one file"),
        pytest.param(values.undecided("users", "plans", taken_by="006_old"), id="the number is taken"),
    ],
)
def test_where_none_can_keep_the_number_nobody_is_asked(undecided: Undecided):
    form = skip(undecided)
    assert "kept" not in form.fields
    assert form.is_valid()
    assert form.skipped == [("006", item.name) for item in undecided.files]


def test_the_choice_comes_before_the_reason_and_offers_each_file_and_none():
    form = skip()
    assert list(form.fields) == ["kept", "reason"]
    choices = form.fields["kept"].choices  # type: ignore[attr-defined]
    assert [value for value, _ in choices] == ["users", "plans", NONE]
    assert [f"006_{name}" in label for (_, label), name in zip(choices, ("users", "plans"), strict=False)] == [
        True,
        True,
    ]


def test_the_question_names_the_number_and_the_place():
    label = str(skip().fields["kept"].label)
    assert values.says(label, "006")
    assert "Production" in label


def test_no_file_can_be_called_what_stands_for_none():
    assert NONE
    assert NONE not in [item.name for item in TWO.files]


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501], ids=["nothing", "blanks", "too long"])
def test_a_reason_is_asked_for(reason: str):
    for form in (skip(reason=reason, kept=NONE), UnskipForm({"reason": reason}, environment=values.STAGING)):
        assert not form.is_valid()
        assert set(form.errors) == {"reason"}


def test_taking_a_skip_back_wants_only_a_reason():
    form = UnskipForm({"reason": "It has to run."}, environment=values.STAGING)
    assert form.is_valid()
    assert form.sent == {"reason": "It has to run."}
