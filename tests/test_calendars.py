"""Windows and freezes by the clock on the wall, through both changes of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from config import calendars
from config.calendars import Calendar, NotACalendar

BERLIN = "Europe/Berlin"
OFFICE = Calendar(zone=BERLIN, windows=(calendars.window("Mon-Thu 09:00-17:00"),))
NIGHT = Calendar(zone=BERLIN, windows=(calendars.window("Sat 22:00-02:30"),))
CHRISTMAS = calendars.freeze(date(2026, 12, 20), date(2027, 1, 3), "Christmas")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        pytest.param("2026-01-12 08:00", True, id="winter: 09:00 in Berlin"),
        pytest.param("2026-01-12 07:59", False, id="winter: 08:59 in Berlin"),
        pytest.param("2026-07-13 07:00", True, id="summer: 09:00 in Berlin"),
        pytest.param("2026-07-13 15:00", False, id="summer: 17:00 in Berlin"),
        pytest.param("2026-01-16 10:00", False, id="a Friday"),
    ],
)
def test_a_window_follows_the_clock_on_the_wall(moment: str, is_open: bool) -> None:
    assert OFFICE.is_open(at(moment)) is is_open


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        pytest.param("2026-10-24 19:59", False, id="before it"),
        pytest.param("2026-10-24 20:00", True, id="it opens on Saturday"),
        pytest.param("2026-10-25 00:10", True, id="02:10, the first time"),
        pytest.param("2026-10-25 01:10", True, id="02:10, the second time"),
        pytest.param("2026-10-25 01:30", False, id="02:30, the second time"),
        pytest.param("2026-03-29 00:30", True, id="01:30, before an hour is left out"),
        pytest.param("2026-03-29 01:00", False, id="03:00, after it"),
    ],
)
def test_a_window_goes_on_past_midnight_and_through_the_change_of_the_clocks(moment: str, is_open: bool) -> None:
    assert NIGHT.is_open(at(moment)) is is_open


def test_a_freeze_is_closed_from_its_first_day_to_its_last() -> None:
    calendar = Calendar(zone=BERLIN, freezes=(CHRISTMAS,))
    moments = ("2026-12-19 22:59", "2026-12-19 23:00", "2027-01-03 22:59", "2027-01-03 23:00")
    assert [calendar.is_open(at(moment)) for moment in moments] == [True, False, False, True]


def test_the_next_opening_is_after_the_freeze_and_in_a_window() -> None:
    calendar = Calendar(zone=BERLIN, windows=OFFICE.windows, freezes=(CHRISTMAS,))
    assert calendar.next_opening(at("2026-12-23 12:00")) == at("2027-01-04 08:00")
    assert calendar.next_opening(at("2026-12-14 12:00")) == at("2026-12-14 12:00")


def test_a_window_that_begins_in_the_hour_left_out_opens_at_its_end() -> None:
    calendar = Calendar(zone=BERLIN, windows=(calendars.window("Sun 02:30-04:00"),))
    assert calendar.next_opening(at("2026-03-28 12:00")) == at("2026-03-29 01:00")


def test_a_time_that_no_clock_shows_is_told() -> None:
    assert not OFFICE.shows(datetime(2026, 3, 29, 2, 30))
    assert OFFICE.shows(datetime(2026, 10, 25, 2, 30))


def test_of_the_hour_that_comes_twice_the_first_is_meant_unless_the_last_is_asked_for() -> None:
    wall = datetime(2026, 10, 25, 2, 30)
    assert (OFFICE.instant(wall), OFFICE.instant(wall, last=True)) == (at("2026-10-25 00:30"), at("2026-10-25 01:30"))


def test_without_windows_it_is_always_open() -> None:
    assert calendars.ALWAYS_OPEN.is_open(at("2026-01-01 00:00"))


@pytest.mark.parametrize("text", ["Mon-Thu", "Mo 09:00-17:00", "Mon 9-17", "Mon 09:00-25:00", ""])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(NotACalendar, match="is no window"):
        calendars.window(text)


@pytest.mark.parametrize("name", ["Europe/Nowhere", "../etc/passwd", "CEST+1"])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(NotACalendar, match="is no time zone"):
        calendars.zone_of(name)


def test_a_freeze_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(NotACalendar, match="ends before it begins"):
        calendars.freeze(date(2026, 12, 20), date(2026, 12, 18))
