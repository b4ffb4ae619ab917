"""Requests in lists: what each row looks like, and where the tabs lead."""

from __future__ import annotations

import pytest

from dashboard.models import ChangeRequest
from dashboard.presenters import requests, statuses
from dashboard.selectors.requests import Tab
from tests.presenters import values

Status = ChangeRequest.Status


@pytest.mark.parametrize("status", Status)
def test_a_row_looks_like_its_state(status: str):
    row = requests.row(values.request(status))
    assert row.pill == statuses.REQUEST[status]
    assert values.page_of(row.url) == ("request", {"pk": 3})
    assert (row.place.slug, row.by, row.reason) == ("production", "alice", "Needed.")
    values.assert_sound(row)


def test_an_end_is_told_of_what_is_not_closed():
    open_, closed = values.request(), values.request(Status.DONE, closed_at=values.MOMENT)
    assert requests.row(open_).expires_at == open_.expires_at
    assert requests.row(closed).expires_at is None


@pytest.mark.parametrize("current", Tab)
def test_the_tabs_stand_in_one_order_and_one_of_them_is_open(current: Tab):
    made = requests.tabs(current, {Tab.NEEDS_ME: 2, Tab.OPEN: 5})
    assert [tab.url for tab in made] == ["?tab=me", "?tab=open", "?tab=done"]
    assert [tab.count for tab in made] == [2, 5, 0]
    assert [tab.current for tab in made] == [tab is current for tab in Tab]
    assert all(tab.label for tab in made)


def test_every_tab_says_something_where_it_is_empty():
    assert set(requests.EMPTY) == set(Tab)
    assert all(title and sentence for title, sentence in requests.EMPTY.values())


@pytest.mark.parametrize("tab", Tab)
def test_where_no_request_is_open_the_way_to_one_is_shown(tab: Tab):
    button = requests.way_to_open_one(tab)
    assert (button is not None) is (tab is Tab.OPEN)
    assert button is None or values.page_of(button.url) == ("overview", {})


def test_a_request_outlives_its_environment_and_stays_protected():
    place = requests.row(values.request(environment="gone")).place
    assert (place.slug, place.url) == ("gone", "")
    assert values.request_state(values.request(environment="gone")).environment.protected
