"""Goal -> Plan. Pure: reads nothing, runs nothing.

One function for each goal. Each raises NothingToDo, or PlanBlocked where something stands in the way.
"""

from dashboard.engine.planner.applying import (
    accept_edits,
    apply,
    bring_back,
    inverse,
    is_newest_part,
    repair,
    reset,
    restore_record,
    resume,
    rollback,
    rollback_reach,
    skip,
    unskip,
)

__all__ = [
    "accept_edits",
    "apply",
    "bring_back",
    "inverse",
    "is_newest_part",
    "repair",
    "reset",
    "restore_record",
    "resume",
    "rollback",
    "rollback_reach",
    "skip",
    "unskip",
]
