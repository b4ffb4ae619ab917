"""Goal -> Plan. Pure: reads nothing, runs nothing.

One function for each goal. Each raises NothingToDo, or PlanBlocked where something stands in the way.
"""

from dashboard.engine.planner.applying import apply
from dashboard.engine.planner.importing import import_history
from dashboard.engine.planner.marking import baseline, doubted, mark_applied, relations_of
from dashboard.engine.planner.preview import row_changes
from dashboard.engine.planner.records import accept_changes, accept_edits, restore_record, skip, unskip
from dashboard.engine.planner.rolling_back import bring_back, inverse, is_newest_part, rollback, rollback_reach
from dashboard.engine.planner.unfinished import repair, reset, resume

__all__ = [
    "accept_changes",
    "accept_edits",
    "apply",
    "baseline",
    "bring_back",
    "doubted",
    "import_history",
    "inverse",
    "is_newest_part",
    "mark_applied",
    "relations_of",
    "repair",
    "reset",
    "restore_record",
    "resume",
    "rollback",
    "rollback_reach",
    "row_changes",
    "skip",
    "unskip",
]
