"""Two databases side by side: whatever differs is marked, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from dashboard.engine.migration import AppliedMigration, History, Kind
from dashboard.presenters import rebinding as presenter
from dashboard.presenters.rebinding import DatabaseComparison, Row
from tests.presenters import values

LATER = values.MOMENT + timedelta(days=1)


def compared(**changes: Any) -> DatabaseComparison:
    return presenter.comparison(values.rebinding(**changes), values.STAGING)


def rows(*before: AppliedMigration, now: tuple[AppliedMigration, ...] = ()) -> list[tuple[str, str]]:
    """What the last three say: how many, the newest, the last."""
    made = compared(before=values.history(*before), now=values.history(*now))
    return [(row.bound, row.current) for row in made.rows[3:]]


def test_a_difference_warns_and_what_is_the_same_has_no_pill():
    assert Row(name="x", bound="a", current="a").pill is None
    pill = Row(name="x", bound="a", current="b").pill
    assert pill is not None
    assert values.looks(pill) == ("warn", "attention")


def test_who_it_is_comes_before_what_it_holds():
    made = compared().rows
    assert len(made) == len({row.name for row in made}) == 6
    assert [(row.bound, row.current) for row in made[:3]] == [("app", "restored"), ("7301", "7301"), ("16384", "16999")]
    assert [row.pill is not None for row in made[:3]] == [True, False, True]


def test_another_server_is_marked():
    target = values.target(system_identifier="9999")
    made = compared(current=target).rows
    assert [row.pill is not None for row in made[:3]] == [False, True, False]


OLD, NEW = values.applied("002", "b"), values.applied("010", "a", applied_at=LATER)


@pytest.mark.parametrize(
    ("before", "count", "newest", "last"),
    [
        pytest.param((), "0", "none", "never", id="nothing"),
        pytest.param((OLD,), "1", "002_b", "2026-03-05 14:30:15 UTC", id="one"),
        pytest.param((NEW, OLD), "2", "010_a", "2026-03-06 14:30:15 UTC", id="two"),
        pytest.param((values.applied("9", "z"), values.applied("010", "a")), "2", "010_a", None, id="by number"),
        pytest.param((values.applied("006", "a"), values.applied("006", "b")), "2", "006_b", None, id="one number"),
        pytest.param((OLD, values.applied("011", "x", success=False)), "1", "002_b", None, id="a failed attempt"),
        pytest.param((OLD, values.applied("011", "x", kind=Kind.SKIPPED)), "1", "002_b", None, id="a skipped one"),
        pytest.param((values.applied(applied_at=None),), "1", "001_users", "never", id="a moment nobody kept"),
    ],
)
def test_what_is_recorded_in_it(before: tuple[AppliedMigration, ...], count: str, newest: str, last: str | None):
    counted, youngest, latest = rows(*before)
    assert (counted[0], youngest[0]) == (count, newest)
    assert last is None or latest[0] == last
    assert (counted[1], youngest[1], latest[1]) == ("0", "none", "never")


def test_both_sides_are_read_alike():
    assert all(bound == target for bound, target in rows(OLD, NEW, now=(NEW, OLD)))


def test_the_highest_number_need_not_be_what_was_recorded_last():
    early, late = values.applied("010", "a"), values.applied("002", "b", applied_at=LATER)
    _, newest, last = rows(early, late)
    assert newest[0] == "010_a"
    assert last[0].startswith("2026-03-06")


def test_moments_are_told_in_utc():
    berlin = datetime(2026, 3, 5, 16, 30, 15, tzinfo=timezone(timedelta(hours=2)))
    assert berlin.astimezone(UTC) == values.MOMENT
    assert rows(values.applied(applied_at=berlin))[2][0] == "2026-03-05 14:30:15 UTC"


@pytest.mark.parametrize(
    "history", [None, values.history(), History(exists=False)], ids=["unseen", "empty", "no table"]
)
def test_a_history_that_is_not_there_counts_as_none(history: History | None):
    last = values.look(history=history)
    made = compared(last=last).rows
    assert [row.bound for row in made[3:]] == ["0", "none", "never"]


@pytest.mark.parametrize(
    ("known_as", "words"),
    [((), ""), (("Production",), "Production"), (("Production", "Test"), "Production and Test")],
    ids=["none", "one", "two"],
)
def test_other_environments_that_are_this_database_are_named(known_as: tuple[str, ...], words: str):
    assert compared(known_as=known_as).known_as == words


def test_it_says_where_the_url_comes_from_and_when_the_old_one_was_seen():
    made = compared()
    assert (made.variable, made.seen_at) == (values.STAGING.variable, values.MOMENT)
    assert not [part for part in values.inside(made) if "s3cret" in str(part)]


def test_it_is_sound():
    made = compared(current=values.target(database=values.HOSTILE))
    values.assert_sound(made, [row.pill for row in made.rows])
