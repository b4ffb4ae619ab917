"""How what broke off is settled: by a way that is known, on a journal that was on the page."""

from __future__ import annotations

import pytest

from dashboard.forms.settling import ResetForm, WayForm
from dashboard.services.errors import PageOutdated
from dashboard.services.unfinished import WayOn
from tests.presenters import values

BROKEN_OFF = values.broken_off(mark="m" * 8)


@pytest.mark.parametrize("way", WayOn)
def test_every_way_can_be_chosen(way: str):
    assert WayForm({"way": way}).chosen() == way


@pytest.mark.parametrize("data", [{}, {"way": ""}, {"way": "ignore"}], ids=["none", "empty", "unknown"])
def test_any_other_is_none(data: dict[str, str]):
    assert WayForm(data).chosen() == ""


def reset(**changes: str) -> ResetForm:
    data = {"mark": BROKEN_OFF.mark, "reason": "I dropped the table.", **changes}
    return ResetForm(data, broken_off=BROKEN_OFF, environment=values.STAGING)


def test_starting_over_wants_to_know_what_was_undone():
    form = reset()
    assert form.is_valid()
    assert form.sent["reason"] == "I dropped the table."


@pytest.mark.parametrize("name", ["mark", "reason"])
def test_nothing_of_it_can_be_left_out(name: str):
    form = reset(**{name: " "})
    assert not form.is_valid()
    assert set(form.errors) == {name}


def test_another_journal_than_the_one_on_the_page_is_refused_outright():
    with pytest.raises(PageOutdated):
        reset(mark="of another one").is_valid()


def test_the_page_carries_the_mark_of_what_it_shows():
    form = ResetForm(broken_off=BROKEN_OFF, environment=values.STAGING)
    assert form["mark"].value() == BROKEN_OFF.mark
    assert form["mark"].is_hidden


def test_it_asks_another_question_than_a_skip_does():
    from dashboard.forms.skips import UnskipForm

    other = UnskipForm(environment=values.STAGING)
    assert reset().fields["reason"].label != other.fields["reason"].label
