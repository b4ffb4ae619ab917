"""When something may run: maintenance windows and freezes, by the clock on the wall of one time zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
#: How far ahead the next opening is looked for.
HORIZON_DAYS = 400

_WINDOW = re.compile(r"(?P<days>[A-Za-z,-]+) (?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)")


class NotACalendar(ValueError):
    """What was written is no window, freeze or time zone; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """`Mon-Thu 09:00-17:00`. Where the end is not after the start, it is on the next day."""

    days: frozenset[int]  # 0 is Monday: the day on which it opens
    start: time
    end: time
    text: str

    def holds(self, wall: datetime) -> bool:
        """`wall` is what the clock on the wall shows."""
        now, today, yesterday = wall.time(), wall.weekday(), (wall.weekday() - 1) % 7
        if self.start < self.end:
            return today in self.days and self.start <= now < self.end
        return (today in self.days and now >= self.start) or (yesterday in self.days and now < self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """From one moment to another, both on the wall; nothing runs in between."""

    start: datetime
    end: datetime
    reason: str

    @property
    def text(self) -> str:
        """Whole days without their midnights."""
        reason = f" ({self.reason})" if self.reason else ""
        if self.start.time() == self.end.time() == time():
            return f"{self.start:%Y-%m-%d} to {self.end - timedelta(days=1):%Y-%m-%d}{reason}"
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M}{reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Without windows it is always open, but for its freezes."""

    zone: str = "UTC"
    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()

    def is_open(self, moment: datetime) -> bool:
        if self.freeze_at(moment):
            return False
        return not self.windows or any(window.holds(self.wall(moment)) for window in self.windows)

    def freeze_at(self, moment: datetime) -> Freeze | None:
        return next((f for f in self.freezes if self.instant(f.start) <= moment < self.instant(f.end, last=True)), None)

    def next_opening(self, moment: datetime) -> datetime | None:
        """The first moment from then on at which it is open; None where none comes within HORIZON_DAYS."""
        return next((each for each in sorted(self._turns(moment)) if each >= moment and self.is_open(each)), None)

    def wall(self, moment: datetime) -> datetime:
        return moment.astimezone(zone_of(self.zone))

    def instant(self, wall: datetime, *, last: bool = False) -> datetime:
        """When the clock on the wall shows this; of the hour that comes twice in autumn the first time, or the
        `last`."""
        return wall.replace(tzinfo=zone_of(self.zone), fold=int(last)).astimezone(UTC)

    def shows(self, wall: datetime) -> bool:
        """Whether the clock ever shows this: an hour is left out in spring."""
        return self.wall(self.instant(wall)).replace(tzinfo=None) == wall

    def _turns(self, moment: datetime) -> Iterator[datetime]:
        """The moments at which it may open."""
        yield moment
        yield from (self.instant(freeze.end, last=True) for freeze in self.freezes)
        today = self.wall(moment).date()
        for day in (today + timedelta(days=ahead) for ahead in range(-1, HORIZON_DAYS)):
            for window in self.windows:
                if day.weekday() in window.days:
                    yield self._begin(day, window.start)

    def _begin(self, day: date, start: time) -> datetime:
        """A start in the hour that is left out in spring is the end of that hour."""
        wall = datetime.combine(day, start)
        moment = self.instant(wall, last=not self.shows(wall))
        while self.wall(moment).replace(tzinfo=None) < wall:
            moment += timedelta(minutes=1)
        return moment


#: What a place without windows and freezes keeps.
ALWAYS_OPEN = Calendar()


def zone_of(name: str) -> tzinfo:
    """UTC needs no time zone database. Raises NotACalendar."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise NotACalendar(
            f"{name!r} is no time zone that this machine knows. Use a name of the IANA database, such as "
            "Europe/Berlin; where none is known, install the package tzdata."
        ) from None


def window(text: str) -> Window:
    """Raises NotACalendar."""
    match = _WINDOW.fullmatch(text)
    try:
        if match:
            return Window(
                days=frozenset(_days(match["days"])),
                start=time.fromisoformat(match["start"]),
                end=time.fromisoformat(match["end"]),
                text=text,
            )
    except ValueError:
        pass
    raise NotACalendar(f"{text!r} is no window; write it like 'Mon-Thu 09:00-17:00' or 'Sat,Sun 22:00-02:00'.")


def freeze(start: date | datetime, end: date | datetime, reason: str = "") -> Freeze:
    """A day without a time is meant whole. Raises NotACalendar."""
    first = start if isinstance(start, datetime) else datetime.combine(start, time())
    last = end if isinstance(end, datetime) else datetime.combine(end + timedelta(days=1), time())
    if first.tzinfo or last.tzinfo:
        raise NotACalendar("the times of a freeze are those of `time_zone`; write them without an offset.")
    if last <= first:
        raise NotACalendar(f"the freeze from {start} ends before it begins.")
    return Freeze(start=first, end=last, reason=reason)


def _days(text: str) -> Iterator[int]:
    for part in text.split(","):
        first, _, last = part.partition("-")
        start, end = DAYS.index(first), DAYS.index(last or first)
        yield from ((start + step) % 7 for step in range((end - start) % 7 + 1))
