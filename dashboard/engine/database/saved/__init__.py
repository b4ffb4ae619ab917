"""Rows kept in the schema `signalbox_saved` before they are destroyed, and put back from there.

A table and its columns are known by their numbers, which a rename keeps: by its own step a name may stand for another.

A copy depends on nothing of the project: a type or collation of its own becomes text, or the migration could not drop
it, and so does a reference to an object. Nobody but the role of Signalbox may read a copy. Copies are never dropped by
Signalbox.
"""

from dashboard.engine.database.saved.fitting import misfit, obstacle
from dashboard.engine.database.saved.register import read
from dashboard.engine.database.saved.returning import outlook, quickly
from dashboard.engine.database.saved.steps import work
from dashboard.engine.database.saved.values import SCHEMA, Copied, Outlook, Save

__all__ = ["SCHEMA", "Copied", "Outlook", "Save", "misfit", "obstacle", "outlook", "quickly", "read", "work"]
