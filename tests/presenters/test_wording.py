"""Quantities are right in number and unit, whatever words stand around them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.engine.migration import LoggedSuccess
from dashboard.engine.planner import rollback_reach
from dashboard.presenters import wording
from tests.presenters import values


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 hours"),
        (1, "1 hour"),
        (2, "2 hours"),
        (23, "23 hours"),
        (24, "24 hours"),
        (25, "25 hours"),
        (36, "36 hours"),
        (47, "47 hours"),
        (48, "2 days"),
        (72, "3 days"),
        (73, "73 hours"),
        (168, "7 days"),
    ],
)
def test_hours_are_days_where_these_are_whole_and_more_than_one(count: int, words: str):
    assert wording.hours(count) == words


@settings(deadline=None)  # a busy machine is no fault
@given(st.integers(min_value=0, max_value=10_000))
def test_hours_lose_nothing(count: int):
    number, unit = wording.hours(count).split()
    assert int(number) * (24 if unit.startswith("day") else 1) == count
    assert unit.endswith("s") == (number != "1")


@pytest.mark.parametrize(
    ("milliseconds", "number"),
    [(1, "0.001"), (250, "0.25"), (1000, "1"), (1500, "1.5"), (3000, "3"), (60_000, "60"), (3_600_000, "3600")],
)
def test_a_limit_is_told_in_seconds(milliseconds: int, number: str):
    assert values.says(wording.limit(milliseconds), f"{number} s")


@settings(deadline=None)  # a busy machine is no fault
@given(st.integers(min_value=1, max_value=999_999))
def test_a_limit_is_never_rounded_away(milliseconds: int):
    match = re.search(r"([0-9.]+) s$", wording.limit(milliseconds))
    assert match
    assert round(float(match[1]) * 1000) == milliseconds


def test_no_limit_names_no_number():
    assert not re.search(r"\d", wording.limit(0))
    assert wording.limit(0) != wording.limit(1)


# Why a rollback reaches no further


def test_a_rollback_ends_where_no_script_was_captured():
    reach = rollback_reach(values.history(values.applied("001", "a", rollback_script=None)))
    assert reach.end
    assert values.says(wording.why_reach_ends(reach), "captured")


def test_a_record_that_is_gone_is_named_before_a_script_that_is_missing():
    gone = LoggedSuccess(version="004", name="d", at=values.MOMENT)
    reach = rollback_reach(values.history(values.applied("001", "a", rollback_script=None), contradicted=(gone,)))
    why = wording.why_reach_ends(reach)
    assert "004_d" in why
    assert not values.says(why, "captured")
