"""What is known of saved rows: one line of the register, what was copied, what bringing it back would do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboard.engine.migration import Identified
from dashboard.engine.plan import Copy

SCHEMA = "signalbox_saved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Save(Identified):
    """One line of the register."""

    copy: Copy
    rows: int
    action: str  # what destroyed them: apply or rollback
    version: str
    name: str
    run_id: str
    attempt_id: str = ""  # empty where an older Signalbox saved it
    by: str
    at: datetime
    brought_back_at: datetime | None
    brought_back_by: str | None
    brought_back_in: str | None
    exists: bool  # the copy has not been dropped by hand
    left: int = 0  # values or rows that did not come back then

    @property
    def run_key(self) -> str:
        """What names the run that saved it: its attempt, or in older rows its number."""
        return self.attempt_id or self.run_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """Rows that were saved, or brought back. Of the latter, `gone` had no row to return to, and `kept` hold something
    newer."""

    what: str  # platform.users (plan)
    saved: str  # the table in signalbox_saved
    rows: int  # of copied columns that were brought back: values
    columns: tuple[str, ...] = ()  # those that were copied; empty: whole rows
    gone: int = 0
    kept: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What bringing a copy back would do now: counted in rows, or in values where columns were copied."""

    fills: int  # put where nothing stands
    differs: int  # stand there with something else: kept, or overwritten where that is asked for
    gone: int = 0  # have no row to return to
    triggers: tuple[str, ...] = ()  # that this role cannot keep silent
