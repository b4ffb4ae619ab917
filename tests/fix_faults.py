"""The fault suite's size, and the table of figures at its end.

A fault test puts its figures into `tally`; they travel with its report, so that the summary also adds up when
several processes run the tests.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import Any

import pytest

from tests.fix_suites import everything_is_asked_for

SIZE_VARIABLE = "SIGNALBOX_FAULT_SIZE"
PROPERTY = "faults"
NAIVE = "naive runner: "


class Size(StrEnum):
    SMALL = "small"  # with every `make test`: one round of what is quick
    CI = "ci"  # with SIGNALBOX_TESTS=all, and `make faults`
    FULL = "full"  # by hand, before a release


def size() -> Size:
    asked = os.environ.get(SIZE_VARIABLE, "")
    return Size(asked) if asked else Size.CI if everything_is_asked_for() else Size.SMALL


def sized(small: int, ci: int, full: int) -> int:
    """How often something is done, by the size that was asked for."""
    return {Size.SMALL: small, Size.CI: ci, Size.FULL: full}[size()]


@dataclass
class Tally:
    """What one test counted. `part` is a line of the summary."""

    part: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    peaks_mb: list[int] = field(default_factory=list)  # of the memory of worker processes

    def add(self, **counts: int) -> None:
        self.counts.update({name: int(number) for name, number in counts.items()})

    def took(self, seconds: float) -> None:
        self.seconds.append(round(seconds, 3))


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Iterator[Tally]:
    kept = Tally()
    yield kept
    record_property(
        PROPERTY, {"part": kept.part, "counts": dict(kept.counts), "seconds": kept.seconds, "peaks": kept.peaks_mb}
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    parts = _added_up(terminalreporter)
    if not parts:
        return
    terminalreporter.section(f"faults ({size()})")
    for name in sorted(parts):
        if not name.startswith(NAIVE):
            terminalreporter.line(_line(name, parts[name]) + _caught(parts.get(NAIVE + name)))


def _caught(naive: Tally | None) -> str:
    """Beside our figures those of the runner that is wrong on purpose: a suite that never fails proves nothing."""
    if naive is None:
        return ""
    return f" (naive runner: {naive.counts['double']} double, {naive.counts['lost']} lost of {naive.counts['runs']})"


def _added_up(terminalreporter: pytest.TerminalReporter) -> dict[str, Tally]:
    parts: dict[str, Tally] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            for value in _figures(report):
                part = parts.setdefault(value["part"], Tally(part=value["part"]))
                part.counts.update(value["counts"])
                part.seconds += value["seconds"]
                part.peaks_mb += value["peaks"]
    return parts


def _figures(report: Any) -> list[dict[str, Any]]:
    """Of the phase that comes last: only then has the test recorded everything."""
    if getattr(report, "when", "") != "teardown":
        return []
    return [value for name, value in report.user_properties if name == PROPERTY and value["part"]]


def _line(name: str, part: Tally) -> str:
    counts = " · ".join(f"{name.replace('_', ' ')} {number}" for name, number in part.counts.items())
    if part.seconds:
        counts += f" · recovery median {median(part.seconds):.2f} s max {max(part.seconds):.2f} s"
    if part.peaks_mb:
        counts += f" · largest worker {max(part.peaks_mb)} MB"
    return f"{name}: {counts}"
