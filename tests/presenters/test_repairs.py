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


FITS: dict[Action, set[State]] = {
    Action.UNSKIP: {State.SKIPPED},
    Action.ACCEPT: {State.ANNOTATED},
    Action.ACCEPT_CHANGE: {State.MODIFIED},
}


@pytest.mark.parametrize("action", FITS)
def test_what_needs_one_state_is_offered_in_no_other(action: Action):
    wanted = {f"{n:03}/migration" for n, state in enumerate(State, start=1) if state in FITS[action]}
    made = presenter.page(
        action,
        repairs.candidates([values.status(f"{n:03}", "migration", state) for n, state in enumerate(State, start=1)]),
        values.STAGING,
    )
    assert {pick.value for pick in made.picks} == wanted


def test_the_tabs_stand_in_one_order_and_lead_to_their_pages():
    for here in repairs.OFFERED:
        tabs = page(here).tabs
        assert [values.page_of(tab.url) for tab in tabs] == [
            ("repair", {"slug": "staging", "action": action.value}) for action in repairs.OFFERED
        ]
        assert sum(tab.is_here for tab in tabs) == 1


def test_a_tab_counts_what_it_can_be_asked_for_also_where_that_is_nothing():
    counts = [tab.count for tab in page(Action.SKIP, [values.status("001"), values.status("002")]).tabs]
    assert counts == [2, 0, 2, 2, 0, 0]


def test_an_empty_tab_has_its_sentence_and_no_box():
    made = page(Action.UNSKIP, [values.status("001")])
    assert (made.picks, made.total, made.hidden) == ((), 0, 0)
    assert len({words.nothing for words in presenter.WORDS.values()}) == len(repairs.OFFERED)


def test_a_box_shows_how_its_migration_stands():
    (pick,) = page(Action.ACCEPT_CHANGE, [values.status("002", "plans", State.MODIFIED)]).picks
    assert (pick.value, pick.label) == ("002/plans", "002_plans")
    assert values.looks(pick.pill)[0] == "danger"
    assert pick.sentence


@pytest.mark.parametrize("action", repairs.OFFERED)
def test_its_words_say_what_is_recorded_and_ask_why(action: Action):
    words = presenter.WORDS[action]
    assert words.lede.endswith(".")
    assert words.why.endswith("?")
    assert "record" in words.lede, "whoever reads it knows that only rows change"
