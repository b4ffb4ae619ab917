"""Mending a history: a tab for each action, a box for each migration."""

from __future__ import annotations

import pytest

from dashboard.engine.plan import Action
from dashboard.engine.status import State
from dashboard.presenters import repairs as presenter
from dashboard.presenters.repairs import RepairPage
from dashboard.services import repairs
from tests.presenters import values

STATUSES = [values.status(f"{n:03}", state=state) for n, state in enumerate(State, start=1)]


def page(action: Action, statuses: list = STATUSES) -> RepairPage:  # type: ignore[type-arg]
    return presenter.page(action, repairs.candidates(statuses), values.STAGING)


@pytest.mark.parametrize("action", repairs.OFFERED)
def test_each_action_is_offered_where_it_can_be_done(action: Action):
    made = page(action)
    assert [tab.label for tab in made.tabs if tab.is_here] == [presenter.WORDS[action].label]
    assert made.picks
    assert len(made.picks) == made.total == next(tab.count for tab in made.tabs if tab.is_here)
    values.assert_sound(made)


def test_what_the_log_knows_of_is_not_marked_by_hand():
    assert {pick.pill.label for pick in page(Action.MARK_APPLIED).picks}.isdisjoint({"Record is gone", "Conflict"})


def test_of_very_many_some_have_no_box():
    made = page(Action.SKIP, [values.status(f"{n:04}") for n in range(presenter.SHOWN + 7)])
    assert (len(made.picks), made.hidden) == (presenter.SHOWN, 7)


def test_a_baseline_is_one_version_with_all_before_it():
    assert page(Action.BASELINE).covers_all_before
    assert not page(Action.SKIP).covers_all_before
