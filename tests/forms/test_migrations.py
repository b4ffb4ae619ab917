"""The filter of the list of migrations: what is not understood is not applied."""

from __future__ import annotations

import pytest

from dashboard.engine.status import State
from dashboard.forms.migrations import MigrationFilter
from dashboard.presenters.migrations import ATTENTION


@pytest.mark.parametrize("state", [*State, ATTENTION])
def test_every_state_can_be_chosen_and_so_can_what_needs_somebody(state: str):
    assert MigrationFilter({"state": state}).state_chosen == state


@pytest.mark.parametrize("state", ["", "gone", "PENDING"])
def test_any_other_filters_nothing(state: str):
    assert MigrationFilter({"state": state}).state_chosen == ""


@pytest.mark.parametrize(
    ("sent", "words"),
    [("users", "users"), ("  users ", "users"), ("", ""), ("x" * 200, "x" * 200), ("x" * 201, "")],
    ids=["a word", "with blanks", "none", "long", "too long"],
)
def test_what_is_searched_for(sent: str, words: str):
    assert MigrationFilter({"q": sent}).words == words


def test_one_that_is_not_understood_leaves_the_other():
    form = MigrationFilter({"q": "users", "state": "gone"})
    assert (form.words, form.state_chosen) == ("users", "")
    assert set(form.errors) == {"state"}


def test_choices_begin_with_all_and_no_two_read_alike():
    choices = MigrationFilter({}).fields["state"].choices  # type: ignore[attr-defined]
    labels = [label for _, label in choices]
    assert [value for value, _ in choices][:2] == ["", ATTENTION]
    assert len(labels) == len(set(labels)) == len(State) + 2
