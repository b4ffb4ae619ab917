"""How the migrations of an environment stand now, asked of its target and not of the last look: for whoever decides by
the answer, as a CI does."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.engine import status
from dashboard.engine.imports import due
from dashboard.engine.migration import AppliedMigration, Folder, Kind, OtherHistory
from dashboard.engine.plan import Target
from dashboard.engine.status import MigrationStatus
from dashboard.models.environments import Environment
from dashboard.selectors import folders
from dashboard.services import targets


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveStanding:
    target: Target
    folder: Folder
    statuses: tuple[MigrationStatus, ...]

    @property
    def latest(self) -> AppliedMigration | None:
        """The highest version that stands there."""
        rows = self.target.history.rows
        standing = [row for row in rows if row.success and row.kind is not Kind.SKIPPED and not row.is_repeatable]
        return max(standing, key=lambda row: row.identity.key, default=None)

    @property
    def not_imported(self) -> tuple[OtherHistory, ...]:
        """Histories of other tools that wait to be imported."""
        return due.histories(self.folder, self.target.history)

    @property
    def pending(self) -> tuple[MigrationStatus, ...]:
        return tuple(item for item in self.statuses if item.is_pending)


def applied(environment: Environment, version: str) -> AppliedMigration | None:
    """What its target says of that version, where it stands there. Raises what reading the target does."""
    rows = targets.look(environment).history.rows
    standing = (row for row in rows if row.version == version and row.success and row.kind is not Kind.SKIPPED)
    return next(standing, None)


def now(environment: Environment) -> LiveStanding:
    """Raises what reading the folder and the target do."""
    target, folder = targets.look(environment), folders.read(environment)
    return LiveStanding(target=target, folder=folder, statuses=status.compute(folder, target.history))
