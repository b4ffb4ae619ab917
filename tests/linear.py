"""Work in proportion to what there is. Steps of Python are counted, not seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

FEW, MANY = 60, 240
FACTOR = MANY / FEW
#: Sorting and the odd constant; quadratic work would be FACTOR times too much.
TOLERANCE = 1.4


def steps_of(work: Callable[[], Any]) -> int:
    """How many calls, jumps and resumptions of generators the work takes."""
    monitoring, count = sys.monitoring, 0

    def seen(*_: Any) -> None:
        nonlocal count
        count += 1

    tool = next(number for number in range(6) if monitoring.get_tool(number) is None)
    events = monitoring.events.PY_START | monitoring.events.PY_RESUME | monitoring.events.CALL | monitoring.events.JUMP
    monitoring.use_tool_id(tool, "linear work")
    try:
        for event in (1 << bit for bit in range(events.bit_length()) if events >> bit & 1):
            monitoring.register_callback(tool, event, seen)
        monitoring.set_events(tool, events)
        work()
    finally:
        monitoring.set_events(tool, 0)
        monitoring.free_tool_id(tool)
    return count


def assert_linear(work: Callable[[int], Callable[[], Any]]) -> None:
    few, many = steps_of(work(FEW)), steps_of(work(MANY))
    assert many <= few * FACTOR * TOLERANCE
