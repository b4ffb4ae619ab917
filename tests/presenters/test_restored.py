"""What a rollback left of the schema: as before, but for the order of columns, or not."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.engine.schema.diff import Difference
from dashboard.presenters import restored as presenter
from dashboard.presenters.restored import Restoration
from dashboard.selectors.restored import ChangedBy, Restored
from tests.presenters import values

LEFT = values.difference("table public.left_behind")
OTHER = values.difference("table public.other")


def view(*differences: Difference, **others: Any) -> Restoration:
    return presenter.view(Restored(applied=values.run(pk=4711), since="009", differences=differences, **others))


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        pytest.param((), ("ok", "ok"), id="as before"),
        pytest.param((values.ORDER,), ("info", "info"), id="another order of columns"),
        pytest.param((LEFT,), ("warn", "attention"), id="something left"),
        pytest.param((values.ORDER, LEFT), ("warn", "attention"), id="order and something left"),
    ],
)
def test_how_it_looks(differences: tuple[Difference, ...], expected: tuple[str, str]):
    made = view(*differences)
    assert (made.tone, made.icon) == expected
    assert made.icon in values.drawn_icons()


@pytest.mark.parametrize("differences", [(), (values.ORDER,), (LEFT,)], ids=["none", "order", "left"])
def test_it_says_since_when_and_leads_to_what_was_undone(differences: tuple[Difference, ...]):
    made = view(*differences)
    assert "009" in made.sentence
    assert made.run == 4711
    assert values.page_of(made.url) == ("run", {"pk": 4711})
    values.assert_sound(made)


@pytest.mark.parametrize(
    ("differences", "words"),
    [((LEFT,), "1 object differs"), ((LEFT, OTHER), "2 objects differ"), ((LEFT, values.ORDER), "2 objects differ")],
    ids=["one", "two", "with an order"],
)
def test_what_differs_is_counted(differences: tuple[Difference, ...], words: str):
    assert values.says(view(*differences).sentence, words)


def test_what_differs_is_listed_and_something_is_said_to_do_about_it():
    made = view(LEFT, OTHER)
    assert made.diff is not None
    assert made.diff.total == 2
    assert made.next_step


def test_where_all_is_as_before_nothing_is_listed_and_nothing_is_to_be_done():
    made = view()
    assert (made.diff, made.next_step) == (None, "")


def test_the_three_outcomes_read_differently():
    made = [view(), view(values.ORDER), view(LEFT)]
    assert len({each.sentence for each in made}) == len({each.next_step for each in made}) == 3


OF_ANOTHER_RUN = ChangedBy(runs=(values.run(pk=12, title="Apply 014 to Staging"),))


def test_what_others_changed_is_no_fault_of_the_rollback_and_says_whose_it_is():
    origins = {OTHER.key: OF_ANOTHER_RUN, LEFT.key: ChangedBy(by_hand=True, accepted_by="carol")}
    made = view(elsewhere=(OTHER, LEFT), origins=origins)
    assert (made.tone, made.diff, made.next_step) == ("info", None, "")
    assert made.elsewhere is not None
    reasons = [group.because for group in made.elsewhere.groups]
    assert sorted(reasons) == [
        "changed by run 12 (Apply 014 to Staging)",
        "changed outside Signalbox, accepted by carol",
    ]
    assert "2 objects were" in made.elsewhere_sentence
    values.assert_sound(made)


def test_what_the_script_left_and_somebody_changed_says_both():
    made = view(LEFT, OTHER, origins={OTHER.key: OF_ANOTHER_RUN})
    assert made.tone == "warn"
    assert made.diff is not None
    assert [(group.because, group.unexplained) for group in made.diff.groups] == [
        ("", False),
        ("changed by run 12 (Apply 014 to Staging)", False),
    ]


def test_a_run_that_nobody_saw_begin_or_end_is_named():
    assert "12" in view(LEFT, unseen=(values.run(pk=12),)).doubt
    assert view(LEFT).doubt == ""
