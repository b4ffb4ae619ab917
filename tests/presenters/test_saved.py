"""Saved rows as people find them again: whether they can come back, and why not."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.engine.database.saved import Outlook
from dashboard.engine.plan import Action
from dashboard.presenters import saved as presenter
from dashboard.presenters.saved import GroupView, KeptView
from dashboard.services.saved import Kept
from tests.presenters import values

BROUGHT_BACK = {"brought_back_at": values.MOMENT, "brought_back_by": "carol", "brought_back_in": "4711"}

pytestmark = pytest.mark.django_db


def view(*kept: Kept) -> GroupView:
    return presenter.view(values.group(*kept), values.STAGING)


def one(obstacle: str = "", **changes: Any) -> KeptView:
    return view(values.kept(obstacle, **changes)).kept[0]


PILLS = {
    "fits, and was not counted": ({}, ("info", "rollback")),
    "does not fit": ({"obstacle": "the table is gone"}, ("warn", "attention")),
    "was empty": ({"rows": 0}, ("muted", "skip")),
    "was empty and does not fit": ({"rows": 0, "obstacle": "x"}, ("muted", "skip")),
    "is back": (BROUGHT_BACK, ("ok", "ok")),
    "is back, and would not fit again": ({**BROUGHT_BACK, "obstacle": "x"}, ("ok", "ok")),
    "was empty, once brought back": ({"rows": 0, **BROUGHT_BACK}, ("muted", "skip")),
    "dropped by hand": ({"exists": False}, ("muted", "missing")),
    "dropped, once brought back": ({"exists": False, **BROUGHT_BACK}, ("muted", "missing")),
    "dropped and empty": ({"exists": False, "rows": 0}, ("muted", "missing")),
}


@pytest.mark.parametrize("case", PILLS)
def test_its_pill(case: str):
    changes, expected = PILLS[case]
    assert values.looks(one(**changes).pill) == expected


def test_no_two_of_them_look_alike():
    assert len({one(**changes).pill for changes, _ in PILLS.values()}) == 5


SENTENCES = {
    "fits, and was not counted": ({}, "counted"),
    "was empty": ({"rows": 0, "obstacle": "the table is gone"}, ""),
    "does not fit": ({"obstacle": "the table is gone"}, "the table is gone"),
    "is back": (BROUGHT_BACK, "4711"),
    "is back, and would not fit again": ({**BROUGHT_BACK, "obstacle": "the table is gone"}, "the table is gone"),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_what_is_said_of_it(case: str):
    changes, names = SENTENCES[case]
    sentence = one(**changes).sentence
    assert names in sentence
    assert bool(sentence) is bool(names)


OUTLOOKS = {
    "comes back": (Outlook(fills=3, differs=1, gone=1), ("info", "rollback"), "", ""),
    "only over what stands there": (Outlook(fills=0, differs=3), ("warn", "attention"), "by itself", ""),
    "has no row to return to": (Outlook(fills=0, differs=0, gone=3), ("warn", "attention"), "Nothing can", "rows"),
    "stands there as it was": (Outlook(fills=0, differs=0), ("ok", "ok"), "nothing is left", "Nothing is left"),
}


@pytest.mark.parametrize("case", OUTLOOKS)
def test_what_was_counted_decides_what_is_said_of_it(case: str):
    outlook, looks, says, _ = OUTLOOKS[case]
    made = one(outlook=outlook)
    assert values.looks(made.pill) == looks
    assert says in made.sentence


def test_no_two_outlooks_have_one_word():
    assert len({one(outlook=outlook).pill.label for outlook, *_ in OUTLOOKS.values()}) == len(OUTLOOKS)


@pytest.mark.parametrize("case", OUTLOOKS)
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_brings_nothing_says_why_and_is_not_offered(case: str, overwrite: bool):
    outlook, _, _, why = OUTLOOKS[case]
    group = values.group(values.kept(outlook=outlook))
    brings = bool(outlook.fills or (overwrite and outlook.differs))
    reason = presenter.why_nothing(group, overwrite=overwrite)
    assert bool(reason) is not brings
    assert why in reason
    assert presenter.view(group, values.STAGING).bring_back.show is bool(outlook.fills or outlook.differs)


def test_one_copy_that_comes_back_is_enough():
    nothing, some = Outlook(fills=0, differs=0, gone=1), Outlook(fills=1, differs=0)
    group = values.group(values.kept(outlook=nothing), values.kept(outlook=some))
    assert presenter.why_nothing(group, overwrite=False) == ""


def test_who_brought_it_back_is_named():
    assert "carol" in one(**BROUGHT_BACK).sentence


def test_a_copy_that_was_dropped_says_so():
    assert one(exists=False).sentence


@pytest.mark.parametrize(("rows", "words"), [(0, "0"), (7, "7"), (1_234_567, "1,234,567")])
def test_its_rows_are_counted(rows: int, words: str):
    assert one(rows=rows).rows == words


def test_it_says_what_was_saved_and_where():
    kept = one(copy=values.copy("users", columns=("plan",), saved="users_7"))
    assert (kept.what, kept.table) == ("platform.users (plan)", "signalbox_saved.users_7")


# The group


@pytest.mark.parametrize(
    ("action", "rolls_back"), [(Action.ROLLBACK, True), (Action.APPLY, False)], ids=["rollback", "apply"]
)
def test_its_title_names_the_migration_and_the_direction(action: Action, rolls_back: bool):
    title = view(values.kept(action=action.value, version="010", name="plans")).title
    assert "010_plans" in title
    assert ("rollback" in title) is rolls_back


def test_its_title_is_that_of_the_first_copy_and_all_are_listed_in_order():
    made = view(values.kept(copy=values.copy("b")), values.kept(copy=values.copy("a")))
    assert [kept.what for kept in made.kept] == ["platform.b", "platform.a"]
    assert (made.by, made.at) == ("alice", values.MOMENT)


@pytest.mark.parametrize(
    ("kept", "shown"),
    [
        pytest.param([values.kept()], True, id="one that fits"),
        pytest.param([values.kept("gone"), values.kept()], True, id="one of two"),
        pytest.param([values.kept(**BROUGHT_BACK)], True, id="once more"),
        pytest.param([values.kept("gone")], False, id="none fits"),
        pytest.param([values.kept(rows=0)], False, id="nothing to bring"),
    ],
)
def test_it_can_be_brought_back_where_something_fits(kept: list[Kept], shown: bool):
    assert view(*kept).bring_back.show is shown


def test_bringing_back_leads_to_its_page():
    button = view(values.kept(run_id="7", version="010", name="plans")).bring_back
    place = {"slug": "staging", "run_key": "7", "version": "010", "name": "plans"}
    assert values.page_of(button.url) == ("bring-back", place)
    assert (button.method, button.icon, button.reason) == ("get", "rollback", "")


# The run that saved it


def test_a_run_of_ours_is_linked():
    made = view(values.kept(run=7, run_id="7"))
    assert values.page_of(made.run_url) == ("run", {"pk": 7})
    assert made.run == "7"


@pytest.mark.parametrize("run_id", ["", "999999", "0b5c-uuid", "-1", "²", "9" * 30])
def test_a_run_nobody_knows_here_is_named_without_a_link(run_id: str):
    made = view(values.kept(run_id=run_id or "none"))
    assert (made.run_url, made.run) == ("", run_id or "none")


@pytest.mark.parametrize("case", PILLS)
def test_every_group_is_sound(case: str):
    values.assert_sound(view(values.kept(**PILLS[case][0])))


def test_hostile_names_stay_text():
    values.assert_sound(view(values.kept(copy=values.copy(values.HOSTILE), name=values.HOSTILE)))


@pytest.mark.parametrize("case", PILLS)
def test_what_does_not_fit_leads_to_the_migration_that_may_make_its_place(case: str):
    changes, _ = PILLS[case]
    made = one(**changes)
    if made.pill is presenter.BLOCKED:
        assert values.page_of(made.url) == ("migration", {"version": "001", "name": "users"})
    else:
        assert made.url == ""
